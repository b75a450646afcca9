"""What is decided about an instance that runs and is impaired, and about many of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.decisions.recovery import debts, decide, learn, outage
from fleetmend.core.decisions.recovery.mass import Brake, Pace
from fleetmend.core.model import (
    Attempt,
    Check,
    Hold,
    Instance,
    Intent,
    IntentState,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)
from fleetmend.core.scope import Ailing
from tests.unit.core.strategies import instances, records

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOVE = RecoveryPolicy(impaired="move")
REBOOT = RecoveryPolicy(impaired="reboot")
OFF = RecoveryPolicy()
SCOPE = {"Auto-Recover": "true"}
HELD = {**SCOPE, "fleetmend:hold-until": "2030-01-01T00:00Z"}
MEMBER = {**SCOPE, "aws:autoscaling:groupName": "g"}


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def ill(*failing: str, **facts) -> Instance:
    checks = [
        Check(name, "impaired" if name in failing else "ok") for name in ("system", "instance")
    ]
    checks += [Check(name, "impaired") for name in failing if name not in {"system", "instance"}]
    facts.setdefault("tags", SCOPE)
    facts.setdefault("launched_at", ago(6000))
    return Instance("i-1", "running", NOW, "m7g.large", "z-1", checks=tuple(checks), **facts)


def opened(minutes: float, *attempts: Attempt, **fields) -> Record:
    return Record(
        "recovery", "i-1", Status.OPEN, opened_at=ago(minutes), attempts=attempts, **fields
    )


def tried(act: str, minutes: float, result: Result = Result.ACCEPTED) -> Attempt:
    return Attempt(ago(minutes), result, act=act)


REBOOTED = tried("reboot", 11)
MOVED = (tried("reboot", 40), tried("stop", 25), tried("", 24))

TABLE = [
    # what, seen, record, policy, reason, act
    ("switched off", ill("instance"), None, OFF, "running", ""),
    ("first sight", ill("instance"), None, MOVE, "impaired", ""),
    ("EC2 has its time", ill("instance"), opened(9), MOVE, "impaired", ""),
    ("an instance check", ill("instance"), opened(11), MOVE, "rebooting", "reboot"),
    ("an instance check, by reboots only",
     ill("instance"), opened(11), REBOOT, "rebooting", "reboot"),
    ("a system check", ill("system"), opened(11), MOVE, "stopping", "stop"),
    ("attached EBS", ill("attached-ebs"), opened(11), MOVE, "stopping", "stop"),
    ("both checks", ill("system", "instance"), opened(11), MOVE, "stopping", "stop"),
    ("a system check, by reboots only", ill("system"), opened(11), REBOOT, "exhausted", ""),
    ("a check of tomorrow", ill("application"), opened(11), MOVE, "exhausted", ""),
    ("just rebooted", ill("instance"), opened(20, tried("reboot", 5)), MOVE, "impaired", ""),
    ("a reboot did not help", ill("instance"), opened(30, REBOOTED), MOVE, "stopping", "stop"),
    ("nor may more be done", ill("instance"), opened(30, REBOOTED), REBOOT, "exhausted", ""),
    ("nor another host", ill("instance"), opened(60, *MOVED), MOVE, "exhausted", ""),
    ("volumes on the host", ill("system", stores=True), opened(11), MOVE, "exhausted", ""),
    ("the same, and a reboot",
     ill("instance", stores=True), opened(11), MOVE, "rebooting", "reboot"),
    ("lately started", ill("system", launched_at=ago(3)), opened(11), MOVE, "impaired", ""),
    ("no start is left", ill("system"), opened(90, *[tried("", 60)] * 3), MOVE, "exhausted", ""),
    ("throttled",
     ill("system"), opened(30, tried("stop", 12, Result.THROTTLED)), MOVE, "stopping", "stop"),
    ("throttled long",
     ill("system"), opened(99, tried("stop", 61, Result.THROTTLED)), MOVE, "exhausted", ""),
    ("given up",
     ill("system"), replace(opened(60), status=Status.EXHAUSTED), MOVE, "exhausted", ""),
    ("told to retry", ill("system"), opened(0, reason="retry"), MOVE, "stopping", "stop"),
    ("held by tag", ill("system", tags=HELD), opened(11), MOVE, "held", ""),
    ("held",
     ill("system"), opened(11, hold=Hold(NOW + timedelta(hours=1), "ana", "x")), MOVE, "held", ""),
    ("quarantined",
     ill("system", tags={**SCOPE, "quarantine": "x"}), opened(11), MOVE, "quarantined", ""),
    ("in a group", ill("system", tags=MEMBER), opened(11), MOVE, "in-group", ""),
    ("spot", ill("system", lifecycle="spot"), opened(11), MOVE, "spot", ""),
    ("out of scope", ill("system", tags={}), None, MOVE, "out-of-scope", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "stored", "policy", "reason", "act"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_what_is_seen_and_recorded_decides(seen, stored, policy, reason, act):
    decision = decide("i-1", seen, stored, policy, NOW, "n-1")
    assert (decision.reason, decision.act) == (reason, act)
    if act:
        assert decision.record.intent.action == act
        assert decision.record.intent.state is IntentState.PLANNED
        assert decision.record.attempts == stored.attempts  # planned spends nothing


@pytest.mark.parametrize("brake", [Brake(held="a mass stop"), Brake(outage="3 at once")])
def test_nothing_is_mended_in_a_mass_stop_or_an_outage(brake):
    decision = decide("i-1", ill("system"), opened(11), MOVE, NOW, "n", brake=brake)
    assert (decision.act, decision.record.status) == ("", Status.REFUSED)


def test_none_is_stopped_whose_start_would_wait_in_a_paced_start():
    coming = Brake(pace=Pace((), -1, ago(0.5), timedelta(minutes=1)))
    decision = decide("i-1", ill("system"), opened(11), MOVE, NOW, "n", brake=coming)
    assert (decision.reason, decision.act) == ("paced", "")
    assert decision.record.next_look_at == NOW + timedelta(minutes=0.5)
    rebooted = decide("i-1", ill("instance"), opened(11), MOVE, NOW, "n", brake=coming)
    assert rebooted.act == "reboot"
    came = Brake(pace=Pace((), 0, ago(0.5), timedelta(minutes=1)))
    assert decide("i-1", ill("system"), opened(11), MOVE, NOW, "n", brake=came).act == "stop"


def test_it_is_told_once_with_what_comes_next():
    first = decide("i-1", ill("instance"), None, MOVE, NOW, "n").record
    [alert] = first.alerts
    assert alert.kind == "impaired"
    assert alert.done == "It is rebooted at 2026-03-01 12:10:00 UTC."
    assert "instance impaired" in alert.why
    later = NOW + timedelta(minutes=4)
    seen = replace(ill("instance"), observed_at=later)
    assert decide("i-1", seen, first, MOVE, later, "n").record == first


def planned(act: str) -> Intent:
    return Intent("n-0", act, IntentState.PLANNED, ago(5), ago(3))


EXPIRED = [
    ("reboot", ill("instance"), 1),
    ("stop", ill("system"), 0),
    ("stop", replace(ill(), state="stopping", checks=()), 1),
    ("stop", replace(ill(), state="stopped", checks=()), 1),
    ("stop", ill("system", launched_at=ago(2)), 1),
]


@pytest.mark.parametrize(("act", "seen", "spent"), EXPIRED)
def test_a_plan_that_ran_out_is_judged_by_what_is_seen(act, seen, spent):
    stored = opened(12, intent=planned(act))
    assert decide("i-1", seen, stored, MOVE, NOW, "n").record.issued(act) == spent


def test_what_was_stopped_to_move_it_is_started_also_after_a_crash():
    stopped = replace(ill(), state="stopped", checks=())
    decision = decide("i-1", stopped, opened(12, intent=planned("stop")), MOVE, NOW, "n")
    assert decision.act == "start"
    assert decision.record.spent == 0


def test_a_start_before_the_move_is_no_failure_of_the_start_after_it():
    stored = opened(60, tried("", 50), tried("stop", 1))
    stopped = replace(ill(), state="stopped", checks=())
    decision = decide("i-1", stopped, stored, MOVE, NOW, "n")
    assert decision.act == "start"
    assert [one.result for one in decision.record.attempts] == [Result.ACCEPTED] * 2


def test_held_between_stop_and_start_stays_down_and_is_told():
    hold = Hold(NOW + timedelta(hours=1), "ana", "wait")
    stored = opened(12, tried("stop", 1), hold=hold)
    stopped = replace(ill(), state="stopped", checks=())
    decision = decide("i-1", stopped, stored, MOVE, NOW, "n")
    assert decision.reason == "held"
    assert [alert.kind for alert in decision.record.alerts] == ["left-down"]


STOPPED = replace(ill(), state="stopped", checks=())


def kinds(decision):
    return [alert.kind for alert in decision.record.alerts]


def test_untagged_between_stop_and_start_is_told_and_let_go():
    stored = opened(12, tried("stop", 1))
    decision = decide("i-1", replace(STOPPED, tags={}), stored, MOVE, NOW, "n")
    assert (decision.act, decision.record.status) == ("", Status.CLOSED)
    assert kinds(decision) == ["left-down"]


@pytest.mark.parametrize(
    ("seen", "stored"),
    [
        (ill(), opened(12, tried("stop", 1))),  # it never went down
        (STOPPED, opened(12)),  # it was not we
        (STOPPED, opened(12, tried("stop", 5), tried("", 3))),  # it was started since
        (STOPPED, opened(12, tried("stop", 1, Result.THROTTLED))),  # the stop was not taken
    ],
)
def test_what_we_do_not_owe_is_let_go_without_a_word(seen, stored):
    decision = decide("i-1", replace(seen, tags={}), stored, MOVE, NOW, "n")
    assert kinds(decision) == []


def test_without_capacity_since_it_is_still_ours_to_tell():
    stored = opened(12, tried("stop", 3), tried("", 1, Result.CAPACITY))
    decision = decide("i-1", replace(STOPPED, tags={}), stored, MOVE, NOW, "n")
    assert kinds(decision) == ["left-down"]


def test_a_mass_stop_between_stop_and_start_holds_it_and_is_told():
    brake = Brake(held="a mass stop")
    decision = decide("i-1", STOPPED, opened(12, tried("stop", 1)), MOVE, NOW, "n", brake=brake)
    assert (decision.act, decision.reason, kinds(decision)) == ("", "mass-stop", ["left-down"])
    decision = decide("i-1", STOPPED, opened(12), MOVE, NOW, "n", brake=brake)
    assert kinds(decision) == []


def test_where_nothing_may_be_done_what_we_stopped_is_told_once_and_nothing_else_is_touched():
    stored = opened(12, tried("stop", 1))
    decision = debts.decide(STOPPED, stored, MOVE, NOW, "the mode is off")
    assert (decision.act, kinds(decision)) == ("", ["left-down"])
    assert replace(decision.record, alerts=()) == stored
    again = debts.decide(STOPPED, decision.record, MOVE, NOW, "the mode is off")
    assert again.record == decision.record
    assert debts.decide(ill(), stored, MOVE, NOW, "off").record == stored
    assert debts.decide(STOPPED, opened(12), MOVE, NOW, "off").record == opened(12)
    assert debts.decide(None, None, MOVE, NOW, "off").record is None


def test_a_stop_that_a_crash_left_planned_is_a_debt_too():
    live = opened(12, intent=planned("stop"))
    assert debts.may_be_owed(live)
    assert not debts.may_be_owed(opened(12, intent=planned("reboot")))
    assert not debts.may_be_owed(None)
    decision = debts.decide(STOPPED, live, MOVE, NOW, "off")
    assert kinds(decision) == ["left-down"]


RESULTS = [
    (Result.ACCEPTED, Status.OPEN, 1),
    (Result.UNKNOWN, Status.OPEN, 1),
    (Result.THROTTLED, Status.OPEN, 0),
    (Result.CONFLICT, Status.OPEN, 0),
    (Result.REFUSED, Status.EXHAUSTED, 1),
    (Result.WOULD, Status.REFUSED, 0),
    (Result.GONE, Status.CLOSED, 0),
]


@pytest.mark.parametrize(("result", "status", "spent"), RESULTS)
@pytest.mark.parametrize("act", ["reboot", "stop"])
def test_what_aws_said_is_learnt(act, result, status, spent):
    stored = opened(11, intent=planned(act))
    learned = learn(stored, Outcome(result, "Code", "words."), MOVE, NOW)
    assert (learned.status, learned.issued(act), learned.spent) == (status, spent, 0)
    if status is Status.OPEN:
        assert learned.next_look_at


def test_recovery_tells_what_was_done():
    well = ill()
    told = decide("i-1", well, opened(60, *MOVED), MOVE, NOW, "n").record.alerts[-1]
    assert "after a reboot and a move to another host:" in told.text


@given(instances, records)
def test_no_act_but_of_the_impaired_and_as_switched_on(seen, stored):
    for policy in (OFF, REBOOT, MOVE):
        act = decide("i-1", seen, stored, policy, NOW, "n").act
        if act in {"reboot", "stop"}:
            assert seen.state == "running"
            assert any(check.status == "impaired" for check in seen.checks)
            assert act == "reboot" or (policy is MOVE and not seen.stores)
            assert policy is not OFF


@given(st.integers(0, 6), st.none() | records)
def test_an_outage_is_so_many_at_once(count, stored):
    stored = stored and replace(stored, subject="mass-impaired", written_at=None)
    seen = Ailing(tuple(f"i-{k}" for k in range(count)), NOW)
    decision = outage.decide(seen, stored, MOVE, NOW)
    assert not decision.act
    tripped = decision.record is not None and decision.record.status is Status.EXHAUSTED
    assert tripped == (count >= MOVE.impaired_mass)


def test_an_outage_is_told_once_and_its_end_too():
    many, few = Ailing(("i-1", "i-2", "i-3"), NOW), Ailing(("i-1",), NOW)
    first = outage.decide(many, None, MOVE, NOW).record
    again = outage.decide(many, first, MOVE, NOW).record
    over = outage.decide(few, again, MOVE, NOW).record
    assert again == first
    assert [alert.kind for alert in over.alerts] == ["mass-impaired", "mass-impaired-over"]
    assert over.status is Status.CLOSED

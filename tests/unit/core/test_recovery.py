"""The decisions of recovery, from tables: what is seen and recorded in, what to do out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleetmend.core.decisions.recovery import decide, learn
from fleetmend.core.model import (
    Attempt,
    Check,
    Hold,
    Instance,
    Intent,
    IntentState,
    Mode,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = RecoveryPolicy()
OK = (Check("system", "ok"), Check("instance", "ok"))
SCOPE = {"Auto-Recover": "true"}


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def instance(state: str = "stopped", **facts) -> Instance:
    facts.setdefault("tags", SCOPE)
    return Instance("i-1", state, NOW, "m7g.large", "z-1", **facts)


def record(status: Status = Status.OPEN, **fields) -> Record:
    fields.setdefault("opened_at", NOW - seconds(60))
    fields.setdefault("revision", 1)
    return Record("recovery", "i-1", status, **fields)


def tried(result: Result, ago: float, code: str = "") -> Attempt:
    return Attempt(NOW - seconds(ago), result, code)


def planned(ago: float, *, state: IntentState = IntentState.PLANNED) -> Intent:
    at = NOW - seconds(ago)
    return Intent("n-0", "start", state, at, at + POLICY.intent_lifetime)


HELD = {**SCOPE, "fleetmend:hold-until": "2026-03-01T13:00:00Z"}


def outcome_of(seen, stored=None, policy=POLICY, now=NOW):
    return decide("i-1", seen, stored, policy, now, "n-1")


GATES = [
    # what, seen, record, reason, act
    ("stopped and in scope", instance(), None, "starting", "start"),
    ("no tag", instance(tags={}), None, "out-of-scope", ""),
    ("near miss of the value", instance(tags={"Auto-Recover": "True"}), None, "out-of-scope", ""),
    ("near miss of the key", instance(tags={"auto-recover": "true"}), None, "out-of-scope", ""),
    (
        "in a group",
        instance(tags={**SCOPE, "aws:autoscaling:groupName": "web"}),
        None,
        "in-group",
        "",
    ),
    ("spot", instance(lifecycle="spot"), None, "spot", ""),
    (
        "held by tag",
        instance(tags={**SCOPE, "fleetmend:hold-until": "2026-03-01T13:00:00Z"}),
        None,
        "held",
        "",
    ),
    (
        "hold tag over",
        instance(tags={**SCOPE, "fleetmend:hold-until": "2026-03-01T11:59:59Z"}),
        None,
        "starting",
        "start",
    ),
    (
        "hold tag unreadable holds",
        instance(tags={**SCOPE, "fleetmend:hold-until": "until monday"}),
        None,
        "held",
        "",
    ),
    (
        "held by record",
        instance(),
        record(Status.CLOSED, hold=Hold(NOW + seconds(60), "ann", "patching")),
        "held",
        "",
    ),
    ("terminated, nothing recorded", instance("terminated"), None, "terminated", ""),
    ("unknown to AWS, nothing recorded", None, None, "gone", ""),
    ("running, nothing recorded", instance("running"), None, "running", ""),
    ("pending, nothing recorded", instance("pending"), None, "pending", ""),
    ("stopping", instance("stopping"), None, "stopping", ""),
    ("another run is at it", instance(), record(intent=planned(10)), "in-flight", ""),
    (
        "an intent that ran out with nothing begun",
        instance(launched_at=NOW - seconds(9000)),
        record(intent=planned(91)),
        "starting",
        "start",
    ),
    (
        "an intent that ran out, but the start was sent",
        instance(launched_at=NOW - seconds(90)),
        record(intent=planned(91)),
        "too-early",
        "",
    ),
    (
        "just accepted, EC2 still says stopped",
        instance(),
        record(attempts=(tried(Result.ACCEPTED, 20),)),
        "settling",
        "",
    ),
    (
        "fell back, not yet time",
        instance(),
        record(attempts=(tried(Result.ACCEPTED, 120),)),
        "too-early",
        "",
    ),
    (
        "fell back, time",
        instance(),
        record(attempts=(tried(Result.ACCEPTED, 361),)),
        "starting",
        "start",
    ),
    (
        "three starts fell back",
        instance(),
        record(
            attempts=(
                tried(Result.FELL_BACK, 900),
                tried(Result.FELL_BACK, 600),
                tried(Result.ACCEPTED, 400),
            )
        ),
        "exhausted",
        "",
    ),
    ("exhausted stays exhausted", instance(), record(Status.EXHAUSTED), "exhausted", ""),
    (
        "no capacity, too early",
        instance(),
        record(attempts=(tried(Result.CAPACITY, 29),)),
        "too-early",
        "",
    ),
    (
        "no capacity, time",
        instance(),
        record(attempts=(tried(Result.CAPACITY, 30),)),
        "starting",
        "start",
    ),
    (
        "capacity window used up",
        instance(),
        record(attempts=(tried(Result.CAPACITY, 3600), tried(Result.CAPACITY, 400))),
        "exhausted",
        "",
    ),
    (
        "running, checks ok",
        instance("running", checks=OK),
        record(attempts=(tried(Result.ACCEPTED, 100),)),
        "recovered",
        "",
    ),
    ("running, no check reported yet", instance("running"), record(), "verifying", ""),
    (
        "running, one check still initializing",
        instance("running", checks=(*OK, Check("attached-ebs", "initializing"))),
        record(),
        "verifying",
        "",
    ),
    (
        "exhausted, then healthy",
        instance("running", checks=OK),
        record(Status.EXHAUSTED, attempts=(tried(Result.REFUSED, 100),)),
        "recovered",
        "",
    ),
    (
        "observed too long ago",
        replace(instance(), observed_at=NOW - seconds(31)),
        None,
        "stale",
        "",
    ),
    (
        "observed before the record was written",
        instance(),
        record(written_at=NOW + timedelta(milliseconds=1)),
        "stale",
        "",
    ),
]


@pytest.mark.parametrize(
    ("what", "seen", "stored", "reason", "act"), GATES, ids=[g[0] for g in GATES]
)
def test_what_is_seen_and_recorded_decides(what, seen, stored, reason, act):
    decision = outcome_of(seen, stored)
    assert (decision.reason, decision.act) == (reason, act)


def test_off_does_nothing_at_all():
    stored = record(attempts=(tried(Result.ACCEPTED, 400),))
    decision = outcome_of(instance(), stored, replace(POLICY, mode=Mode.OFF))
    assert decision.record is stored
    assert not decision.act


def test_a_planned_start_is_written_with_its_end_and_spends_nothing():
    planned_record = outcome_of(instance()).record
    assert planned_record.intent == Intent(
        "n-1", "start", IntentState.PLANNED, NOW, NOW + POLICY.intent_lifetime
    )
    assert planned_record.spent == 0
    assert planned_record.next_look_at == NOW + POLICY.intent_lifetime


def test_three_crashes_before_acting_exhaust_nothing():
    stored = None
    now = NOW
    for _ in range(3):
        decision = decide("i-1", replace(instance(), observed_at=now), stored, POLICY, now, "n")
        assert decision.act == "start"
        stored = decision.record
        now += POLICY.intent_lifetime
    assert stored.spent == 0


SPENDS = [
    (Result.ACCEPTED, 1, Status.OPEN, None),
    (Result.UNKNOWN, 1, Status.OPEN, None),
    (Result.REFUSED, 1, Status.OPEN, "attempt-failed"),
    (Result.CAPACITY, 0, Status.OPEN, "capacity"),
    (Result.THROTTLED, 0, Status.OPEN, None),
    (Result.CONFLICT, 0, Status.OPEN, None),
    (Result.NOT_SENT, 0, Status.OPEN, None),
    (Result.GONE, 0, Status.CLOSED, "gone"),
    (Result.WOULD, 0, Status.REFUSED, None),
]


@pytest.mark.parametrize(("result", "spent", "status", "kind"), SPENDS)
def test_only_issued_attempts_are_spent(result, spent, status, kind):
    claimed = outcome_of(instance()).record
    learned = learn(claimed, Outcome(result, "Code", "why"), POLICY, NOW + seconds(1))
    assert (learned.spent, learned.status) == (spent, status)
    assert [alert.kind for alert in learned.owed] == ([kind] if kind else [])
    assert not (learned.intent and learned.intent.state is IntentState.PLANNED)


def test_the_last_refusal_exhausts_and_says_so_once():
    stored = record(
        attempts=(tried(Result.REFUSED, 700), tried(Result.REFUSED, 350)), intent=planned(1)
    )
    learned = learn(stored, Outcome(Result.REFUSED, "Bad", "no"), POLICY, NOW)
    assert learned.status is Status.EXHAUSTED
    assert [alert.kind for alert in learned.owed] == ["exhausted"]
    assert (learned.owed[0].text, learned.owed[0].why) == (
        "i-1 stays down: 3 of 3 attempts used",
        "Bad no",
    )


def test_capacity_back_off_doubles_to_five_minutes():
    stored, now, waits = record(attempts=()), NOW, []
    for _ in range(6):
        stored = learn(replace(stored, intent=planned(0)), Outcome(Result.CAPACITY), POLICY, now)
        waits.append((stored.next_look_at - now).total_seconds())
        now = stored.next_look_at
    assert waits == [30, 60, 120, 240, 300, 300]
    assert len(stored.owed) == 1


def test_recovery_is_told_with_what_was_verified():
    stored = record(attempts=(tried(Result.ACCEPTED, 100),))
    decision = outcome_of(instance("running", checks=OK), stored)
    assert decision.record.status is Status.CLOSED
    assert [alert.kind for alert in decision.record.owed] == ["recovered"]
    assert decision.record.is_open, "an alert that is owed keeps the sweep coming back"


def test_what_came_back_by_itself_is_closed_in_silence():
    decision = outcome_of(instance("running", checks=OK), record(attempts=()))
    assert decision.record.status is Status.CLOSED
    assert not decision.record.alerts


def test_impaired_is_told_once_and_never_closed():
    ill = instance("running", checks=(Check("system", "impaired"), Check("instance", "ok")))
    stored = record(attempts=(tried(Result.ACCEPTED, 100),))
    first = outcome_of(ill, stored).record
    again = outcome_of(ill, first).record
    assert [alert.kind for alert in again.owed] == ["impaired"]
    assert again.status is Status.OPEN


def test_a_new_incident_has_its_own_budget_and_facts():
    old = record(Status.CLOSED, attempts=(tried(Result.FELL_BACK, 9000),) * 3)
    decision = outcome_of(instance(), old)
    assert decision.act == "start"
    assert decision.record.attempts == ()
    assert decision.record.opened_at == NOW


def test_a_held_incident_keeps_what_it_spent():
    stored = record(
        attempts=(tried(Result.FELL_BACK, 800),), hold=Hold(NOW + seconds(60), "ann", "why")
    )
    held = outcome_of(instance(), stored).record
    assert (held.status, held.spent, held.next_look_at) == (Status.REFUSED, 1, NOW + seconds(60))
    later = NOW + seconds(61)
    freed = decide("i-1", replace(instance(), observed_at=later), held, POLICY, later, "n")
    assert freed.act == "start"
    assert freed.record.spent == 1


def test_a_look_already_set_for_sooner_costs_no_write():
    stored = record(attempts=(tried(Result.ACCEPTED, 5),))
    once = outcome_of(instance("pending"), stored).record
    assert outcome_of(instance("pending"), once, now=NOW + seconds(1)).record == once


OWNED = [
    ("managed", {}, {"operator": "eks.amazonaws.com"}),
    ("managed", {}, {"operator": ""}),
    ("eks", {"kubernetes.io/cluster/shop": "owned"}, {}),
    ("eks", {"aws:eks:cluster-name": "shop"}, {}),
    ("eks", {"eks:cluster-name": "shop"}, {}),
    ("karpenter", {"karpenter.sh/nodepool": "default"}, {}),
    ("karpenter", {"karpenter.k8s.aws/ec2nodeclass": "default"}, {}),
    ("batch", {"AWSBatchServiceTag": "batch"}, {}),
    ("emr", {"aws:elasticmapreduce:job-flow-id": "j-1"}, {}),
    ("scheduler", {"Schedule": "office-hours"}, {}),
    ("quarantined", {"QUARANTINE": ""}, {}),
]


@pytest.mark.parametrize(("code", "tags", "facts"), OWNED)
def test_what_another_looks_after_is_left_to_it(code, tags, facts):
    seen = instance(tags={**SCOPE, **tags}, **facts)
    decision = outcome_of(seen)
    assert (decision.reason, decision.act) == (code, "")
    assert decision.record.status is Status.REFUSED
    respected = tuple(one for one in POLICY.leave_to if one != code)
    freed = outcome_of(seen, policy=replace(POLICY, leave_to=respected))
    assert freed.act == ("" if code == "quarantined" else "start")


@pytest.mark.parametrize(
    "key", ["karpenter.sh/discovery", "schedule", "AWSBatchServiceTags", "Eks:"]
)
def test_a_near_miss_owns_nothing(key):
    assert outcome_of(instance(tags={**SCOPE, key: "x"})).act == "start"


def test_without_its_root_volume_it_is_told_once_and_started_when_it_is_back():
    first = outcome_of(instance(rootless=True)).record
    assert (first.status, first.reason) == (Status.REFUSED, "no-root-volume")
    again = outcome_of(instance(rootless=True), first).record
    assert [alert.kind for alert in again.owed] == ["no-root-volume"]
    assert outcome_of(instance(), again).act == "start"


@pytest.mark.parametrize(("since", "reason"), [(10_000, "starting"), (301, "exhausted")])
def test_what_was_kept_from_trying_is_tried_once_before_it_is_given_up(since, reason):
    """A hold, the kill switch, a mass stop: none of it is an hour without capacity."""
    told = tuple(tried(Result.CAPACITY, since + 300 * k) for k in reversed(range(13)))
    waited = record(attempts=told, opened_at=NOW - seconds(20_000))
    decision = outcome_of(instance(), waited)
    assert decision.reason == reason
    if decision.act:
        again = learn(decision.record, Outcome(Result.CAPACITY, "x"), POLICY, NOW)
        assert again.status is Status.EXHAUSTED


@pytest.mark.parametrize("checks", [OK, (Check("system", "impaired"),), ()])
def test_what_was_told_of_and_then_left_alone_is_told_to_run_again(checks):
    """A hold came after the alert: whoever was paged by it is to see its end."""
    failed = record(attempts=(tried(Result.REFUSED, 60),)).telling("attempt-failed", "x")
    left = outcome_of(instance(tags=HELD), failed).record
    assert left.status is Status.REFUSED
    decision = outcome_of(instance("running", tags=HELD, checks=checks), left)
    if checks == OK:
        assert decision.record.owed[-1].kind == "recovered"
        assert decision.record.status is Status.CLOSED
    else:
        assert decision.record == left, "nothing more is told of what is left alone"


def test_what_was_left_alone_and_nobody_was_told_of_closes_quietly():
    left = outcome_of(instance(tags=HELD)).record
    closed = outcome_of(instance("running", tags=HELD), left).record
    assert (closed.status, closed.alerts) == (Status.CLOSED, ())

"""What is rebuilt, what stays gone, what is asked about; what drifted."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.blueprint import Blueprint, Card, Disk
from fleetmend.core.decisions import rebuild
from fleetmend.core.model import (
    Attempt,
    Check,
    Decision,
    Hold,
    Instance,
    Intent,
    IntentState,
    Mode,
    Outcome,
    Record,
    Result,
    Status,
)
from fleetmend.core.rebuilding import (
    Copy,
    Memory,
    Plan,
    RebuildPolicy,
    Sighting,
    from_detail,
    to_detail,
    token,
)
from fleetmend.core.windows import Window

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
ID, NEW = "i-0123456789abcdef0", "i-0fedcba9876543210"
TAGS = {"Auto-Rebuild": "true", "Name": "api"}
OK = (Check("instance", "ok"), Check("system", "ok"))
ROOT = Disk("/dev/sda1", "vol-root", ends=True, size=8)
DATA = Disk("/dev/sdf", "vol-data", ends=False, size=20)
SHAPE = Blueprint(
    "ami-1",
    "t3.micro",
    "us-east-1a",
    root="/dev/sda1",
    private_address="10.0.0.5",
    tags=TAGS,
    disks=(ROOT, DATA),
    cards=(Card(0, "eni-0", ends=True),),
)
POLICY = RebuildPolicy(settle=timedelta(0))
"""Without the minute in which others that went too may still be on their way."""


def instance(state: str = "running", identity: str = ID, **more) -> Instance:
    given = {"tags": TAGS, "checks": OK if state == "running" else (), **more}
    return Instance(identity, state, NOW, **given)


def seen(state: str = "running", shape: Blueprint | None = SHAPE, **more) -> Sighting:
    given = {"instance": instance(state), **more}
    return Sighting(ID, NOW, shape=shape if state in {"running", "stopped"} else None, **given)


def kept(memory: Memory | None = None, **more) -> Record:
    given = {"status": Status.CLOSED, "reason": "kept", **more}
    return Record("rebuild", ID, detail=to_detail(memory or Memory(blueprint=SHAPE)), **given)


def decide(sighting: Sighting, record: Record | None = None, **policy) -> Decision:
    return rebuild.decide(ID, sighting, record, replace(POLICY, **policy), NOW, "intent")


def memory_of(decision: Decision) -> Memory:
    assert decision.record is not None
    return from_detail(decision.record.detail)


# While it is there


def test_an_incident_of_what_is_ill_now_is_looked_at_again() -> None:
    ill = seen(instance=instance(checks=(Check("instance", "impaired"),)))
    told = kept(Memory(), status=Status.OPEN, reason="retry", next_look_at=NOW)
    decision = decide(ill, told)
    assert decision.record is not None
    assert decision.record.next_look_at == NOW + POLICY.verify_look
    assert decide(ill, decision.record).record == decision.record, "and costs no write until then"
    assert decide(ill, kept()).record == kept()


def test_the_blueprint_of_what_is_healthy_is_kept_and_an_unchanged_one_costs_no_write() -> None:
    decision = decide(seen())
    assert decision.record is not None
    assert decision.record.status is Status.CLOSED
    assert memory_of(decision).blueprint == SHAPE
    again = decide(seen(), decision.record)
    assert again.record == decision.record


@pytest.mark.parametrize(
    "ill",
    [
        instance("stopped"),
        instance("pending"),
        instance(checks=()),
        instance(checks=(*OK, Check("attached-ebs", "impaired"))),
        instance(checks=(Check("instance", "initializing"),)),
    ],
)
def test_no_blueprint_of_what_is_not_healthy(ill: Instance) -> None:
    changed = replace(SHAPE, type="m5.large")
    assert decide(seen(instance=ill)).record is None
    assert decide(seen(instance=ill, shape=changed), kept()).record == kept()


@pytest.mark.parametrize(
    ("tags", "lifecycle", "code"),
    [
        ({}, "normal", "out-of-scope"),
        ({**TAGS, "aws:autoscaling:groupName": "web"}, "normal", "in-group"),
        ({**TAGS, "eks:cluster-name": "c"}, "normal", "eks"),
        ({**TAGS, "ManagedBy": "fleetmend"}, "normal", "managed"),
        (TAGS, "spot", "spot"),
    ],
)
def test_what_is_not_ours_is_forgotten(tags: dict[str, str], lifecycle: str, code: str) -> None:
    one = seen(instance=instance(tags=tags, lifecycle=lifecycle))
    assert decide(one) == Decision(code, None)
    decision = decide(one, kept())
    assert decision.reason == code
    assert memory_of(decision) == Memory()


LOST = replace(SHAPE, disks=(ROOT,))


def test_drift_is_told_by_default_and_the_blueprint_stays() -> None:
    decision = decide(seen(shape=LOST, pieces={"vol-data": "free"}), kept())
    assert (decision.reason, decision.act) == ("drifted", "")
    assert memory_of(decision).blueprint == SHAPE
    assert [alert.kind for alert in decision.record.owed] == ["drifted"]
    again = decide(seen(shape=LOST, pieces={"vol-data": "free"}), decision.record)
    assert again.record == decision.record, "told once, and no write for each look"


@pytest.mark.parametrize(
    ("drift", "pieces", "snapshots", "act"),
    [
        ("reattach", {"vol-data": "free"}, {}, "attach"),
        ("reattach", {"vol-data": "taken"}, {}, ""),
        ("reattach", {}, {"vol-data": "snap-1"}, ""),
        ("restore", {"vol-data": "free"}, {"vol-data": "snap-1"}, "attach"),
        ("restore", {}, {"vol-data": "snap-1"}, "restore"),
        ("restore", {}, {}, ""),
        ("alert", {"vol-data": "free"}, {}, ""),
    ],
)
def test_drift_is_mended_as_the_setting_says(drift, pieces, snapshots, act) -> None:
    one = seen(shape=LOST, pieces=pieces, snapshots=snapshots)
    assert decide(one, kept(), drift=drift).act == act


def test_drift_while_held_is_left_alone() -> None:
    tags = {**TAGS, "fleetmend:hold-until": "2031-01-01T00:00Z"}
    one = seen(shape=LOST, instance=instance(tags=tags), pieces={"vol-data": "free"})
    assert decide(one, kept(), drift="reattach") == Decision("held", kept())
    held = kept(hold=Hold(NOW + timedelta(hours=1), "ana", "at work"))
    one = seen(shape=LOST, pieces={"vol-data": "free"})
    assert decide(one, held, drift="reattach").act == ""


NIGHT = Window(frozenset(range(7)), time(11), time(13), UTC, "batch", "ana")
"""Open at NOW, for another hour."""


def test_while_held_and_in_a_recurring_window_nothing_is_given_back_or_launched() -> None:
    windows = (NIGHT,)
    lost = seen(shape=LOST, pieces={"vol-data": "free"})
    assert decide(lost, kept(), drift="reattach", hold_windows=windows).reason == "held"
    waits = decide(gone(), kept(), hold_windows=windows)
    assert (waits.reason, waits.act) == ("held", "")
    assert waits.record.next_look_at == NOW + timedelta(hours=1)
    assert waits.record.status is Status.OPEN, "it is rebuilt when the window ends"
    copy = Copy(instance(identity=NEW), LOST, token(ID, 0))
    known = Memory(blueprint=SHAPE, rebuilt=NEW, ended=True)
    record = kept(known, status=Status.OPEN, reason="verifying", opened_at=NOW)
    made = gone(copies=(copy,), pieces={"vol-data": "free"})
    assert decide(made, record).act == "attach"
    assert decide(made, record, hold_windows=windows).reason == "held"
    said = Hold(NOW + timedelta(hours=2), "ana", "at work")
    assert decide(made, replace(record, hold=said)).record.next_look_at == said.until
    assert decide(replace(made, hold=said), record).reason == "held"


def test_what_drifted_for_long_enough_was_meant() -> None:
    opened = kept(status=Status.OPEN, reason="drifted", opened_at=NOW - timedelta(days=2))
    decision = decide(seen(shape=LOST), opened)
    assert decision.reason == "accepted"
    assert memory_of(decision).blueprint == LOST
    ill = decide(seen(shape=LOST, instance=instance("stopped")), opened)
    assert memory_of(ill).blueprint == SHAPE, "but never of what is not healthy"


def test_what_is_whole_again_is_told() -> None:
    opened = decide(seen(shape=LOST), kept()).record
    decision = decide(seen(), opened)
    assert decision.record.status is Status.CLOSED
    assert [alert.kind for alert in decision.record.alerts] == ["drifted", "mended"]


# Once it is gone


def gone(state: str = "terminated", **more) -> Sighting:
    return seen(state, None, **more)


def test_it_is_launched_from_a_plan_that_stands_in_the_record() -> None:
    decision = decide(gone(snapshots={"vol-x": "snap"}), kept())
    assert decision.act == "launch"
    assert memory_of(decision).plan == Plan("ami-1", {}, private=True)
    assert decision.record.intent.until == NOW + POLICY.intent_lifetime


def test_a_second_try_is_the_same_request() -> None:
    plan = Plan("ami-1", {}, private=True)
    record = kept(Memory(blueprint=SHAPE, plan=plan), status=Status.OPEN, reason="launch")
    decision = decide(gone(image="ami-newer"), record)
    assert memory_of(decision).plan == plan


def test_the_newest_image_is_taken_unless_the_setting_says_otherwise() -> None:
    assert memory_of(decide(gone(image="ami-9"), kept())).plan.image == "ami-9"
    assert memory_of(decide(gone(image="ami-9"), kept(), source="image")).plan.image == "ami-1"


@pytest.mark.parametrize(
    ("sighting", "record", "reason"),
    [
        (gone(), kept(hold=Hold(NOW + timedelta(hours=1), "ana", "down")), "held"),
        (gone(hold=Hold(NOW + timedelta(hours=1), "ana", "down")), kept(), "held"),
        (
            gone(instance=instance("terminated", tags={**TAGS, "fleetmend:hold-until": "x"})),
            kept(),
            "held",
        ),
        (gone(instance=instance("terminated", tags={"Name": "api"})), kept(), "out-of-scope"),
        (
            gone(instance=instance("terminated", tags={**TAGS, "ManagedBy": "fleetmend"})),
            kept(),
            "managed",
        ),
    ],
)
def test_what_was_meant_stays_gone_for_good(sighting, record, reason) -> None:
    decision = decide(sighting, record)
    assert (decision.act, decision.reason, decision.record.status) == ("", reason, Status.REFUSED)
    later = decide(gone(), decision.record)
    assert later.act == ""
    assert later.record == decision.record


@pytest.mark.parametrize(
    "sighting",
    [
        gone(instance=None),
        gone(instance=instance("terminated", tags={})),
        gone(fellows=6),
    ],
    ids=["unknown to EC2", "tags faded", "many at once"],
)
def test_in_doubt_a_person_is_asked_and_obeyed(sighting: Sighting) -> None:
    decision = decide(sighting, kept())
    assert (decision.act, decision.record.status) == ("", Status.EXHAUSTED)
    assert [alert.kind for alert in decision.record.owed] == ["unsure"]
    asked = replace(decision.record, status=Status.OPEN, reason="retry", opened_at=NOW)
    assert decide(sighting, asked).act == "launch"
    old = replace(decision.record, opened_at=NOW - timedelta(days=2))
    assert decide(sighting, old).record.reason == "expired"
    assert decide(sighting, replace(old, status=Status.CLOSED, reason="expired")).act == ""


def test_nothing_is_launched_where_nothing_was_kept_or_the_setting_says_alert() -> None:
    assert decide(gone()) == Decision("unknown", None)
    assert decide(gone(), kept(), terminated="alert").reason == "not-asked"


def test_it_waits_until_the_old_one_has_let_go() -> None:
    decision = decide(gone("shutting-down"), kept())
    assert decision.act == ""
    assert decision.record.next_look_at == NOW + POLICY.transition_look


def test_it_waits_for_others_that_went_with_it() -> None:
    decision = decide(gone(), kept(), settle=timedelta(minutes=1))
    assert (decision.act, decision.reason) == ("", "settling")
    assert decision.record.next_look_at == NOW + timedelta(minutes=1)
    later = replace(decision.record, opened_at=NOW - timedelta(minutes=1))
    assert decide(gone(), later, settle=timedelta(minutes=1)).act == "launch"
    assert decide(gone(fellows=6), later, settle=timedelta(minutes=1)).reason == "unsure"
    asked = replace(decision.record, reason="retry")
    assert decide(gone(), asked, settle=timedelta(minutes=1)).act == "launch"


def copy(state: str = "running", shape: Blueprint = SHAPE, number: int = 0, **more) -> Copy:
    return Copy(instance(state, NEW, **more), shape, token(ID, number))


def launched(**more) -> Record:
    memory = Memory(blueprint=SHAPE, plan=Plan("ami-1"), rebuilt=NEW)
    attempt = Attempt(NOW - timedelta(minutes=1), Result.ACCEPTED)
    given = {"status": Status.OPEN, "reason": "launch", "opened_at": NOW, "attempts": (attempt,)}
    return kept(memory, **{**given, **more})


def test_rebuilt_means_healthy_and_given_back_what_outlived_the_old_one() -> None:
    bare = replace(SHAPE, disks=(replace(ROOT, volume="vol-new"),))
    young = copy(shape=bare, checks=(Check("instance", "initializing"),))
    assert decide(gone(copies=(young,)), launched()).reason == "verifying"
    one = gone(copies=(copy(shape=bare),), pieces={"vol-data": "free"})
    assert decide(one, launched()).act == "attach"
    whole = replace(SHAPE, disks=(replace(ROOT, volume="vol-new"), DATA))
    decision = decide(gone(copies=(copy(shape=whole),)), launched())
    assert (decision.record.status, decision.record.reason) == (Status.CLOSED, "rebuilt")
    assert "all as its blueprint says" in decision.record.note
    assert decide(gone(), decision.record).record == decision.record


def test_what_is_not_as_it_was_is_told() -> None:
    other = replace(SHAPE, private_address="10.0.0.9", disks=(ROOT,))
    (alert,) = decide(gone(copies=(copy(shape=other),)), launched()).record.owed
    assert "private_address was 10.0.0.5, is 10.0.0.9" in alert.text
    assert "volume vol-data at /dev/sdf could not be attached" in alert.text


def test_a_launch_whose_answer_was_lost_is_recognised_and_not_repeated() -> None:
    intent = Intent("x", "launch", IntentState.PLANNED, NOW - timedelta(minutes=3), NOW)
    memory = Memory(blueprint=SHAPE, plan=Plan("ami-1"))
    record = kept(memory, status=Status.OPEN, reason="launch", opened_at=NOW, intent=intent)
    decision = decide(gone(copies=(copy("pending"),)), record)
    assert decision.act == ""
    assert memory_of(decision).rebuilt == NEW
    assert decision.record.spent == 1
    stranger = Copy(instance("running", NEW), SHAPE, "somebody-elses-token")
    assert decide(gone(copies=(stranger,)), record).act == "launch", "all tags were only copied"


def test_what_was_launched_and_died_is_launched_under_another_token() -> None:
    decision = decide(gone(copies=(copy("terminated", tags=TAGS),)), launched())
    memory = memory_of(decision)
    assert (memory.launch, memory.rebuilt, memory.plan) == (1, "", None)
    assert decision.record.attempts[-1].result is Result.FELL_BACK
    assert token(ID, 0) != token(ID, 1)


def test_two_in_one_place_are_told() -> None:
    second = Copy(instance("running", "i-0aaaaaaaaaaaaaaaa"), SHAPE, token(ID, 0))
    decision = decide(gone(copies=(copy(), second)), launched())
    assert "twice" in [alert.kind for alert in decision.record.owed]


# What AWS answers


def planned(action: str = "launch", **more) -> Record:
    intent = Intent("x", action, IntentState.PLANNED, NOW, NOW + POLICY.intent_lifetime)
    memory = Memory(blueprint=SHAPE, plan=Plan("ami-1"))
    return kept(memory, status=Status.OPEN, opened_at=NOW, intent=intent, **more)


def learn(outcome: Outcome, action: str = "launch") -> Record:
    return rebuild.learn(planned(action), outcome, POLICY, NOW)


def test_what_was_made_is_recorded() -> None:
    record = learn(Outcome(Result.ACCEPTED, made=NEW))
    assert from_detail(record.detail).rebuilt == NEW
    restored = learn(Outcome(Result.ACCEPTED, made="/dev/sdf=vol-9"), "restore")
    assert from_detail(restored.detail).restored == {"/dev/sdf": "vol-9"}


def test_a_taken_address_spends_nothing_and_is_left_out_at_once() -> None:
    record = learn(Outcome(Result.REFUSED, "InvalidIPAddress.InUse", "Address is in use."))
    assert record.attempts == ()
    decision = decide(gone(), record)
    assert decision.act == "launch"
    assert memory_of(decision).plan.private is False


def test_a_refused_launch_is_planned_anew_and_given_up_in_the_end() -> None:
    record = planned()
    for _ in range(POLICY.max_attempts):
        record = rebuild.learn(record, Outcome(Result.REFUSED, "InvalidAMIID"), POLICY, NOW)
        assert from_detail(record.detail).plan is None
    assert record.status is Status.EXHAUSTED
    assert record.owed[-1].kind == "exhausted"


@pytest.mark.parametrize("result", [Result.CAPACITY, Result.THROTTLED, Result.CONFLICT])
def test_what_began_nothing_spends_nothing(result: Result) -> None:
    record = learn(Outcome(result, "Code"))
    assert record.spent == 0
    assert record.next_look_at is not None


def test_garbage_in_the_memory_is_told_and_nothing_is_done() -> None:
    record = replace(kept(), detail={"blueprint": 1})
    decision = decide(gone(), record)
    assert (decision.act, decision.record.status) == ("", Status.EXHAUSTED)
    assert decide(gone(), decision.record).record == decision.record


# Everything at once

STATES = st.sampled_from(["pending", "running", "stopping", "stopped", "shutting-down"])
RECORDS = st.one_of(
    st.none(),
    st.builds(
        kept,
        st.builds(
            Memory,
            blueprint=st.none() | st.just(SHAPE),
            plan=st.none() | st.just(Plan("ami-1")),
            launch=st.integers(0, 3),
            rebuilt=st.sampled_from(["", NEW]),
            asked=st.booleans(),
        ),
        status=st.sampled_from(Status),
        reason=st.sampled_from(["kept", "retry", "rebuilt", "held", "launch", ""]),
        opened_at=st.none() | st.just(NOW - timedelta(hours=30)),
        attempts=st.lists(
            st.builds(
                Attempt, at=st.just(NOW - timedelta(hours=1)), result=st.sampled_from(Result)
            ),
            max_size=4,
        ).map(tuple),
    ),
)
SIGHTS = st.builds(
    Sighting,
    id=st.just(ID),
    observed_at=st.just(NOW),
    instance=st.none()
    | st.builds(instance, STATES | st.just("terminated"), tags=st.sampled_from([TAGS, {}])),
    shape=st.none() | st.sampled_from([SHAPE, LOST]),
    copies=st.lists(
        st.builds(copy, STATES | st.just("terminated"), number=st.integers(0, 2)), max_size=2
    ).map(tuple),
    pieces=st.dictionaries(st.just("vol-data"), st.sampled_from(["free", "taken"])),
    fellows=st.integers(1, 9),
)


@given(SIGHTS, RECORDS, st.sampled_from(["alert", "reattach", "restore"]), st.sampled_from(Mode))
def test_decisions_are_total_and_nothing_is_launched_in_the_place_of_the_living(
    sighting: Sighting, record: Record | None, drift: str, mode: Mode
) -> None:
    decision = decide(sighting, record, drift=drift, mode=mode)
    if decision.act == "launch":
        assert sighting.is_gone
        assert sighting.instance is None or sighting.instance.state == "terminated"
        assert mode is not Mode.OFF
        assert not [one for one in sighting.copies if one.instance.state == "running"]
    if decision.act:
        assert decision.record.intent.state is IntentState.PLANNED
        assert memory_of(decision).blueprint == SHAPE

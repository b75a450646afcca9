"""What is rebuilt, what stays gone, what is asked about; what drifted."""

from dataclasses import replace
from datetime import UTC, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Sighting,
    from_detail,
    token,
)
from fleetmend.core.windows import Window
from tests.unit.core.rebuilt import (
    ID,
    NEW,
    NOW,
    OK,
    POLICY,
    ROOT,
    SHAPE,
    TAGS,
    copy,
    decide,
    gone,
    instance,
    kept,
    memory_of,
    seen,
)

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

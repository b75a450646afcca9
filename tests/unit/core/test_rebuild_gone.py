"""What is launched in the place of the terminated, what stays gone, what is asked about."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core.model import (
    Check,
    Decision,
    Hold,
    Intent,
    IntentState,
    Result,
    Status,
)
from fleetmend.core.rebuilding import (
    Copy,
    Memory,
    Plan,
    Sighting,
    token,
)
from tests.unit.core.rebuilt import (
    DATA,
    ID,
    NEW,
    NOW,
    POLICY,
    ROOT,
    SHAPE,
    TAGS,
    copy,
    decide,
    gone,
    instance,
    kept,
    launched,
    memory_of,
)


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

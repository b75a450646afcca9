"""What is decided about an instance whose type has no capacity and that lists others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.decisions.recovery import decide, learn
from fleetmend.core.instance_types import Kind, from_detail, judged, listed, to_detail, wanted
from fleetmend.core.model import (
    Attempt,
    Check,
    Hold,
    Instance,
    Intent,
    IntentState,
    Make,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)
from tests.unit.core.strategies import instances, records

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TAG = "fleetmend:alternative-types"
ON = RecoveryPolicy(types_tag=TAG)
OFF = RecoveryPolicy()
OK = (Check("system", "ok"), Check("instance", "ok"))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def dry(kind: str = "m5.large", lists: str = "m6i.large m5a.large", **facts) -> Instance:
    unfit = facts.pop("unfit", {})
    tags = {"Auto-Recover": "true", TAG: lists, **facts.pop("tags", {})}
    names = wanted(Instance("i-1", "stopped", NOW, kind, tags=tags), TAG)
    facts.setdefault("alternatives", {name: unfit.get(name, "") for name in names})
    return Instance("i-1", "stopped", NOW, kind, "z-1", tags=tags, **facts)


def tried(
    seconds: float, result: Result = Result.CAPACITY, act: str = "", code: str = ""
) -> Attempt:
    return Attempt(ago(seconds), result, code, act=act)


def remembered(original: str, target: str, *refused: str) -> dict[str, object]:
    return {"original_type": original, "target_type": target, "refused_types": list(refused)}


def waiting(*attempts: Attempt, **fields) -> Record:
    return Record("recovery", "i-1", Status.OPEN, opened_at=ago(900), attempts=attempts, **fields)


TWICE = (tried(130), tried(100), tried(10))
FIRST = (tried(300), tried(270), tried(150, Result.ACCEPTED, "change-type"), tried(130), tried(99))
NEXT = {"detail": remembered("m5.large", "m6i.large")}
LAST = {"detail": remembered("m5.large", "m5a.large")}
CHANGED = (tried(900), tried(800, Result.ACCEPTED, "change-type"))
UNFIT = (*CHANGED, tried(20, Result.REFUSED, code="Unsupported"))
DENIED = (*CHANGED, tried(20, Result.REFUSED, code="UnauthorizedOperation"))

TABLE = [
    # what, seen, record, policy, the type it is given, or the reason
    ("its own type is dry", dry(), waiting(*TWICE), ON, "m6i.large"),
    ("it is waited for first", dry(), waiting(tried(100), tried(10)), ON, "too-early"),
    ("switched off", dry(), waiting(*TWICE), OFF, "too-early"),
    ("EC2 does not tell of types now", dry(alternatives=None), waiting(*TWICE), ON, "too-early"),
    ("it lists nothing", dry(lists=""), waiting(*TWICE), ON, "too-early"),
    ("it lists nonsense", dry(lists="large"), waiting(*TWICE), ON, "too-early"),
    ("it lists only its own", dry(lists="m5.large"), waiting(*TWICE), ON, "too-early"),
    ("no try met a lack of capacity", dry(), waiting(tried(200, Result.THROTTLED)), ON, "starting"),
    ("the first does not fit", dry(unfit={"m6i.large": "no"}), waiting(*TWICE), ON, "m5a.large"),
    ("none fits", dry(unfit=dict.fromkeys(("m6i.large", "m5a.large"), "no")),
     waiting(*TWICE), ON, "too-early"),
    ("the first is dry too", dry("m6i.large"), waiting(*FIRST, **NEXT), ON, "m5a.large"),
    ("all are dry: its own again", dry("m5a.large"), waiting(*FIRST, **LAST), ON, "m5.large"),
    ("an alternative is not supported after all", dry("m6i.large"), waiting(*UNFIT, **NEXT), ON,
     "m5a.large"),
    ("the start of an alternative is denied", dry("m6i.large"), waiting(*DENIED, **NEXT), ON,
     "too-early"),
    ("its own type's start is refused", dry(), waiting(tried(200), tried(20, Result.REFUSED,
     code="Unsupported")), ON, "too-early"),
    ("AWS refused to give it the first", dry(),
     waiting(*TWICE[:2], tried(50, Result.REFUSED, "change-type"), tried(5),
             detail=remembered("m5.large", "m6i.large", "m6i.large")), ON, "too-early"),
    ("held", dry(tags={"fleetmend:hold-until": "2030-01-01T00:00Z"}), waiting(*TWICE), ON, "held"),
    ("held by a word", dry(), waiting(*TWICE, hold=Hold(NOW + timedelta(hours=1), "a", "b")), ON,
     "held"),
    ("somebody else's", dry(tags={"Schedule": "office"}), waiting(*TWICE), ON, "scheduler"),
    ("still stopping", replace(dry(), state="stopping"), waiting(*TWICE), ON, "stopping"),
    ("an hour is over", dry(), waiting(tried(3700), tried(10)), ON, "exhausted"),
    ("an hour is over, with changes in it",
     dry("m6i.large"), waiting(tried(3700), *FIRST, **NEXT), ON, "exhausted"),
    ("changed in the last moment: it is tried", dry("m6i.large"),
     waiting(tried(3700), tried(20, Result.ACCEPTED, "change-type"), **NEXT), ON, "starting"),
    ("changed, and EC2 does not show it yet", dry(),
     waiting(*TWICE, tried(5, Result.ACCEPTED, "change-type"), **NEXT), ON, "settling"),
    ("changed, and it never shows", dry(),
     waiting(*TWICE, tried(90, Result.UNKNOWN, "change-type"), **NEXT), ON, "starting"),
    ("changed: started at once", dry("m6i.large"),
     waiting(*TWICE, tried(5, Result.ACCEPTED, "change-type"), **NEXT), ON, "starting"),
    ("what it remembers is garbage", dry(), waiting(*TWICE, detail={"original_type": 1}), ON,
     "unreadable"),
    ("it was only looked at", dry(), waiting(*TWICE, tried(5, Result.WOULD, "change-type")), ON,
     "observe"),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "stored", "policy", "expected"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_what_is_decided(seen, stored, policy, expected):
    decision = decide("i-1", seen, stored, policy, NOW, "n-1")
    if decision.act == "change-type":
        assert from_detail(decision.record.detail).target == expected
        assert from_detail(decision.record.detail).original == "m5.large"
        assert decision.record.intent.action == "change-type"
    else:
        assert decision.reason == expected


def test_a_change_is_looked_for_in_time():
    decision = decide("i-1", dry(), waiting(tried(100), tried(10)), ON, NOW, "n-1")
    assert decision.record.next_look_at == ago(100) + ON.types_wait


def test_the_tag_of_an_earlier_change_names_the_original_type():
    seen = dry("m6i.large", tags={"fleetmend:original-type": "m5.large"})
    decision = decide("i-1", seen, waiting(*TWICE), ON, NOW, "n-1")
    assert from_detail(decision.record.detail).original == "m5.large"
    assert from_detail(decision.record.detail).target == "m5a.large"


def test_a_type_that_a_person_chose_since_is_the_original():
    seen = dry("r5.large", tags={"fleetmend:original-type": "m5.large"})
    decision = decide("i-1", seen, waiting(*TWICE), ON, NOW, "n-1")
    assert from_detail(decision.record.detail).original == "r5.large"


def test_a_new_incident_forgets_the_types_of_the_last():
    closed = replace(waiting(*TWICE, **NEXT), status=Status.CLOSED)
    opened = decide("i-1", dry("m6i.large"), closed, ON, NOW, "n-1").record
    assert opened.detail == {}
    assert opened.alerts == ()


@pytest.mark.parametrize("lists", ["large", "", "m6i.large m6i.large", "M6I.LARGE", "x " * 11])
def test_a_bad_list_is_told_once(lists):
    first = decide("i-1", dry(lists=lists), waiting(*TWICE), ON, NOW, "n-1").record
    again = decide("i-1", dry(lists=lists), first, ON, NOW, "n-2").record
    assert [alert.kind for alert in again.alerts] == ["type-unfit"]


def test_each_type_that_does_not_fit_is_told_with_the_reason():
    seen = dry(unfit={"m6i.large": "it is made of cheese"})
    told = decide("i-1", seen, waiting(*TWICE), ON, NOW, "n-1").record.alerts
    assert [(alert.kind, alert.why) for alert in told] == [("type-unfit", "it is made of cheese")]


def test_that_ec2_does_not_tell_of_types_is_told_once_and_not_at_once():
    mute = dry(alternatives=None)
    soon = decide("i-1", mute, waiting(tried(239), tried(30)), ON, NOW, "n-1").record
    assert soon.alerts == ()
    late = decide("i-1", mute, waiting(tried(240), tried(30)), ON, NOW, "n-1").record
    assert [alert.kind for alert in late.alerts] == ["types-unknown"]
    again = decide("i-1", mute, late, ON, NOW + timedelta(minutes=1), "n-2").record
    assert again.alerts == late.alerts


def planned(**fields) -> Record:
    intent = Intent("n-0", "change-type", IntentState.PLANNED, ago(100), ago(10))
    return waiting(*TWICE[:2], intent=intent, **NEXT, **fields)


def test_a_change_that_was_made_before_a_crash_is_seen_and_told():
    decision = decide("i-1", dry("m6i.large"), planned(), ON, NOW, "n-1")
    assert decision.act == "start"
    assert [alert.kind for alert in decision.record.alerts] == ["type-changed"]


def test_a_change_that_was_not_made_before_a_crash_is_planned_again():
    decision = decide("i-1", dry(), planned(), ON, NOW, "n-1")
    assert (decision.act, decision.record.issued("change-type")) == ("change-type", 0)


def test_one_that_was_held_after_its_change_is_told_of_all_the_same():
    held = Hold(NOW + timedelta(hours=1), "ana", "wait")
    decision = decide("i-1", dry("m6i.large"), planned(hold=held), ON, NOW, "n-1")
    assert decision.reason == "held"
    assert "type-changed" in {alert.kind for alert in decision.record.alerts}


def test_recovery_tells_what_was_done():
    seen = replace(dry("m6i.large"), state="running", checks=OK)
    stored = waiting(*TWICE, tried(9, Result.ACCEPTED, "change-type"), tried(8, Result.ACCEPTED),
                     **NEXT)  # fmt: skip
    told = decide("i-1", seen, stored, ON, NOW, "n-1").record.alerts
    assert [alert.kind for alert in told] == ["type-changed", "recovered"]
    assert "after a change of its type and 1 attempt:" in told[-1].text


def test_a_frozen_run_that_changed_it_after_it_was_given_up_is_told_of_all_the_same():
    given_up = waiting(*FIRST, **NEXT)
    given_up = replace(given_up, status=Status.EXHAUSTED)
    decision = decide("i-1", dry("m6i.large"), given_up, ON, NOW, "n-1")
    assert (decision.act, decision.record.status) == ("", Status.EXHAUSTED)
    assert [alert.kind for alert in decision.record.alerts] == ["type-changed"]


RESULTS = [
    # what AWS said, where the record stands, what it spent, and what is refused then
    (Result.ACCEPTED, Status.OPEN, 1, ()),
    (Result.UNKNOWN, Status.OPEN, 1, ()),
    (Result.THROTTLED, Status.OPEN, 0, ()),
    (Result.CONFLICT, Status.OPEN, 0, ()),
    (Result.REFUSED, Status.OPEN, 1, ("m6i.large",)),
    (Result.WOULD, Status.REFUSED, 0, ()),
    (Result.GONE, Status.CLOSED, 0, ()),
    (Result.NOT_SENT, Status.OPEN, 0, ()),
]


@pytest.mark.parametrize(("result", "status", "spent", "refused"), RESULTS)
def test_what_aws_said_is_learnt(result, status, spent, refused):
    learned = learn(planned(), Outcome(result, "Code", "words."), ON, NOW)
    assert (learned.status, learned.issued("change-type")) == (status, spent)
    assert learned.spent == 0, "a change is no start"
    assert from_detail(learned.detail).refused == refused
    assert [alert.kind for alert in learned.alerts if alert.kind == "type-unfit"] == [
        "type-unfit" for _ in refused
    ]
    if status is Status.OPEN:
        assert learned.next_look_at


@given(instances, records)
def test_no_type_is_changed_but_of_what_is_down_and_lists_it(seen, stored):
    for policy in (OFF, ON):
        decision = decide("i-1", seen, stored, policy, NOW, "n")
        if decision.act != "change-type":
            continue
        memory = from_detail(decision.record.detail)
        assert policy is ON
        assert seen.state == "stopped"
        assert memory.target != seen.type
        assert memory.target in {*listed(seen.tags[TAG]), memory.original}
        assert memory.target == memory.original or seen.alternatives[memory.target] == ""
        assert memory.original


@given(st.lists(st.text(max_size=9), max_size=4), st.text(max_size=9), st.text(max_size=9))
def test_what_is_remembered_comes_back(refused, original, target):
    detail = remembered(original, target, *refused)
    assert to_detail(from_detail(detail)) == detail


# --- what fits what --------------------------------------------------------------------------

X86 = Kind(
    "m5.large",
    frozenset({"x86_64"}),
    frozenset({"hvm"}),
    frozenset({"ebs"}),
    frozenset({"legacy-bios", "uefi"}),
    "required",
    "required",
    stores=False,
    zones=frozenset({"z-1"}),
)
OLD = replace(X86, ena="supported", nvme="unsupported")
SEEN = replace(dry(), make=Make("x86_64", "hvm", "ebs", "legacy-bios", ena=True))
FITS = [
    # what, the instance, its own type, the other, what speaks against it
    ("alike", SEEN, X86, X86, ""),
    ("EC2 knows no such type", SEEN, X86, None, "knows no such type"),
    ("EC2 does not tell of its own", SEEN, None, X86, "does not tell"),
    ("not in this zone", SEEN, X86, replace(X86, zones=frozenset({"z-2"})), "not offered in z-1"),
    ("architecture", SEEN, X86, replace(X86, architectures=frozenset({"arm64"})), "architecture"),
    ("virtualization", replace(SEEN, make=replace(SEEN.make, virtualization="paravirtual")),
     X86, X86, "virtualization"),
    ("root device", replace(SEEN, make=replace(SEEN.make, root="instance-store")), X86, X86,
     "root device"),
    ("boot mode", SEEN, X86, replace(X86, boots=frozenset({"uefi"})), "boot mode"),
    ("volumes on the other's host", SEEN, X86, replace(X86, stores=True), "volumes on the host"),
    ("volumes on its own host", SEEN, replace(X86, stores=True), X86, "volumes on the host"),
    ("EC2 does not tell of volumes", SEEN, replace(X86, stores=None), X86, "volumes on the host"),
    ("no ENA", replace(SEEN, make=replace(SEEN.make, ena=False)), OLD, X86, "ENA"),
    ("no NVMe", SEEN, OLD, X86, "NVMe"),
    ("back to before Nitro", SEEN, X86, OLD, ""),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "own", "other", "why"), [row[1:] for row in FITS],
                         ids=[row[0] for row in FITS])  # fmt: skip
def test_what_fits(seen, own, other, why):
    kinds = {name: kind for name, kind in (("m5.large", own), ("m6i.large", other)) if kind}
    found = judged(seen, ["m6i.large"], kinds)["m6i.large"]
    assert why in found
    assert bool(found) == bool(why)

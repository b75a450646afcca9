"""What every ledger must do, shown on the S3 adapter over a model of S3 in virtual time.

The adapter and the SDK with its retries are real; the bucket is the lab's model of S3 behind
botocore's `before-send`. Faults are functions that see a request before or after the bucket.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.aws.ledger import CONFLICTS
from fleetmend.core.model import Record, Status, Stored
from fleetmend.core.ports import LedgerUnavailable, Lost
from fleetmend.core.record_json import encode
from tests.unit.aws.ledgers import CLOSED, EPOCH, HINT, KEY, OPEN, Fault, lose, refuse


def test_what_is_not_there_is_absent_and_what_was_written_comes_back(world):
    ledger = world.ledger()
    absent = ledger.read("i-1")
    assert (absent.record, absent.etag, absent.unreadable) == (None, "", "")
    written = ledger.write(OPEN, absent)
    assert world.ledger().read("i-1") == replace(written, now=ledger.now())
    assert written.record.revision == 1
    assert written.record.nonce == "nonce-0"
    assert written.record.written_at == EPOCH + timedelta(seconds=100)


def test_two_equal_states_never_have_the_same_bytes(world):
    ledger = world.ledger()
    stored = ledger.read("i-1")
    etags = set()
    for turn in range(6):
        stored = ledger.write(OPEN if turn % 2 else CLOSED, stored)
        etags.add(stored.etag)
    assert len(etags) == 6
    assert stored.record.revision == 6


def test_a_stale_writer_loses_even_when_the_record_looks_as_it_did(world):
    one, other = world.ledger(), world.ledger(container=1)
    seen = one.write(OPEN, one.read("i-1"))
    other.write(OPEN, other.write(CLOSED, other.read("i-1")))
    with pytest.raises(Lost):
        one.write(CLOSED, seen)


def test_of_two_that_create_one_loses(world):
    one, other = world.ledger(), world.ledger(container=1)
    absent, also = one.read("i-1"), other.read("i-1")
    one.write(OPEN, absent)
    with pytest.raises(Lost):
        other.write(OPEN, also)


def test_a_write_whose_answer_was_lost_meets_its_own_success_and_has_won(world):
    ledger = world.ledger()
    absent = ledger.read("i-1")
    world.faults += lose("PutObject", "records/", done=True)
    written = ledger.write(OPEN, absent)
    assert world.operations().count("PutObject") == 3  # the hint, the lost one, the 412
    assert ledger.write(CLOSED, written).record.revision == 2


def test_a_change_whose_answer_was_lost_has_won_too(world):
    ledger = world.ledger()
    stored = ledger.write(OPEN, ledger.read("i-1"))
    world.faults += lose("PutObject", "records/", done=True)
    assert ledger.write(CLOSED, stored).record.reason == "recovered"


def test_a_412_of_which_nothing_can_be_read_is_unknown_and_not_lost(world):
    ledger = world.ledger()
    absent = ledger.read("i-1")
    world.faults += lose("PutObject", "records/", done=True) + refuse("GetObject", "AccessDenied")
    with pytest.raises(LedgerUnavailable):
        ledger.write(OPEN, absent)


def test_a_write_that_gets_no_answer_at_all_is_unknown(world):
    ledger = world.ledger()
    absent = ledger.read("i-1")
    world.faults += lose("PutObject", "records/", times=3, done=False)
    with pytest.raises(LedgerUnavailable):
        ledger.write(OPEN, absent)
    assert KEY not in world.bucket.objects


def test_a_conflict_is_tried_again_and_not_for_ever(world):
    ledger = world.ledger()
    stored = ledger.read("i-1")
    world.faults += refuse("PutObject", "ConditionalRequestConflict", "records/", CONFLICTS - 1)
    stored = ledger.write(OPEN, stored)
    world.faults += refuse("PutObject", "ConditionalRequestConflict", "records/", CONFLICTS)
    with pytest.raises(Lost):
        ledger.write(CLOSED, stored)
    assert ledger.read("i-1").record.status is Status.OPEN


def test_a_record_that_has_gone_is_lost(world):
    ledger = world.ledger()
    stored = ledger.write(OPEN, ledger.read("i-1"))
    del world.bucket.objects[KEY]
    with pytest.raises(Lost):
        ledger.write(CLOSED, stored)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "InternalError"])
def test_a_read_that_is_refused_is_unknown_and_never_absent(world, code):
    world.faults += refuse("GetObject", code, times=3)
    with pytest.raises(LedgerUnavailable) as caught:
        world.ledger().read("i-1")
    assert caught.value.remedy
    assert ("s3:ListBucket" in caught.value.remedy) is (code == "AccessDenied")


def test_a_write_that_is_refused_is_unknown(world):
    ledger = world.ledger()
    absent = ledger.read("i-1")
    world.faults += refuse("PutObject", "AccessDenied", "records/")
    with pytest.raises(LedgerUnavailable):
        ledger.write(OPEN, absent)


# --- the index of hints ----------------------------------------------------------------------


def test_the_hint_stands_before_the_record_and_goes_after_the_close(world):
    ledger = world.ledger()
    stored = ledger.write(OPEN, ledger.read("i-1"))
    assert world.calls[-2:] == [("PutObject", HINT), ("PutObject", KEY)]
    assert ledger.open() == ["i-1"]
    stored = ledger.write(replace(OPEN, reason="starting"), stored)
    assert world.calls[-1] == ("PutObject", KEY)
    assert world.calls[-2][0] == "ListObjectsV2"
    ledger.write(CLOSED, stored)
    assert world.calls[-2:] == [("PutObject", KEY), ("DeleteObject", HINT)]
    assert ledger.open() == []


def test_a_crash_between_hint_and_record_leaves_a_hint_and_no_record(world):
    ledger = world.ledger()
    absent = ledger.read("i-1")
    world.faults += lose("PutObject", "records/", times=3, done=False)
    with pytest.raises(LedgerUnavailable):
        ledger.write(OPEN, absent)
    assert ledger.open() == ["i-1"]
    ledger.forget("i-1")
    assert ledger.open() == []


def test_a_record_that_is_closed_but_owes_an_alert_is_hinted(world):
    ledger = world.ledger()
    owing = CLOSED.telling("recovered", "it runs again")
    stored = ledger.write(owing, ledger.read("i-1"))
    assert ledger.open() == ["i-1"]
    ledger.write(owing.told({owing.alerts[0].fact: "m-1"}), stored)
    assert ledger.open() == []


def test_an_incident_that_opens_again_while_a_hint_is_removed_keeps_its_own(world):
    closing, opening = world.ledger(), world.ledger(container=1)
    stored = closing.write(OPEN, closing.read("i-1"))

    def meanwhile(act):
        opening.write(replace(OPEN, reason="again"), opening.read("i-1"))
        return act()

    world.faults.append(Fault("DeleteObject", meanwhile))
    closing.write(CLOSED, stored)
    assert closing.read("i-1").record.reason == "again"
    assert closing.open() == ["i-1"]


def test_a_hint_that_was_met_before_its_record_is_written_again(world):
    """A run is frozen between the two, and a sweep finds the hint stale meanwhile."""

    def meanwhile(act):
        world.time.now += 100.0
        sweep = world.ledger(container=1)
        assert sweep.open() == ["i-1"]
        sweep.forget("i-1")
        return act()

    world.faults.append(Fault("PutObject", meanwhile, "records/"))
    ledger = world.ledger()
    ledger.write(OPEN, ledger.read("i-1"))
    assert world.ledger().open() == ["i-1"]


def test_a_hint_that_cannot_be_written_again_does_not_make_the_write_look_lost(world):
    def frozen(act):
        world.time.now += 100.0
        world.faults += refuse("PutObject", "AccessDenied", "open/")
        return act()

    world.faults.append(Fault("PutObject", frozen, "records/"))
    ledger = world.ledger()
    assert ledger.write(OPEN, ledger.read("i-1")).record.status is Status.OPEN


def test_a_hint_that_this_ledger_does_not_know_is_left_to_the_sweep(world):
    world.ledger().write(OPEN, world.ledger().read("i-1"))
    other = world.ledger(container=1)
    other.write(CLOSED, other.read("i-1"))
    sweep = world.ledger()
    assert sweep.open() == ["i-1"]
    sweep.forget("i-1")
    assert sweep.open() == []


def test_a_hint_that_cannot_be_removed_does_not_make_the_write_look_lost(world):
    ledger = world.ledger()
    stored = ledger.write(OPEN, ledger.read("i-1"))
    world.faults += refuse("DeleteObject", "AccessDenied")
    assert ledger.write(CLOSED, stored).record.status is Status.CLOSED


def test_an_index_that_cannot_be_listed_is_not_an_empty_one(world):
    world.faults += refuse("ListObjectsV2", "AccessDenied")
    with pytest.raises(LedgerUnavailable):
        world.ledger().open()


def test_every_page_of_hints_is_read_and_what_is_no_subject_is_passed_over(world):
    names = [f"i-{n:08x}" for n in range(1001)]
    for name in [*names, "../x", "a b", ""]:
        world.bucket.replace(f"open/recovery/{name}", b"hint")
    world.bucket.replace("open/health/asg", b"hint")
    assert world.ledger().open() == names
    assert world.operations() == ["ListObjectsV2"] * 2


# --- unreadable ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        encode(replace(OPEN, subject="i-2")),
        encode(replace(OPEN, concern="health")),
        b" " * (2 * 1024 * 1024),
    ],
    ids=["empty", "cut", "binary", "null", "of another", "of another concern", "huge"],
)
def test_bytes_that_are_no_record_are_unknown_and_set_aside_once(world, body):
    world.bucket.replace(KEY, body)
    ledger = world.ledger()
    stored = ledger.read("i-1")
    assert stored.record is None
    assert stored.unreadable
    where = ledger.set_aside(stored)
    key = f"aside/recovery/i-1/{stored.etag.strip(chr(34))}"
    assert where == f"s3://b/{key}"
    assert world.bucket.objects[key].body == body[: 1024 * 1024]
    assert ledger.set_aside(stored) == where
    assert len(world.bucket.versions[key]) == 1
    assert world.bucket.objects[KEY].body == body


def test_setting_aside_copies_what_was_seen_or_nothing(world):
    world.bucket.replace(KEY, b"{")
    ledger = world.ledger()
    stored = ledger.read("i-1")
    del world.bucket.objects[KEY]
    with pytest.raises(Lost):
        ledger.set_aside(stored)
    world.faults += refuse("GetObject", "AccessDenied")
    with pytest.raises(LedgerUnavailable):
        ledger.set_aside(stored)


def test_a_new_record_may_stand_over_an_unreadable_one_seen(world):
    world.bucket.replace(KEY, b"{")
    ledger = world.ledger()
    assert ledger.write(OPEN, ledger.read("i-1")).record.revision == 1


# --- keys ------------------------------------------------------------------------------------


def test_what_would_be_is_kept_apart(world):
    real, would = world.ledger(), world.ledger(prefix="would/")
    would.write(OPEN, would.read("i-1"))
    assert real.read("i-1").record is None
    assert real.open() == []
    assert sorted(world.bucket.objects) == [f"would/{HINT}", f"would/{KEY}"]


@pytest.mark.parametrize("subject", ["../x", "a/b", "web (1)", "é", "x" * 255, ".", "%41", "-x"])
def test_any_name_has_a_place_of_its_own_and_stays_in_it(world, subject):
    ledger = world.ledger()
    record = Record("recovery", subject, Status.OPEN)
    ledger.write(record, ledger.read(subject))
    keys = sorted(world.bucket.objects)
    assert [key.count("/") for key in keys] == [2, 2]
    assert all("/." not in key for key in keys)
    assert ledger.open() == [subject]
    assert world.ledger().read(subject).record.subject == subject


@pytest.mark.parametrize("subject", ["", "x" * 901])
def test_what_is_no_name_has_no_place(world, subject):
    with pytest.raises(ValueError, match="no name of a subject"):
        world.ledger().read(subject)
    assert not world.calls


def test_a_stored_is_what_the_contract_says(world):
    stored = world.ledger().read("i-1")
    assert stored == Stored("i-1", None, "", EPOCH + timedelta(seconds=100))

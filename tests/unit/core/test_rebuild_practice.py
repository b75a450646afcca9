"""What is looked up for a rebuild: holds of another concern, and doubt about them."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from fleetmend.core.model import Hold, Record, Status
from fleetmend.core.ports import ObservationFailed
from fleetmend.core.rebuild_practice import rebuilding
from fleetmend.core.rebuilding import Memory
from tests.unit.core.memory import MemoryWorld
from tests.unit.core.rebuilt import ID, NOW, POLICY, SHAPE, gone, kept, seen


class Builder(SimpleNamespace):
    """Shows what it is given, and knows of no part, image or snapshot."""

    def sight(self, ids, _selector):
        return dict.fromkeys(ids, self.shown)

    def pieces(self, wanted):
        self.asked = list(wanted)
        return {}

    def images(self, ids):
        return dict.fromkeys(ids, "ami-9")

    def snapshots(self, volumes):
        return {}


def practice(shown, **words):
    mine, recoverys = MemoryWorld(), MemoryWorld()
    mine.records[ID] = kept()
    recoverys.records.update(words.get("recovery", {}))
    recoverys.garbage.update(words.get("garbage", {}))
    return rebuilding(Builder(shown=shown), mine, recoverys, POLICY)


def test_a_hold_in_recoverys_record_is_seen() -> None:
    hold = Hold(NOW, "ana", "down")
    record = Record("recovery", ID, Status.CLOSED, hold=hold)
    (one,) = practice(gone(), recovery={ID: record}).observe([ID]).values()
    assert (one.hold, one.image, one.fellows) == (hold, "ami-9", 1)


def test_a_record_of_recovery_that_cannot_be_read_is_doubt() -> None:
    way = practice(gone(), garbage={ID: "x"})
    (one,) = way.observe([ID]).values()
    with pytest.raises(ObservationFailed, match="where a hold may stand"):
        way.decide(ID, one, kept(), NOW, "intent")


def test_what_could_not_be_read_of_one_is_no_decision() -> None:
    way = practice(seen())
    with pytest.raises(ObservationFailed, match="user data"):
        way.decide(ID, replace(seen(), problem="user data"), None, NOW, "intent")


def test_recoverys_record_is_not_read_for_the_living() -> None:
    (one,) = practice(seen(), garbage={ID: "x"}).observe([ID]).values()
    assert one.problem == ""


def test_many_that_went_together_are_counted_and_those_under_way_are_not() -> None:
    mine = MemoryWorld()
    mine.records = {f"i-{k:08}": replace(kept(), subject=f"i-{k:08}") for k in range(4)}
    mine.records["i-00000003"] = replace(mine.records["i-00000003"], reason="rebuilt")
    ended = Memory(blueprint=SHAPE, ended=True)
    mine.records["i-00000009"] = kept(ended, status=Status.OPEN, opened_at=NOW)
    mine.records["i-00000008"] = kept(ended, status=Status.OPEN, opened_at=NOW - timedelta(hours=1))
    mine.records["i-00000007"] = kept(status=Status.OPEN, reason="drifted", opened_at=NOW)
    mine.hints = {"i-00000009", "i-00000008", "i-00000007", "digest-1"}
    way = rebuilding(Builder(shown=gone()), mine, MemoryWorld(), POLICY)
    ids = [f"i-{k:08}" for k in range(4)]
    assert {one.fellows for one in way.observe(ids).values()} == {3 + 1}


def test_those_given_up_count_for_the_others_though_a_sweep_looks_at_all_of_them() -> None:
    mine = MemoryWorld()
    ended = Memory(blueprint=SHAPE, ended=True)
    mine.records = {"i-00000000": kept(ended, status=Status.OPEN, opened_at=NOW)}
    left = [f"i-{k:08}" for k in range(1, 4)]
    mine.records |= {
        one: replace(kept(ended, status=Status.EXHAUSTED, opened_at=NOW), subject=one)
        for one in left
    }
    mine.hints = set(mine.records)
    way = rebuilding(Builder(shown=gone()), mine, MemoryWorld(), POLICY)
    assert {one.fellows for one in way.observe(list(mine.records)).values()} == {4}

"""After so many messages what is owed goes together; the first, and pages, are never held back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core import gathering, loop, telling
from fleetmend.core.loop import Ports, Practice
from fleetmend.core.model import Alert, Decision, Record, Status

from .memory import MemoryWorld

LEASE = timedelta(seconds=90)


def alert(name, kind="exhausted"):
    return Alert(f"recovery/{name}/-/{kind}", kind, f"{name} stays down", why="no capacity")


def owed(*names, kind="exhausted"):
    return {name: [alert(name, kind)] for name in names}


@pytest.fixture
def world():
    return MemoryWorld()


@pytest.fixture
def full(world):
    for k in range(gathering.MOST):
        assert gathering.has_room(world, "recovery", owed(f"i-{k}"))
    return world


def tell(world, *subjects):
    """One run whose subjects owe nothing new: what it tells is what it takes over."""
    way = Practice(
        concern="recovery",
        lease=LEASE,
        observe=lambda ids: {},
        decide=lambda subject, seen, record, now, intent: Decision("as it is", record),
        act=lambda claims: {},
        learn=lambda record, outcome, now: record,
    )
    ports = Ports(world, world, world, world.parallel, lambda: "n")
    loop.run(way, ports, dict.fromkeys(subjects))


def test_so_many_go_by_themselves_and_no_more_until_the_time_is_over(full):
    assert not gathering.has_room(full, "recovery", owed("i-x"))
    full.time += gathering.SPAN
    assert gathering.has_room(full, "recovery", owed("i-x"))


def test_what_one_run_tells_of_many_is_one_message(world):
    for _ in range(gathering.MOST):
        assert gathering.has_room(world, "recovery", owed(*"abcdef"))
    assert not gathering.has_room(world, "recovery", owed(*"abcdef"))


def test_a_page_about_the_whole_fleet_is_never_held_back(full):
    assert gathering.has_room(full, "recovery", owed("mass-stop", kind="mass-stop"))


def test_doubt_tells(full):
    full.broken = {name for name in full.records if "sent" in name}
    assert gathering.has_room(full, "recovery", owed("i-x"))
    full.broken = {f"digest:until{full.time + gathering.WAIT:%Y%m%dT%H%M}"}
    assert gathering.join(full, "recovery", owed("i-x")) == ""


def test_what_joins_is_one_alert_that_nobody_tells_before_its_time(world):
    first = gathering.join(world, "recovery", owed("i-1"))
    world.time += timedelta(seconds=100)
    assert gathering.join(world, "recovery", owed("i-2", "i-1")) == first
    (one,) = world.records[first].owed
    assert one.text.startswith("2 alerts at once: 2 exhausted")
    assert "i-1, i-2" in one.text
    world.time += timedelta(seconds=10)  # its last writer has had its time, and still nobody
    tell(world, first)
    assert world.sent == []
    world.time += timedelta(seconds=10)
    tell(world, first)
    tell(world, first)
    assert world.sent == [one.fact]
    assert first not in world.hints


def test_what_comes_later_joins_the_next(world):
    first = gathering.join(world, "recovery", owed("i-1"))
    world.time += gathering.WAIT
    assert gathering.join(world, "recovery", owed("i-2")) != first


def test_whoever_takes_it_is_told_of_by_the_record_so_that_a_second_waits_for_the_first(world):
    carrier = gathering.join(world, "recovery", owed("i-1"))
    world.time += gathering.WAIT
    world.mute = True  # the first one's message is not taken
    tell(world, carrier)
    world.mute = False
    tell(world, carrier)
    assert world.sent == []
    world.time += LEASE
    tell(world, carrier)
    assert len(world.sent) == 1


def test_a_joiner_whose_clock_is_behind_does_not_bring_a_told_one_back(world):
    carrier = gathering.join(world, "recovery", owed("i-1"))
    record = world.records[carrier]
    world.records[carrier] = replace(record, next_look_at=None)  # taken, by a clock ahead
    assert gathering.join(world, "recovery", owed("i-2")) == ""


def test_of_two_that_join_at_once_neither_is_lost(world):
    def another(record):
        world.before_write = lambda _: None
        gathering.join(world, "recovery", owed("i-2"))

    world.before_write = another
    carrier = gathering.join(world, "recovery", owed("i-1"))
    subjects = [entry[0] for entry in world.records[carrier].detail["joined"]]
    assert sorted(subjects) == ["i-1", "i-2"]


def test_a_notice_that_grew_too_large_takes_no_more(world, monkeypatch):
    monkeypatch.setattr(gathering, "_FULL", 2)
    assert gathering.join(world, "recovery", owed("i-1", "i-2"))
    assert gathering.join(world, "recovery", owed("i-3")) == ""


def test_entries_that_are_none_of_ours_are_left_out(world):
    carrier = gathering.join(world, "recovery", owed("i-1"))
    record = world.records[carrier]
    world.records[carrier] = replace(record, detail={"joined": [1, ["x"], "y", record.detail]})
    assert gathering.join(world, "recovery", owed("i-2")) == carrier
    assert [one[0] for one in world.records[carrier].detail["joined"]] == ["i-2"]


def test_only_what_is_gathered_waits_for_its_time(world):
    record = Record("recovery", "i-1", Status.OPEN, alerts=(alert("i-1"),), written_at=world.time)
    due = replace(record, next_look_at=world.time + timedelta(hours=1))
    assert telling.may_inherit(due, world.time + LEASE, LEASE)
    assert not telling.may_inherit(due, world.time, LEASE)

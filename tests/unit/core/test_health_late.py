"""A suspension that comes late: a run was frozen before it asked AWS, and others went on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core.health_memory import from_detail, to_detail
from fleetmend.core.model import Outcome, Result, Status
from tests.unit.core.one_group import ILL, WELL, World

SICK = [f"i-{n}" for n in range(4)]
SUSPENDED = frozenset({"ReplaceUnhealthy"})


def frozen(minutes=1):
    """An outage of a group whose first run is held up before its call, and is over after that."""
    world = World(10)
    world.holds_up("suspend")
    world.change(SICK, checks=ILL)
    world.look(minutes)
    assert world.acts == ["suspend"]
    assert not world.group.suspended
    world.change(SICK, checks=WELL)
    return world


def kinds(world):
    """What was told of this incident; nobody delivers here, so that older ones are carried on."""
    return [one.kind for one in world.record.alerts if one.since == world.record.opened_at]


def test_a_suspension_that_comes_after_its_outage_is_ended_and_told():
    world = frozen()
    world.look(5)
    assert world.record.status is Status.CLOSED
    world.take("suspend")
    world.change(SICK, marked=True)
    world.look()
    assert world.record.status is Status.OPEN
    assert kinds(world) == ["late-suspension"]
    world.look(5)
    assert world.acts == ["suspend", "reset", "resume"]
    assert not world.group.suspended
    assert world.record.status is Status.CLOSED
    world.look(60)
    assert len(world.acts) == 3
    assert kinds(world) == ["late-suspension"]


@pytest.mark.parametrize(("after", "ours"), [(26, True), (33, False)])
def test_it_is_ours_as_long_as_it_would_have_lasted(after, ours):
    """The suspension that was asked for would have ended after 30 minutes."""
    world = frozen()
    world.look(after)
    world.take("suspend")
    world.look(60)
    assert world.acts == (["suspend", "resume"] if ours else ["suspend"])
    assert bool(world.group.suspended) is not ours


def test_in_a_new_outage_it_is_the_suspension_of_that():
    world = frozen()
    world.look(20)
    world.take("suspend")
    world.change(SICK, checks=ILL)
    world.look(20)
    assert kinds(world) == ["late-suspension", "outage"], "the outage is told as any other"
    assert world.acts == ["suspend"]
    world.look(40)
    assert world.acts == ["suspend", "resume"], "and it is bounded as any other"
    assert kinds(world) == ["late-suspension", "outage", "suspension-over"]
    assert world.reasons[-1] == "outage"


def test_one_that_comes_when_the_time_was_spent_already_is_ended_at_once():
    world = World(10)
    world.holds_up("suspend")
    world.change(SICK, checks=ILL)
    world.look(3)
    assert world.acts == ["suspend", "suspend"], "asked for again, since the outage goes on"
    world.look()
    world.group = replace(world.group, suspended=frozenset())  # somebody resumes it by hand
    world.look(3)
    world.take("suspend")
    world.look(1)
    assert world.acts == ["suspend", "suspend", "resume"]
    assert not world.group.suspended
    world.look(30)
    assert len(world.acts) == 3


def test_one_that_comes_after_the_second_was_ended_is_ended_too():
    world = World(10)
    world.holds_up("suspend")
    world.change(SICK, checks=ILL)
    world.look(4)
    world.change(SICK, checks=WELL)
    world.look(8)
    assert world.acts == ["suspend", "suspend", "resume"]
    assert world.record.status is Status.CLOSED
    world.take("suspend")
    world.look(8)
    assert world.acts == ["suspend", "suspend", "resume", "resume"]
    assert not world.group.suspended


def test_a_call_whose_answer_was_lost_and_that_took_effect_late_is_ours_too():
    world = World(10)
    world.outcome = Outcome(Result.UNKNOWN)
    world.change(SICK, checks=ILL)
    world.look()
    world.change(SICK, checks=WELL)
    world.outcome = Outcome(Result.ACCEPTED)
    world.look(5)
    world.take("suspend")
    world.look(8)
    assert world.acts == ["suspend", "resume"]
    assert not world.group.suspended


@pytest.mark.parametrize("result", [Result.REFUSED, Result.THROTTLED, Result.NOT_SENT])
def test_what_aws_refused_or_never_heard_never_comes_about(result):
    world = World(10)
    world.outcome = Outcome(result)
    world.change(SICK, checks=ILL)
    world.look()
    world.change(SICK, checks=WELL)
    world.look(2)
    world.group = replace(world.group, suspended=SUSPENDED)
    world.look(60)
    assert world.acts == ["suspend"]
    assert world.group.suspended, "somebody else's"


def test_who_suspends_by_hand_in_that_time_is_told_and_may_say_it_again():
    world = frozen()
    world.look(5)
    world.group = replace(world.group, suspended=SUSPENDED)
    world.look(6)
    assert kinds(world) == ["late-suspension"]
    assert not world.group.suspended
    world.group = replace(world.group, suspended=SUSPENDED)
    world.look(60)
    assert world.group.suspended
    assert world.acts == ["suspend", "resume"]


@pytest.mark.parametrize("act", ["reset", "resume"])
def test_a_crash_while_it_is_ended_forgets_nothing(act):
    world = frozen()
    world.look(5)
    world.take("suspend")
    world.change(SICK, marked=True)
    world.holds_up(act)
    world.look(12)
    assert not world.group.suspended
    assert not any(member.marked for member in world.group.members)
    assert world.record.status is Status.CLOSED


@pytest.mark.parametrize(("away", "ended"), [(3, True), (33, False)])
def test_a_group_that_comes_back_into_scope_finds_it_again(away, ended):
    world = frozen()
    world.look(2)
    tags, world.group = world.group.tags, replace(world.group, tags={})
    world.look(away)
    assert world.record.status is Status.CLOSED
    world.take("suspend")
    world.group = replace(world.group, tags=tags)
    world.look(8)
    assert bool(world.group.suspended) is not ended


def test_a_group_that_leaves_with_it_is_told():
    world = frozen()
    world.look(2)
    world.change(["i-0"], checks=ILL)
    world.look(2)
    world.take("suspend")
    world.group = replace(world.group, tags={})
    world.look(3)
    assert kinds(world)[-1] == "left-suspended"
    assert world.acts == ["suspend"]


def test_a_memory_of_an_older_release_is_read():
    world = World(10)
    world.change(["i-0"], checks=ILL)
    world.look()
    older = {key: value for key, value in world.record.detail.items() if key != "asked"}
    assert from_detail(older) == from_detail(world.record.detail)
    assert to_detail(from_detail(older)) == world.record.detail


def test_what_was_asked_for_is_forgotten_when_its_time_is_over():
    world = frozen()
    world.look(5)
    assert from_detail(world.record.detail).asked
    world.now += timedelta(minutes=40)
    world.change(["i-0"], checks=ILL)
    world.look()
    assert from_detail(world.record.detail).asked is None

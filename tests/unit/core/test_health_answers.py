"""What becomes of health's acts whose answer was lost, or that were refused."""

from dataclasses import replace

import pytest

from fleetmend.core.model import Outcome, Result, Status
from tests.unit.core.one_group import ILL, OUTAGE, WELL, World


def ailing(world, minutes=1):
    world.change(OUTAGE, checks=ILL)
    world.look(minutes)
    assert world.acts == ["suspend"]
    return world


def lose(world, act, *, took):
    """The answer to the next `act` is lost; it took effect, or did not."""
    real = world._act

    def losing(now):
        if now != act:
            real(now)
            return
        world._act = real
        world.outcome = Outcome(Result.UNKNOWN)
        real(now)
        if took:
            world.take(now)
        world.outcome = Outcome(Result.ACCEPTED)

    world._act = losing


@pytest.mark.parametrize("took", [True, False])
def test_a_suspension_whose_answer_was_lost_comes_about(took):
    world = World(10)
    lose(world, "suspend", took=took)
    world.change(OUTAGE, checks=ILL)
    world.look(3)
    assert world.group.suspended
    assert world.acts == ["suspend"] * (1 if took else 2), world.acts


@pytest.mark.parametrize("act", ["reset", "resume"])
def test_a_reset_or_resume_whose_answer_was_lost_is_made_sure_of(act):
    world = ailing(World(10))
    world.change(OUTAGE, checks=WELL, marked=True)
    lose(world, act, took=False)
    world.look(8)
    assert not world.group.suspended
    assert not any(member.marked for member in world.group.members)
    assert world.record.status is Status.CLOSED


def test_a_reset_that_fails_is_never_followed_by_a_resume():
    world = ailing(World(10))
    world.change(OUTAGE, checks=WELL, marked=True)
    world.outcome = Outcome(Result.REFUSED, "AccessDenied")
    world.look(60)
    assert set(world.acts) == {"suspend", "reset"}
    assert [alert.kind for alert in world.record.alerts] == ["outage", "failed"]


def test_who_resumes_what_we_suspended_has_the_last_word():
    world = ailing(World(10), 2)
    world.group = replace(world.group, suspended=frozenset())
    world.look(5)
    assert world.acts == ["suspend"]
    assert world.reasons[-1] == "outage"

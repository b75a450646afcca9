"""Laws of health's decisions over any history of one group."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmend.core.health_memory import from_detail
from fleetmend.core.model import Outcome, Result, Status
from tests.unit.core.one_group import ILL, WELL, World

EVENTS = st.sampled_from(
    [
        *("ill", "ill", "well", "mark", "replaced", "lost", "refused", "standby", "late", "-"),
        *("held up", "held up", "thaw"),
    ]
)


def happen(world, event, n):
    everyone = [member.id for member in world.group.members]
    names = [everyone[n % len(everyone)]]
    lost = {"lost": Result.UNKNOWN, "refused": Result.REFUSED}
    world.outcome = Outcome(lost.get(event, Result.ACCEPTED))
    if event == "ill":
        world.change(names, checks=ILL)
    elif event == "well":
        world.change(everyone, checks=WELL)
    elif event == "mark":
        world.change([m.id for m in world.group.members if m.checks == ILL], marked=True)
    elif event == "replaced" and not world.group.suspended:
        world.replace_marked()
    elif event == "standby":
        world.change(names, lifecycle="Standby")
    elif event == "late":
        world.now += timedelta(minutes=5)
    elif event == "held up":
        world.holds_up("suspend")
    elif event == "thaw":
        thaw(world)


def thaw(world):
    """Who was frozen before suspending does it now, as late as it would have lasted itself."""
    held, world.frozen_at = world.frozen_at, None
    if held and world.now + timedelta(minutes=1) < held + world.policy.suspension:
        world.take("suspend")


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 3),
    st.lists(st.tuples(EVENTS, st.integers(0, 8)), max_size=40),
)
def test_whatever_happens_budget_floor_breaker_and_bounds_hold(size, zones, history):
    world = World(size, zones=zones)
    real = world._act

    def judged(act):
        serving = world.group.serving
        if act == "replace":
            target = from_detail(world.record.detail).target
            ill = {m.id for m in serving if m.checks == ILL or m.marked}
            assert target in ill
            assert not any(m.marked for m in serving), "one in flight is the budget"
            assert len(serving) - len(ill) >= world.policy.floor(world.group)
            assert not world.group.suspended
        if act == "resume":
            assert not any(m.marked for m in serving) or world.acts[-3:] == ["reset"] * 3
        real(act)

    world._act = judged
    suspended = 0
    for event, n in history:
        happen(world, event, n)
        world.look()
        suspended = suspended + 1 if world.group.suspended else 0
        assert suspended < 60
    thaw(world)
    settle(world)


@settings(max_examples=100, deadline=None)
@given(st.integers(4, 9), st.lists(st.tuples(EVENTS, st.integers(0, 8)), max_size=25))
def test_whenever_a_frozen_run_suspends_it_is_ended(size, history):
    world = World(size)
    world.holds_up("suspend")
    world.change([member.id for member in world.group.members], checks=ILL)
    world.look()
    assert world.acts == ["suspend"]
    world.change([member.id for member in world.group.members], checks=WELL)
    for event, n in history:
        happen(world, event, n)
        world.look()
    thaw(world)
    settle(world)


def settle(world):
    """Trouble ends, and an hour later so has everything of ours."""
    world.outcome, world.held_up = Outcome(Result.ACCEPTED), ""
    world.change([m.id for m in world.group.members], checks=WELL, lifecycle="InService")
    for _ in range(60):
        if not world.group.suspended:
            world.replace_marked()
        world.look()
    assert not world.group.suspended
    assert world.record is None or world.record.status is Status.CLOSED

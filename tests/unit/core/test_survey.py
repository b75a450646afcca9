"""What one run sees of the scope, where EC2 names no time for a stop: told by events alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core.loop import Ports, run
from fleetmend.core.model import Instance, RecoveryPolicy, Status
from fleetmend.core.practices import recovering
from fleetmend.core.scope import MASS_STOP
from fleetmend.core.survey import Survey

from .memory import MemoryWorld

POLICY = RecoveryPolicy()


@pytest.fixture
def world():
    """A hundred that run; `MemoryWorld` names no time for any stop."""
    world = MemoryWorld()
    for name in (f"i-{k:08x}" for k in range(100)):
        tags = {"Auto-Recover": "true"}
        world.instances[name] = Instance(name, "running", world.time, "m7g.large", "z-1", tags=tags)
    return world


def stop(world, count, **tags):
    names = sorted(world.instances)[:count]
    for name in names:
        one = world.instances[name]
        world.instances[name] = replace(one, state="stopped", tags={**one.tags, **tags})
    return names


def play(world, looks, survey, hints=()):
    counter = iter(range(10_000))
    ports = Ports(world, world, world, world.parallel, lambda: f"{world.time}-{next(counter)}")
    run(recovering(world, survey, POLICY), ports, looks, hints=hints)


def sweep(world):
    survey = Survey(world, world, POLICY)
    play(world, dict.fromkeys(survey.subjects()), survey, world.open())


def batch(world, events=(), wakes=()):
    survey = Survey(world, world, POLICY)
    looks = {**{name: world.records[name].revision for name in wakes}, **dict.fromkeys(events)}
    play(world, {**dict.fromkeys(survey.beside(looks, events)), **looks}, survey)


def later(world, seconds):
    world.time += timedelta(seconds=seconds)


def test_a_few_without_a_time_wait_once_and_are_then_started(world):
    names = stop(world, 6)
    batch(world, names)
    assert world.starts == [], "more may be coming"
    later(world, 61)
    batch(world, wakes=names)
    assert [sorted(some) for some in world.starts] == [names]


def test_a_sweep_does_not_take_what_has_been_down_for_long_for_a_mass_stop(world):
    stop(world, 60, **{"fleetmend:hold-until": "2030-01-01"})
    sweep(world)
    (fresh,) = set(stop(world, 61)) - set(world.records)
    sweep(world)
    assert world.starts == [[fresh]]
    assert MASS_STOP not in world.records


@pytest.mark.parametrize("tag", ["Schedule", "Quarantine", "karpenter.sh/nodepool"])
def test_what_another_looks_after_is_no_part_of_a_mass_stop(world, tag):
    names = stop(world, 60, **{tag: "x"})
    (ours,) = set(stop(world, 61)) - set(names)
    batch(world, [*names, ours])
    assert world.starts == [[ours]]
    assert MASS_STOP not in world.records


def test_a_mass_stop_without_times_is_held_until_somebody_says_so(world):
    names = stop(world, 60)
    batch(world, names)
    assert world.records[MASS_STOP].status is Status.EXHAUSTED
    for _ in range(3):
        later(world, 120)
        sweep(world)
    assert world.starts == []
    assert world.records[MASS_STOP].status is Status.EXHAUSTED
    assert len(world.sent) == 1
    for name in names:
        world.instances[name] = replace(world.instances[name], state="running")
    later(world, 120)
    sweep(world)
    assert world.records[MASS_STOP].reason == "over"

"""Health's proof: one thing wrong at every call, planted bugs. Its swarm: test_swarm.py."""

import os
from itertools import islice

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Step
from fleetmend.lab.vocabulary import fleet
from tests.scenarios.ailing import (
    BASES,
    MUTANTS,
    Mutant,
    at_every_call,
    broken,
    history,
    web,
)
from tests.scenarios.points import AT_CALL

FULL = os.environ.get("FLEETMEND_PROOF") == "full"


@pytest.mark.parametrize("base", BASES)
def test_undisturbed_histories_keep_every_promise(base: str) -> None:
    assert broken(BASES[base][0]()) == []


def test_what_is_only_told_of_may_last() -> None:
    """A group that lies in one zone to the end keeps its record open, and no promise is broken."""
    dry = Step(5.0, fleet.NoCapacity(zone="us-east-1b", span=9000.0))
    gone = Step(10.0, fleet.Terminate(subject="web-2"))
    lone = history(dry, gone, groups=(web(2, zones=2),), end=2400.0)
    _, world = sim.record(lone)
    last = [event for event in world.events if event.kind == "record"][-1]
    assert (last.what, last.detail["reason"]) == ("open", "watching")
    assert check(world.tape, world.law(), quiet=True) == []


@pytest.mark.parametrize("what", AT_CALL)
@pytest.mark.parametrize("base", BASES)
def test_at_every_call(base: str, what: str) -> None:
    stride = 1 if FULL else (19 if what.startswith("crash") else 41)
    failures = {k: found for k, one in at_every_call(base, what, stride) if (found := broken(one))}
    assert not failures, f"{what} at call {min(failures)}: {failures[min(failures)]}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bugs_are_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.plant(monkeypatch)
    for scenario in islice(mutant.hunt(), mutant.within):
        _, world = sim.record(scenario)
        if check(world.tape, world.law(), quiet=True):
            return
    pytest.fail(f"{mutant.name} survived {mutant.within} histories")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_hunts_find_nothing_in_the_real_code(mutant: Mutant) -> None:
    (scenario,) = islice(mutant.hunt(), 1)
    assert broken(scenario) == []

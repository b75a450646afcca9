"""Health's proof: one thing wrong at every call, planted bugs. Its swarm: test_swarm.py."""

import os
from itertools import islice

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from tests.scenarios.ailing import BASES, MUTANTS, Mutant, at_every_call, broken
from tests.scenarios.points import AT_CALL

FULL = os.environ.get("FLEETMEND_PROOF") == "full"


@pytest.mark.parametrize("base", BASES)
def test_undisturbed_histories_keep_every_promise(base: str) -> None:
    assert broken(BASES[base][0]()) == []


@pytest.mark.parametrize("what", AT_CALL)
@pytest.mark.parametrize("base", BASES)
def test_at_every_call(base: str, what: str) -> None:
    stride = 1 if FULL else (13 if what.startswith("crash") else 41)
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

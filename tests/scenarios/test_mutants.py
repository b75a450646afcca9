"""Planted bugs must die within a stated number of histories; one that lives fails the suite."""

import os
from itertools import islice

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from tests.scenarios import impaired_mutants, mass_mutants, mutants, type_mutants
from tests.scenarios.mutants import Mutant

FULL = os.environ.get("FLEETMEND_PROOF") == "full"
MUTANTS = (
    *mutants.MUTANTS,
    *mass_mutants.MUTANTS,
    *impaired_mutants.MUTANTS,
    *type_mutants.MUTANTS,
)


LONG = {"zombie acts after expiry, in the swarm"}
"""Found in CI by another hunt, and by this one in the full proof."""

HUNTED = [mutant for mutant in MUTANTS if FULL or mutant.name not in LONG]


@pytest.mark.parametrize("mutant", HUNTED, ids=lambda mutant: mutant.name)
def test_planted_bugs_are_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.plant(monkeypatch)
    for scenario in islice(mutant.hunt(), mutant.within):
        _, world = sim.record(scenario)
        if check(world.tape, world.law(), quiet=True):
            return
    pytest.fail(f"{mutant.name} survived {mutant.within} histories")


HUNTS = {
    f"{mutant.hunt.__module__.rpartition('.')[2]}.{mutant.hunt.__name__}": mutant
    for mutant in MUTANTS
    if mutant.hunt.__name__ != "swarming"
}


@pytest.mark.parametrize("mutant", HUNTS.values(), ids=HUNTS)
def test_the_hunts_find_nothing_in_the_real_code(mutant: Mutant) -> None:
    """What kills a mutant must be the mutant (the swarm's histories have a test of their own)."""
    for scenario in islice(mutant.hunt(), mutant.within):
        _, world = sim.record(scenario)
        assert check(world.tape, world.law(), quiet=True) == []

"""Impaired instances and changes of type: planted bugs die, and the real code has none of them."""

from itertools import islice

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from tests.scenarios import impaired_mutants, type_mutants
from tests.scenarios.mutants import Mutant

MUTANTS = (*impaired_mutants.MUTANTS, *type_mutants.MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bugs_are_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.plant(monkeypatch)
    for scenario in islice(mutant.hunt(), mutant.within):
        _, world = sim.record(scenario)
        if check(world.tape, world.law(), quiet=True):
            return
    pytest.fail(f"{mutant.name} survived {mutant.within} histories")


HUNTS = {mutant.hunt.__name__: mutant for mutant in MUTANTS}


@pytest.mark.parametrize("mutant", HUNTS.values(), ids=HUNTS)
def test_the_hunts_find_nothing_in_the_real_code(mutant: Mutant) -> None:
    for scenario in islice(mutant.hunt(), mutant.within):
        _, world = sim.record(scenario)
        assert check(world.tape, world.law(), quiet=True) == []

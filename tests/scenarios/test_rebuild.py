"""A rebuild under crashes, freezes and lost answers: neither two instances nor none, ever."""

import os
from collections.abc import Iterator
from itertools import islice

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Scenario, Step
from tests.scenarios.planted import Mutant
from tests.scenarios.points import AT_CALL
from tests.scenarios.rebuilds import DRIFTED, MUTANTS, REBUILT, RebuildBase, broken

FULL = os.environ.get("FLEETMEND_PROOF") == "full"


def at_calls(base: RebuildBase, what: str, stride: int) -> Iterator[tuple[int, Scenario]]:
    """From the first call after the trouble on; complete with a stride of 1."""
    _, world = sim.record(base.scenario())
    trouble = base.steps[0].at
    calls = [call.n for call in world.tape.calls if trouble <= call.at < base.until]
    for call in calls[::stride]:
        yield call, base.scenario(Step(0.0, AT_CALL[what](call)))


@pytest.mark.parametrize("base", [REBUILT, DRIFTED], ids=lambda base: base.name)
@pytest.mark.parametrize("what", AT_CALL)
def test_at_every_call(base: RebuildBase, what: str) -> None:
    """A sample, closest for the crash points of a rebuild; complete in the full proof."""
    crash = what.startswith("crash")
    stride = 1 if FULL else (3 if base is REBUILT else 7) if crash else 29
    failures = {k: found for k, one in at_calls(base, what, stride) if (found := broken(one))}
    assert not failures, f"{what} at call {min(failures)}: {failures[min(failures)]}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bugs_are_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    histories = list(islice(mutant.hunt(), mutant.within))
    sound = [one.name for one in histories if check_of(one)]
    assert sound == [], "the hunt finds something in the real code"
    mutant.plant(monkeypatch)
    assert any(check_of(one) for one in histories), f"{mutant.name} survived {mutant.within}"


def check_of(scenario: Scenario) -> list[str]:
    _, world = sim.record(scenario)
    return [str(found) for found in check(world.tape, world.law(), quiet=True)]

"""Remediation under crashes, freezes and lost answers, and the scenarios that ship of it."""

import os
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.judge import judge
from fleetmend.lab.scenario import Instances, Scenario, Step, load
from fleetmend.lab.vocabulary.remediation import Scan
from fleetmend.lambdas import portions
from tests.scenarios.planted import Mutant
from tests.scenarios.points import AT_CALL
from tests.scenarios.remedies import MUTANTS, TIMELINE, broken, history

FULL = os.environ.get("FLEETMEND_PROOF") == "full"
FOLDER = Path(__file__).parents[2] / "scenarios" / "compliance"
FILES = sorted(FOLDER.glob("remediation-*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_scenarios_hold(file: Path) -> None:
    scenario = load(file)
    for seed in [scenario.seed, *range(1001, 1001 + (40 if FULL else 2))]:
        history, world = sim.record(scenario, seed=seed)
        wrong = [verdict for verdict in judge(scenario, history) if not verdict.held]
        assert not wrong, f"seed {seed}: {wrong}"
        violations = check(world.tape, world.law(), quiet=True)
        assert not violations, f"seed {seed}: {violations}"


def test_what_a_run_has_no_time_for_is_where_the_next_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portions, "PORTION", 3)
    monkeypatch.setattr(portions, "LEAST", timedelta(hours=1))  # time for one portion
    bare = Instances(name="bare", count=8, tags={"Stage": "prod"})
    _, world = sim.record(history(Step(600.0, Scan()), instances=(bare,), end=16_000.0))
    assert check(world.tape, world.law(), quiet=True) == []
    assert all(one.tags.get("Owner") == "platform" for one in world.fleet.named.values())
    filled: dict[int, int] = {}
    for call in world.tape.calls:
        if call.name == "ec2:CreateTags":
            filled[call.run] = filled.get(call.run, 0) + 1
    assert sorted(filled.values()) == [2, 3, 3]


@pytest.mark.parametrize("what", AT_CALL)
def test_at_every_call(what: str) -> None:
    """Fill, stop and both undos, with one call going wrong; complete in the full proof."""
    plain = history(*TIMELINE)
    assert broken(plain) == []
    _, world = sim.record(plain)
    calls = [call.n for call in world.tape.calls if 600.0 <= call.at < 22_000.0]
    stride = 1 if FULL else 11 if what.startswith("crash") else 37
    failures = {
        k: found
        for k in calls[::stride]
        if (found := broken(history(*TIMELINE, Step(0.0, AT_CALL[what](k)))))
    }
    assert not failures, f"{what} at call {min(failures)}: {failures[min(failures)]}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bugs_are_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    histories = list(islice(mutant.hunt(), mutant.within))
    assert [found for one in histories for found in _violations(one)] == []
    mutant.plant(monkeypatch)
    assert any(_violations(one) for one in histories), f"{mutant.name} survived {mutant.within}"


def _violations(scenario: Scenario) -> list[str]:
    _, world = sim.record(scenario)
    return [str(found) for found in check(world.tape, world.law(), quiet=True)]

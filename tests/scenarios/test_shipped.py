"""The scenarios that ship are examples, and they hold, whatever the chance."""

import os
from pathlib import Path

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.judge import judge
from fleetmend.lab.scenario import load

SHIPPED = Path(__file__).parents[2] / "scenarios"
FOLDER = SHIPPED / "recovery"
FILES = sorted([*FOLDER.glob("*.yaml"), *(SHIPPED / "health").glob("*.yaml")])
SEEDS = 40 if os.environ.get("FLEETMEND_PROOF") == "full" else 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_shipped_scenarios_hold(file: Path) -> None:
    scenario = load(file)
    if "sim" not in scenario.worlds:
        pytest.skip("not for the sim")
    for seed in [scenario.seed, *range(1001, 1001 + SEEDS)]:
        history, world = sim.record(scenario, seed=seed)
        broken = [verdict for verdict in judge(scenario, history) if not verdict.held]
        assert not broken, f"seed {seed}: {broken}"
        violations = check(world.tape, world.law())
        assert not violations, f"seed {seed}: {violations}"


def test_there_is_a_file_for_each_case() -> None:
    assert len(FILES) >= 34
    assert len({load(file).name for file in FILES}) == len(FILES)


def test_a_history_replays_exactly() -> None:
    scenario = load(FOLDER / "capacity.yaml")
    first, again, other = (sim.play(scenario, seed=seed) for seed in (5, 5, 6))
    assert first.events == again.events
    assert first.events != other.events


def test_a_broken_expectation_shows() -> None:
    """A judge that holds everything would pass every test above."""
    text = (FOLDER / "held.yaml").read_text(encoding="utf-8")
    from fleetmend.lab.scenario import loads  # noqa: PLC0415

    scenario = loads(text.replace("{untouched: tagged}", "{recovered: tagged, within: 5m}"))
    verdicts = judge(scenario, sim.play(scenario))
    assert [verdict.held for verdict in verdicts] == [False, True, True, True]
    assert "tagged-1 is stopped since stop at 1m" in verdicts[0].detail

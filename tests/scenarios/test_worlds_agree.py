"""What both worlds can express must come out the same in both.

In CI one scenario of each concern is played over the wire; the full proof plays all of them.
"""

import os
from pathlib import Path

import pytest

from fleetmend.cli.building import Build
from fleetmend.lab import sim
from fleetmend.lab.emulator import play, tolerance
from fleetmend.lab.history import History
from fleetmend.lab.judge import judge
from fleetmend.lab.scenario import Scenario, load

pytestmark = pytest.mark.emulator

FOLDER = Path(__file__).parents[2] / "scenarios"
FULL = os.environ.get("FLEETMEND_PROOF") == "full"
SAMPLED = {
    "recovery": "retry",
    "rebuild": "drift-restore",
    "health": "one-of-six",
    "remediation": "remediation-asked",
}
"""The one scenario of each concern that CI plays in both worlds."""

CHANCE = {"health/zone-dark", "rebuild/rebuild-many", "recovery/left-down-mass"}
"""Where the end (or who is told of alone, and who in a digest) depends on who looks first, and the
scenario says what must hold either way."""


def both_worlds() -> dict[str, Scenario]:
    """The shipped scenarios that either world can play, by concern and name."""
    found = [(file.stem, load(file)) for file in FOLDER.glob("*/*.yaml")]
    both = {f"{one.concern}/{stem}": one for stem, one in found if len(one.worlds) == 2}
    return dict(sorted(both.items()))


SLOW = 20.0
"""At this speed or less a play mostly waits, so in the full proof these go beside the others."""

PLAYED = {
    name: scenario
    for name, scenario in both_worlds().items()
    if FULL or name in {f"{concern}/{one}" for concern, one in SAMPLED.items()}
}


def ending(history: History) -> dict[str, tuple[str, ...]]:
    """How it ended for each subject: its state, its record, starts issued, what was told."""
    subjects = {event.subject for event in history.of("state")}  # notices have no state
    return {name: _ending(history, name) for name in sorted(subjects)}


def _ending(history: History, name: str) -> tuple[str, ...]:
    """A record that was closed without a start and without a word is as good as none.

    Whether one was opened at all may be a matter of the second in which somebody looked.
    """
    mine = [event for event in history.events if event.subject == name]
    states = [event.what for event in mine if event.kind == "state"]
    records = [event for event in mine if event.kind == "record"]
    last = records[-1] if records else None
    record = f"{last.what}: {last.detail.get('reason', '')}" if last else "no record"
    tried = f"{last.detail.get('attempts', 0)} issued" if last else "0 issued"
    told = sorted({event.what for event in mine if event.kind == "alert"})
    if record.startswith("closed: ") and tried == "0 issued" and not told:
        record = "no record"
    return (states[-1], record, tried, *told)


def _param(name: str, scenario: Scenario) -> object:
    group = pytest.mark.xdist_group("worlds" if scenario.speed > SLOW else "slow-worlds")
    return pytest.param(name, marks=group)


@pytest.mark.parametrize("name", [_param(*each) for each in PLAYED.items()])
def test_both_worlds_come_to_the_same_end(name: str, request: pytest.FixtureRequest) -> None:
    scenario = PLAYED[name]
    fixture = "build" if scenario.concern == "recovery" else f"{scenario.concern}_build"
    build: Build = request.getfixturevalue(fixture)
    virtual = sim.play(scenario)
    real = play(scenario, graph=build.graph, artifact=build.artifact)
    allowed = tolerance(scenario.speed)
    verdicts = judge(scenario, virtual), judge(scenario, real, tolerance=allowed)
    assert [v for found in verdicts for v in found if not v.held] == []
    if name not in CHANCE:
        assert ending(real) == ending(virtual)


def test_every_concern_is_sampled() -> None:
    concerns = {name.partition("/")[0] for name in both_worlds()}
    assert concerns == set(SAMPLED)
    assert {f"{concern}/{one}" for concern, one in SAMPLED.items()} <= both_worlds().keys()

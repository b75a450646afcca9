"""Holds a scenario's expectations against a history, and says it all in one result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleetmend.lab.history import History
from fleetmend.lab.scenario import Scenario
from fleetmend.lab.words import Court


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation: its text as the file says it, whether it held, and the facts."""

    expect: str
    held: bool
    detail: str


def judge(scenario: Scenario, history: History, *, tolerance: float = 0.0) -> list[Verdict]:
    """One verdict for every expectation, in the file's order.

    Args:
        scenario: what was played.
        history: what came of it, in either world.
        tolerance: seconds of scenario time added to every time limit; 0 in the sim, in the
            emulator what its scaled clock cannot resolve.
    """
    court = Court(history, scenario.expand, tolerance)
    verdicts: list[Verdict] = []
    for expectation in scenario.expect:
        finding = expectation.judge(court)
        verdicts.append(Verdict(expectation.told(), finding.held, finding.detail))
    return verdicts


def result(history: History, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What `lab run --json` prints: plain JSON values, the timeline in scenario seconds."""
    return {
        "scenario": history.scenario,
        "world": history.world,
        "seed": history.seed,
        "held": all(verdict.held for verdict in verdicts),
        "expectations": [
            {"expect": verdict.expect, "held": verdict.held, "detail": verdict.detail}
            for verdict in verdicts
        ],
        "timeline": [event.as_json() for event in history.events],
        "figures": dict(history.figures),
    }

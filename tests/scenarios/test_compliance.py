"""Compliance in virtual time: the shipped scenarios, and a run killed at any of its calls.

The function is the real one, and so are the SDK, the selective parser and the retries; what is
simulated is what answers them, and the state machine that calls again.
"""

import os
from pathlib import Path

import pytest

from fleetmend.aws import inventory
from fleetmend.components.compliance_machine import BRANCHES_AT_ONCE, RETRY
from fleetmend.core import compliance_run
from fleetmend.lab import sim
from fleetmend.lab.judge import judge
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step, load
from fleetmend.lab.sim import compliance
from fleetmend.lab.sim.installed import Installed as Where
from fleetmend.lab.vocabulary import aws, general, runs
from fleetmend.lab.vocabulary.compliance import AskRun
from tests.scenarios.points import AT_CALL

FILES = [
    path
    for path in sorted((Path(__file__).parents[2] / "scenarios/compliance").glob("*.yaml"))
    if load(path).concern == "compliance"
]
FULL = os.environ.get("FLEETMEND_PROOF") == "full"
ACCOUNTS = ("123456789012", "222222222222")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_scenarios_hold(file: Path) -> None:
    scenario = load(file)
    for seed in (scenario.seed, *range(1001, 1041 if FULL else 1004)):
        broken = [one for one in judge(scenario, sim.play(scenario, seed=seed)) if not one.held]
        assert not broken, f"seed {seed}: {broken}"


def history_of(*disturbances: Step, lanes: int = 1) -> Scenario:
    """Two branches with three pages each; one is somebody's and the next is nobody's."""
    parts = tuple(
        Instances(name=f"{who}{n}", count=6, branch=f"{account}/us-east-1", tags=tags)
        for n, account in enumerate(ACCOUNTS)
        for who, tags in (("web", {"Owner": "web"}), ("lost", {}))
    )
    timeline = (
        Step(0.0, aws.DropSweeps(span=86400.0)),
        Step(10.0, AskRun()),
        *disturbances,
        Step(3600.0, general.End()),
    )
    return Scenario(
        name="a run",
        concern="compliance",
        fleet=Fleet(instances=parts),
        settings=Installed(compliance={"accounts": list(ACCOUNTS), "lanes": lanes}),
        timeline=tuple(sorted(timeline, key=lambda step: step.at)),
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of five and parts of one page, so that there are many places to be killed at."""
    monkeypatch.setattr(inventory, "PAGE", 5)
    monkeypatch.setattr(compliance_run, "PART_PAGES", 1)


def told(world: compliance.World, history: sim.History) -> dict[str, object]:
    """All that anybody can read at the end, without the names of runs and parts."""
    reports = [event.detail for event in history.of("record", "report")]
    last = {name: value for name, value in reports[-1].items() if name != "run"}
    del last["broken"], last["fixed"]  # a call that was begun twice makes a second run
    return {"findings": compliance.visible(world), "report": last}


def halves(history: sim.History) -> list[object]:
    """Runs that were committed without all of their findings."""
    return [event for event in history.of("record", "committed") if event.detail["missing"]]


def describes(world: compliance.World) -> int:
    """How often instances were asked for."""
    return sum(call.name == "ec2:DescribeInstances" for call in world.tape.calls)


@pytest.mark.parametrize(
    ("what", "lanes"),
    [
        ("crash before", 1),
        ("crash after", 1),
        ("answer lost", 1),
        ("unavailable", 1),
        ("crash before", 3),
        ("crash after", 3),
    ],
)
def test_whatever_happens_at_any_call_the_report_is_the_same(
    small: None, what: str, lanes: int
) -> None:
    history, world = sim.record(history_of())
    truth = told(world, history)
    assert len(truth["findings"]) == 12
    history, world = sim.record(history_of(lanes=lanes))
    assert told(world, history) == truth
    # In each branch three pages of one listing; or the first, and at least one of each lane.
    assert describes(world) == 6 if lanes == 1 else describes(world) >= 2 * (1 + lanes)
    calls = len(world.tape.calls)
    assert calls > 40
    stride = 1 if FULL or (what.startswith("crash") and lanes == 1) else 5
    for k in range(1, calls + 1, stride):
        history, world = sim.record(history_of(Step(10.0, AT_CALL[what](k)), lanes=lanes))
        assert len(world.tape.fired) >= 3, k  # the verb struck
        assert halves(history) == [], k
        assert told(world, history) == truth, k


@pytest.mark.parametrize("k", range(8, 30, 3))
def test_a_run_killed_again_and_again_is_the_same(small: None, k: int) -> None:
    history, world = sim.record(history_of())
    truth = told(world, history)
    kills = [Step(10.0, runs.CrashAtCall(call=n, when="after")) for n in range(k, 300, k)]
    history, world = sim.record(history_of(*kills))
    assert history.of("run", "crashed")
    assert halves(history) == []
    assert told(world, history) == truth


def test_the_simulated_machine_has_the_numbers_of_the_real_one() -> None:
    assert compliance.AT_ONCE == BRANCHES_AT_ONCE
    assert {
        "MaxAttempts": compliance.TRIES,
        "IntervalSeconds": compliance.FIRST,
        "BackoffRate": compliance.RATE,
        "MaxDelaySeconds": compliance.LONGEST,
    }.items() <= RETRY.items()
    assert Where.of("compliance", "us-east-1").environment().keys() >= {
        "FLEETMEND_MACHINE_ARN",
        "FLEETMEND_SCAN_ROLE",
        "FLEETMEND_EXTERNAL_ID",
    }

"""A thousand instances stop at once, and a large healthy fleet costs nothing to sweep."""

import os
from collections import Counter
from math import ceil

import pytest

from fleetmend.aws.starting import CHUNK
from fleetmend.core.model import RecoveryPolicy
from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.history import History
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet, general, recovery
from fleetmend.lab.vocabulary.recovery import Paced
from fleetmend.lab.words import Court

ON = {"Auto-Recover": "true"}
GROUPS = [("t3.micro", "us-east-1a"), ("t3.micro", "us-east-1b"), ("m5.large", "us-east-1a")]
CONCURRENCY = 2
FULL = os.environ.get("FLEETMEND_PROOF") == "full"
CLUMP = 1 if FULL else 40


def _thousand(*more: Step) -> Scenario:
    sizes = (400, 400, 200)
    parts = tuple(
        Instances(name=f"group{'abc'[k]}", count=size, type=kind, zone=zone, tags=ON)
        for k, (size, (kind, zone)) in enumerate(zip(sizes, GROUPS, strict=True))
    )
    stops = [Step(10.0, fleet.Stop(subject=part.name)) for part in parts]
    return Scenario(
        name="a thousand stop at once",
        fleet=Fleet(instances=parts),
        settings=Installed(recovery={"mass_count": 100_000}),
        timeline=(*stops, *more, Step(240.0, general.End())),
    )


def _some_of_a_thousand(count: int, *more: Step, end: float) -> tuple[History, sim.World]:
    """So many of a thousand stop within five minutes: one after the other, or forty at a time."""
    parts = (
        Instances(name="api", count=count, tags=ON),
        Instances(name="rest", count=1000 - count, tags=ON),
    )
    stops = [
        Step(10.0 + 290.0 * (k - k % CLUMP) / count, fleet.Stop(subject=f"api-{k + 1}"))
        for k in range(count)
    ]
    scenario = Scenario(
        name=f"{count} of a thousand stop",
        fleet=Fleet(instances=parts),
        timeline=(*stops, *more, Step(end, general.End())),
    )
    return sim.record(scenario)


def _healthy(history: History) -> int:
    last = {event.subject: event.what for event in history.of("state")}
    return sum(what == "healthy" for what in last.values())


def test_four_hundred_of_a_thousand_are_held_and_then_paced() -> None:
    told = 700.0
    retry = Step(told, recovery.RetryAll(by="ana"))
    history, world = _some_of_a_thousand(400, retry, end=1900.0)
    starts = [event.at for event in history.of("call", "ec2:StartInstances")]
    assert min(starts) > told, "none is started before somebody says so"
    pages = history.of("alert", "mass-stop")
    assert len(pages) == 1
    assert "of 1000 instances stopped" in pages[0].detail["text"]
    before = [event for event in history.of("alert") if event.at < told]
    assert before == pages, "one page, and nothing else"
    assert _healthy(history) == 400
    paced = Paced(subject="api", at_most=2 * RecoveryPolicy().pace)
    assert paced.judge(Court(history, world.scenario.expand)).held
    assert check(world.tape, world.law()) == []


def test_forty_of_a_thousand_are_recovered_as_usual() -> None:
    history, world = _some_of_a_thousand(40, end=900.0)
    assert history.of("alert", "mass-stop") == []
    assert _healthy(history) == 40
    assert history.figures["first_attempt_max"] <= 300.0
    assert check(world.tape, world.law()) == []


@pytest.mark.parametrize("dry", [False, True] if FULL else [True])
def test_a_thousand_stops_are_a_few_calls(dry: bool) -> None:
    shortage = Step(0.0, fleet.NoCapacity(zone="us-east-1b", span=3000.0))
    history, world = sim.record(_thousand(*([shortage] if dry else [])))
    last = {event.subject: event.what for event in history.of("state")}
    healthy = Counter(name.partition("-")[0] for name, what in last.items() if what == "healthy")
    assert healthy == (
        {"groupa": 400, "groupc": 200} if dry else {"groupa": 400, "groupb": 400, "groupc": 200}
    )
    first = [call for call in history.of("call", "ec2:StartInstances") if call.at < 60.0]
    assert len(first) <= ceil(1000 / CHUNK) + len(GROUPS) + CONCURRENCY
    assert history.figures["first_attempt_max"] <= 60.0
    assert check(world.tape, world.law()) == []
    assert history.figures["alerts"] <= 20  # a storm is read by nobody: alerts come as digests


def test_a_healthy_fleet_costs_nothing_per_instance() -> None:
    def calls(count: int) -> dict[str, float]:
        parts = (Instances(name="api", count=count, tags=ON),)
        timeline = (Step(1200.0, general.End()),)
        history = sim.play(
            Scenario(name="healthy", fleet=Fleet(instances=parts), timeline=timeline)
        )
        return {what: n for what, n in history.figures.items() if what.startswith("calls")}

    few, many = calls(10), calls(5000)
    assert few == many
    assert "calls s3:GetObject" not in many
    assert "calls s3:PutObject" not in many

"""A thousand instances stop at once, and a large healthy fleet costs nothing to sweep."""

from collections import Counter
from math import ceil

import pytest

from fleetmend.aws.starting import CHUNK
from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Fleet, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet, general

ON = {"Auto-Recover": "true"}
GROUPS = [("t3.micro", "us-east-1a"), ("t3.micro", "us-east-1b"), ("m5.large", "us-east-1a")]
CONCURRENCY = 2


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
        timeline=(*stops, *more, Step(400.0, general.End())),
    )


@pytest.mark.parametrize("dry", [False, True])
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

"""A rebuilt instance equals its blueprint field by field, in both worlds of the lab.

What cannot be equal is in docs/rebuild.md, and is told by the alert.
"""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleetmend.aws import clients
from fleetmend.aws.building import Ec2Builder
from fleetmend.cli.building import Build
from fleetmend.core.blueprint import Blueprint, from_json, unequal
from fleetmend.core.model import Selector
from fleetmend.lab import sim
from fleetmend.lab.emulator import opened
from fleetmend.lab.scenario import load
from fleetmend.lab.sim import wire

FILE = Path(__file__).parents[2] / "scenarios/recovery/rebuild-plain.yaml"
KEEPS = "/dev/sdf"


def shape(client: Any, instance: str) -> Blueprint:
    """What an instance is made of, as the product reads it."""
    builder = Ec2Builder(
        client, clock=lambda: datetime.now(UTC), remaining=lambda: timedelta(minutes=1)
    )
    seen = builder.sight([instance], Selector("Auto-Rebuild", "true"))[instance]
    assert seen.shape is not None
    return seen.shape


def check(kept: Blueprint, made: Blueprint, old: str) -> None:
    """Every field is really there, and equal; what is new is new."""
    silent = {"optimized", "monitored", "groups"}
    for each in fields(Blueprint):
        assert getattr(kept, each.name) or each.name in silent, f"{each.name} shows nothing"
    assert unequal(kept, made) == {}
    assert kept.redacted == 1
    assert "secret" not in made.user_data
    assert made.tags["fleetmend:rebuilt-from"] == old
    (before,), (after,) = ([d.volume for d in b.disks if d.device == KEEPS] for b in (kept, made))
    assert before == after, "the volume that outlived it is the same"
    assert kept.disks[0].volume != made.disks[0].volume, "the root volume is another"


def test_in_the_sim() -> None:
    scenario = load(FILE)
    _, world = sim.record(scenario)
    old, new = world.fleet.named["api-1"], world.fleet.named["api-1+1"]
    body = json.loads(world.s3.objects[f"records/rebuild/{old.id}.json"].body)
    assert body["detail"]["rebuilt"] == new.id
    container = wire.container(scenario.region, 9)

    def serve(service: str, operation: str, params: Any, _patience: float) -> Any:
        assert service == "ec2"
        return world.ec2.handle(operation, params)

    with wire.connected(serve, lambda _: None, seed=1):
        made = shape(clients.client("ec2", container), new.id)
    check(from_json(body["detail"]["blueprint"]), made, old.id)


@pytest.mark.emulator
@pytest.mark.xdist_group("worlds")
def test_over_the_wire(rebuild_build: Build) -> None:
    scenario = load(FILE)
    graph, artifact = rebuild_build.graph, rebuild_build.artifact
    with opened(scenario, graph=graph, artifact=artifact, speed=60.0) as world:
        assert world.installed.may_start == ("Auto-Rebuild", "true"), "as the role declares it"
        world.run()
        old, new = world.fleet.ids["api-1"], world.fleet.ids["api-1+1"]
        key = f"records/rebuild/{old}.json"
        s3, ec2 = world.emulators.client("s3"), world.emulators.client("ec2")
        text = s3.get_object(Bucket=world.installed.bucket, Key=key)["Body"].read()
        body = json.loads(text)
        assert body["detail"]["rebuilt"] == new
        made = shape(ec2, new)
    check(from_json(body["detail"]["blueprint"]), made, old)

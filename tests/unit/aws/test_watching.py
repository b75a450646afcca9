"""A run that only watches knows what is really recorded, and changes none of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.aws.ec2 import DryRunFleet
from fleetmend.aws.watching import ObservedLedger, PlanLedger
from fleetmend.core.loop import Ports, run
from fleetmend.core.model import Hold, Instance, Record, RecoveryPolicy, Status
from fleetmend.core.practices import recovering
from fleetmend.core.survey import Survey
from tests.unit.core.memory import MemoryWorld


@pytest.fixture
def world():
    world = MemoryWorld()
    for name in ("i-1", "i-2"):
        world.instances[name] = Instance(name, "stopped", world.time, tags={"Auto-Recover": "true"})
    hold = Hold(world.time + timedelta(hours=1), "ann", "patching")
    world.records["i-1"] = Record("recovery", "i-1", Status.CLOSED, hold=hold, revision=3)
    return world


def watch(world, ledger):
    ports = Ports(ledger, world, world, world.parallel, lambda: "id")
    fleet, policy = DryRunFleet(world), RecoveryPolicy()
    practice = recovering(fleet, Survey(fleet, ports.ledger, policy), policy)
    cases = run(practice, ports, {"i-1": None, "i-2": None})
    return {case.subject: case.record.reason for case in cases}


def test_a_plan_knows_the_true_hold_and_keeps_nothing(world):
    before = dict(world.records)
    assert watch(world, PlanLedger(world)) == {"i-1": "held", "i-2": "observe"}
    assert world.records == before
    assert world.starts == []


def test_observing_begins_from_the_true_record_and_keeps_its_own(world):
    before, would = dict(world.records), MemoryWorld()
    would.time = world.time
    for _ in range(2):
        assert watch(world, ObservedLedger(would, world)) == {"i-1": "held", "i-2": "observe"}
    assert world.records == before
    assert sorted(would.records) == ["i-1", "i-2"]


def test_what_was_observed_goes_on_from_itself(world):
    would = MemoryWorld()
    would.time = world.time
    watch(world, ObservedLedger(would, world))
    world.records["i-1"] = replace(world.records["i-1"], hold=None)
    assert watch(world, ObservedLedger(would, world))["i-1"] == "held"

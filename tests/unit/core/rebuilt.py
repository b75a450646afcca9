"""An instance, its blueprint and its record, as rebuild's decisions see them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fleetmend.core.blueprint import Blueprint, Card, Disk
from fleetmend.core.decisions import rebuild
from fleetmend.core.model import (
    Attempt,
    Check,
    Decision,
    Instance,
    Record,
    Result,
    Status,
)
from fleetmend.core.rebuilding import (
    Copy,
    Memory,
    Plan,
    RebuildPolicy,
    Sighting,
    from_detail,
    to_detail,
    token,
)

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
ID, NEW = "i-0123456789abcdef0", "i-0fedcba9876543210"
TAGS = {"Auto-Rebuild": "true", "Name": "api"}
OK = (Check("instance", "ok"), Check("system", "ok"))
ROOT = Disk("/dev/sda1", "vol-root", ends=True, size=8)
DATA = Disk("/dev/sdf", "vol-data", ends=False, size=20)
SHAPE = Blueprint(
    "ami-1",
    "t3.micro",
    "us-east-1a",
    root="/dev/sda1",
    private_address="10.0.0.5",
    tags=TAGS,
    disks=(ROOT, DATA),
    cards=(Card(0, "eni-0", ends=True),),
)
POLICY = RebuildPolicy(settle=timedelta(0))
"""Without the minute in which others that went too may still be on their way."""


def instance(state: str = "running", identity: str = ID, **more) -> Instance:
    given = {"tags": TAGS, "checks": OK if state == "running" else (), **more}
    return Instance(identity, state, NOW, **given)


def seen(state: str = "running", shape: Blueprint | None = SHAPE, **more) -> Sighting:
    given = {"instance": instance(state), **more}
    return Sighting(ID, NOW, shape=shape if state in {"running", "stopped"} else None, **given)


def kept(memory: Memory | None = None, **more) -> Record:
    given = {"status": Status.CLOSED, "reason": "kept", **more}
    return Record("rebuild", ID, detail=to_detail(memory or Memory(blueprint=SHAPE)), **given)


def decide(sighting: Sighting, record: Record | None = None, **policy) -> Decision:
    return rebuild.decide(ID, sighting, record, replace(POLICY, **policy), NOW, "intent")


def memory_of(decision: Decision) -> Memory:
    assert decision.record is not None
    return from_detail(decision.record.detail)


def gone(state: str = "terminated", **more) -> Sighting:
    return seen(state, None, **more)


def copy(state: str = "running", shape: Blueprint = SHAPE, number: int = 0, **more) -> Copy:
    return Copy(instance(state, NEW, **more), shape, token(ID, number))


def launched(**more) -> Record:
    memory = Memory(blueprint=SHAPE, plan=Plan("ami-1"), rebuilt=NEW)
    attempt = Attempt(NOW - timedelta(minutes=1), Result.ACCEPTED)
    given = {"status": Status.OPEN, "reason": "launch", "opened_at": NOW, "attempts": (attempt,)}
    return kept(memory, **{**given, **more})

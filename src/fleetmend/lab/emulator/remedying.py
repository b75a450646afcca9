"""Remediation over the wire: the rules in the ledger, a report, and what IAM lets it tag."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from fleetmend.aws.archive import S3Archive
from fleetmend.core.compliance import Resource
from fleetmend.core.rules import Rules, encode
from fleetmend.core.standings import Branch
from fleetmend.lab.committing import commit, last_run
from fleetmend.lab.emulator.processes import ACCOUNT
from fleetmend.lab.vocabulary import remediation
from fleetmend.lab.words import Verb

if TYPE_CHECKING:
    from fleetmend.lab.emulator.world import World

_DEAD = frozenset({"shutting-down", "terminated"})


def outfit(world: "World") -> None:
    """Put the scenario's rules where those of the program were, and let IAM ask for their keys."""
    installed = world.installed
    if installed.may_tag:
        world.emulators.ec2_server.gateway.may_tag[installed.function[:50]] = installed.may_tag
    if world.scenario.concern == "remediation":
        body = encode(_at_speed(world.scenario.rules, world.speed))
        _archive(world).put("rules/compliance.json", body)
        vpc_tags = world.scenario.fleet.vpc_tags
        if vpc_tags:
            ec2 = world.emulators.client("ec2")
            listed = [{"Key": key, "Value": value} for key, value in vpc_tags.items()]
            for vpc in ec2.describe_vpcs()["Vpcs"]:
                ec2.create_tags(Resources=[vpc["VpcId"]], Tags=listed)


def carry_out(world: "World", verb: Verb) -> bool:
    """Do what a verb of remediation's says; False for any other."""
    match verb:
        case remediation.Scan():
            branch = Branch(ACCOUNT, world.scenario.region)
            now, word = datetime.now(UTC), uuid4().hex[:8]
            commit(
                _archive(world), branch, world.scenario.rules, _living(world), now=now, word=word
            )
        case remediation.UndoRun(by=by):
            world.send("undo", of=last_run(_archive(world)), by=by, run=_word())
        case remediation.Undo(subject=subject, by=by):
            for name in world.subjects(subject):
                world.send("undo", subject=name, by=by, run=_word())
        case _:
            return False
    return True


def _word() -> str:
    return f"op-{time.time():.0f}"


def _at_speed(rules: Rules, speed: float) -> Rules:
    """A grace is a time like any other, and is as much shorter here."""
    return replace(
        rules, rules=tuple(replace(rule, grace=rule.grace / speed) for rule in rules.rules)
    )


def _archive(world: "World") -> S3Archive:
    return S3Archive(world.emulators.client("s3"), world.installed.bucket)


def _living(world: "World") -> list[Resource]:
    with world.emulators.lock:
        known = world.emulators.physics.instances()
        return [
            Resource("instance", name, {tag["key"]: tag["value"] for tag in one.get_tags()})
            for name, one in known.items()
            if one.state not in _DEAD
        ]

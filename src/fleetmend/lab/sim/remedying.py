"""What remediation meets of AWS: tags, VPCs, and who launched what.

CreateTags and DeleteTags take ids and know no condition, but a DeleteTags with a value takes off
only what has it (EC2 API Reference). IAM admits the keys of the rules and the hold, and lets only
what carries that hold be stopped or started, as components/remediation.py declares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetmend.core.compliance import Resource
from fleetmend.core.remediation import HELD
from fleetmend.core.rules import Remedy, encode
from fleetmend.core.standings import Branch
from fleetmend.lab.committing import commit
from fleetmend.lab.sim.fleet import Instance, SimFleet
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.sim.s3 import S3

if TYPE_CHECKING:
    from fleetmend.lab.sim.world import World

VPC = "vpc-00000000000000001"
HOLD = "fleetmend:hold-until"

Told = Callable[[Instance], None]


@dataclass
class Remedied:
    """The part of EC2 that remediation alone calls. `keys` are those that IAM admits."""

    fleet: SimFleet
    known: Callable[[str], Instance]
    told: Told
    keys: frozenset[str]
    vpc_tags: Mapping[str, str]

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as EC2 would refuse it; nothing was done then.
        """
        match operation:
            case "CreateTags" | "DeleteTags":
                return self._tags(operation, params)
            case "DescribeVpcs":
                tags = [{"Key": k, "Value": v} for k, v in sorted(self.vpc_tags.items())]
                return {"Vpcs": [{"VpcId": VPC, "Tags": tags}]}
            case _:
                raise NotImplementedError(f"ec2:{operation} is not simulated")

    def _tags(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        them = [self.known(str(name)) for name in params["Resources"]]
        given: dict[str, str | None] = {tag["Key"]: tag.get("Value") for tag in params["Tags"]}
        if not given or not set(given) <= self.keys:
            raise AwsError("UnauthorizedOperation", f"ec2:{operation} of {sorted(given)}")
        for one in them:
            if operation == "CreateTags":
                self.fleet.retag(one, {key: str(value) for key, value in given.items()}, [])
            else:
                gone = [k for k, v in given.items() if v is None or one.tags.get(k) == v]
                self.fleet.retag(one, {}, gone)
            self.told(one)
        return {}


@dataclass
class SimArchive:
    """`Archive` over the simulated bucket, for what another function of the product wrote."""

    s3: S3

    def put(self, key: str, body: bytes, *, once: bool = False) -> bool:
        """See `Archive`."""
        if once and key in self.s3.objects:
            return False
        self.s3.replace(key, body)
        return True

    def get(self, key: str) -> bytes | None:
        """See `Archive`."""
        found = self.s3.objects.get(key)
        return found.body if found else None

    def list(self, prefix: str) -> list[str]:
        """See `Archive`."""
        return sorted(key for key in self.s3.objects if key.startswith(prefix))


def outfit(world: "World") -> None:
    """Put into the account what remediation needs."""
    rules = world.scenario.rules
    if world.installed.concern != "remediation":
        return

    def told(one: Instance) -> None:
        world.tape.truths.append(one.truth(world.engine.now, "retagged"))

    filled = {rule.key for rule in rules.rules if Remedy.FILL in rule.remedies}
    vpc_tags = world.scenario.fleet.vpc_tags
    world.ec2.may_start = (HOLD, HELD)
    world.ec2.remedied = Remedied(
        world.fleet, world.ec2.known, told, frozenset({*filled, HOLD}), vpc_tags
    )
    world.s3.replace("rules/compliance.json", encode(rules))


def scan(world: "World") -> None:
    """Commit a run of compliance over the fleet as it is, by the product's own code."""
    now, archive = world.time(), SimArchive(world.s3)
    branch = Branch(world.installed.account, world.installed.region)
    word = f"{int(world.engine.now):08x}"
    commit(archive, branch, world.scenario.rules, _living(world.fleet), now=now, word=word)


def _living(fleet: SimFleet) -> list[Resource]:
    dead = {"shutting-down", "terminated"}
    them: Sequence[Instance] = [one for one in fleet.instances.values() if one.state not in dead]
    return [Resource("instance", one.id, dict(one.tags)) for one in them]

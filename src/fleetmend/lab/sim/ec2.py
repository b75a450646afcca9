"""EC2 as the product meets it: filters, pages, whole-call errors, answers that lag behind.

Rules are those of the Amazon EC2 API Reference: DescribeInstances, DescribeInstanceStatus,
StartInstances, and "Error codes for the Amazon EC2 API".
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from fleetmend.lab.sim import mending, retyping
from fleetmend.lab.sim.engine import Engine
from fleetmend.lab.sim.fleet import Instance, Look, SimFleet
from fleetmend.lab.sim.hardware import Hardware, tagged
from fleetmend.lab.sim.remedying import VPC, Remedied
from fleetmend.lab.sim.replies import CODES, AwsError
from fleetmend.lab.sim.stock import IMAGE

REBUILT_FROM = "fleetmend:rebuilt-from"
PAGE = 1000
FILTER_VALUES = 200
ROOT = "/dev/xvda"
STATUS_IDS = 100
"""DescribeInstanceStatus takes at most 100 explicit ids."""


@dataclass
class Shortage:
    """No capacity for a type in a zone until then; None stands for any."""

    zone: str | None
    type: str | None
    until: float

    def hits(self, instance: Instance, now: float) -> bool:
        """Whether a start of this instance meets it."""
        return (
            now < self.until
            and self.zone in (None, instance.zone)
            and self.type in (None, instance.type)
        )


@dataclass
class Ec2:
    """The service. `may_start` is the tag that IAM demands of what is started."""

    engine: Engine
    fleet: SimFleet
    epoch: datetime
    may_start: tuple[str, str] = ("Auto-Recover", "true")
    type_role: str = ""
    """The role with which alone types may be changed."""
    retagged: Callable[[Instance], None] = lambda _: None
    """Hears of an instance that a call gave a tag or a type."""
    lag: Callable[[], float] = field(default=lambda: 0.0)
    shortages: list[Shortage] = field(default_factory=list[Shortage])
    hardware: Hardware | None = None
    """What hangs on instances; there where a scenario is about that, since it costs time."""
    remedied: Remedied | None = None
    """What remediation alone calls; there where it is at work."""
    spoiled: dict[str, int] = field(default_factory=dict[str, int])
    """How many launches in an instance's place are terminated at once, by its id."""
    branches: dict[str, str] = field(default_factory=dict[str, str])
    """The account and region of each instance by id, where a scenario has several."""
    _launched: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as EC2 would refuse it; nothing was done then.
        """
        match operation:
            case "DescribeInstances":
                return self._describe(params)
            case "DescribeInstanceStatus":
                return self._status(params)
            case "StartInstances":
                return self._start(params)
            case "StopInstances":
                return mending.stop(self.fleet, self._known, self._authorize, params)
            case "RebootInstances":
                return mending.reboot(self.fleet, self._known, self._authorize, params)
            case _ if operation in retyping.CALLS and not self.remedied:
                return retyping.handle(self, operation, params)
            case "RunInstances" if self.hardware:
                return self._run(params, self.hardware)
            case _ if self.remedied:
                return self.remedied.handle(operation, params)
            case _ if self.hardware:
                return self.hardware.handle(operation, params)
            case _:
                raise NotImplementedError(f"ec2:{operation} is not simulated")

    def known(self, identity: str) -> Instance:
        """The instance of that id.

        Raises:
            AwsError: there is none.
        """
        return self._known(identity)

    def _run(self, params: Mapping[str, Any], hardware: Hardware) -> dict[str, Any]:
        """RunInstances: one call with one client token gives one instance, however often sent."""
        word = str(params.get("ClientToken", ""))
        asked = json.dumps({k: v for k, v in params.items() if k != "ClientToken"}, sort_keys=True)
        if word and word in self._launched:
            before, made = self._launched[word]
            if before != asked:
                raise AwsError(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent "
                    "request are inconsistent with arguments used in previous ones.",
                )
            instance = self.fleet.instances.get(made)
            return {"Instances": [{"InstanceId": made}] if instance else []}
        instance = self._made(params, hardware)
        if word:
            self._launched[word] = (asked, instance.id)
        hardware.launched(instance, params)
        self.fleet.start(instance)
        return {"Instances": [self._facts(instance, instance.past[-1])]}

    def _made(self, params: Mapping[str, Any], hardware: Hardware) -> Instance:
        tags = tagged(params, "instance")
        key, value = self.may_start
        if tags.get(key) != value:
            raise AwsError("UnauthorizedOperation", "ec2:RunInstances without the tag")
        if params["ImageId"] not in {IMAGE, *hardware.images}:
            raise AwsError("InvalidAMIID.NotFound", f"no image {params['ImageId']}")
        if hardware.is_taken(str(params.get("PrivateIpAddress", ""))):
            raise AwsError("InvalidIPAddress.InUse", "Address is in use.")
        zone, kind = params["Placement"]["AvailabilityZone"], params["InstanceType"]
        now, origin = self.engine.now, tags.get(REBUILT_FROM, "")
        if any(
            s.until > now and s.zone in (None, zone) and s.type in (None, kind)
            for s in self.shortages
        ):
            raise AwsError("InsufficientInstanceCapacity", "no capacity")
        first = self.fleet.instances.get(origin)
        number = (
            1 + sum(one.startswith(f"{first.name}+") for one in self.fleet.named) if first else 1
        )
        made = self.fleet.add(
            f"{first.name if first else origin}+{number}",
            kind=kind, zone=zone, tags=tags, state="stopped", launched=now,
        )  # fmt: skip
        made.is_spoiled = self.spoiled.get(origin, 0) > 0
        self.spoiled[origin] = self.spoiled.get(origin, 0) - 1
        return made

    def is_short(self, instance: Instance) -> bool:
        """Whether there is no capacity for it now."""
        return any(short.hits(instance, self.engine.now) for short in self.shortages)

    def _describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        seen = self._seen(params)
        page, token = _page(seen, params, smallest=5)
        found = [
            {
                "ReservationId": f"r-{instance.id[2:]}",
                "OwnerId": "123456789012",
                "Instances": [self._facts(instance, look)],
            }
            for instance, look in page
        ]
        return {"Reservations": found, "NextToken": token}

    def _status(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if len(params.get("InstanceIds", ())) > STATUS_IDS:
            raise AwsError("InvalidParameterValue", f"at most {STATUS_IDS} instance ids")
        every = params.get("IncludeAllInstances", False)
        moment = self.engine.now - self.lag()
        seen = [pair for pair in self._seen(params) if every or pair[1].state == "running"]
        page, token = _page(seen, params, smallest=5)
        found = [self._checks(instance, look, moment) for instance, look in page]
        return {"InstanceStatuses": found, "NextToken": token}

    def _checks(self, instance: Instance, look: Look, moment: float) -> dict[str, Any]:
        running = look.state == "running"
        overall = instance.checks(moment, look) if running else "not-applicable"

        def one(name: str) -> dict[str, str]:
            bad = name in look.impaired
            return (
                {"Status": overall if not look.impaired or bad else "ok"}
                if running
                else {"Status": "not-applicable"}
            )

        events: list[dict[str, Any]] = []
        if instance.retires_at is not None:
            soon = self.epoch + timedelta(seconds=instance.retires_at)
            events.append({"Code": "instance-retirement", "NotBefore": soon})
        return {
            "InstanceId": instance.id,
            "AvailabilityZone": instance.zone,
            "Events": events,
            "InstanceState": {"Code": CODES[look.state], "Name": look.state},
            "InstanceStatus": one("instance"),
            "SystemStatus": one("system"),
            "AttachedEbsStatus": one("attached-ebs"),
        }

    def _start(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """All or nothing: one instance that cannot be started fails the whole call."""
        wanted = [self._known(identity) for identity in params["InstanceIds"]]
        self._authorize("StartInstances", wanted)
        wrong = [one for one in wanted if one.state not in {"stopped", "pending", "running"}]
        if wrong:
            raise AwsError(
                "IncorrectInstanceState",
                f"The instance '{wrong[0].id}' is not in a state from which it can be started.",
                culprits=_ids(wrong),
            )
        spot = [one for one in wanted if one.lifecycle == "spot" and one.state == "stopped"]
        if spot:
            raise AwsError(
                "UnsupportedOperation",
                f"You can't start the Spot Instance '{spot[0].id}' because the associated "
                "Spot Instance request is not in an appropriate state to support start.",
                culprits=_ids(spot),
            )
        cold = [one for one in wanted if one.state == "stopped"]
        rootless = [one for one in cold if not one.root]
        if rootless:
            raise AwsError(
                "IncorrectInstanceState",
                f"Instance '{rootless[0].id}' does not have a volume attached at root ({ROOT})",
                culprits=_ids(rootless),
            )
        dry = [one for one in cold if self.is_short(one)]
        if dry:
            raise AwsError(
                "InsufficientInstanceCapacity",
                "We currently do not have sufficient capacity in the Availability Zone you "
                "requested. Our system will be working on provisioning additional capacity.",
                culprits=_ids(dry),
            )
        changes = [self._started(one) for one in wanted]
        return {"StartingInstances": changes}

    def _authorize(self, operation: str, wanted: Sequence[Instance]) -> None:
        """IAM judges the tag of every instance of the call."""
        key, value = self.may_start
        denied = [one for one in wanted if one.tags.get(key) != value]
        if denied:
            raise AwsError(
                "UnauthorizedOperation",
                "You are not authorized to perform this operation. User: arn:aws:sts::"
                "123456789012:assumed-role/recovery/f is not authorized to perform: "
                f"ec2:{operation} on resource: arn:aws:ec2:::instance/{denied[0].id}",
                culprits=_ids(denied),
            )

    def _started(self, instance: Instance) -> dict[str, Any]:
        before = instance.state
        self.fleet.start(instance)
        after = instance.state
        return {
            "InstanceId": instance.id,
            "PreviousState": {"Code": CODES[before], "Name": before},
            "CurrentState": {"Code": CODES[after], "Name": after},
        }

    def _seen(self, params: Mapping[str, Any]) -> list[tuple[Instance, Look]]:
        """What the caller gets to see, as old as the lag says, narrowed by ids and filters."""
        identities = params.get("InstanceIds")
        if identities and ("MaxResults" in params or "NextToken" in params):
            raise AwsError(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        if identities:
            chosen: Iterable[Instance] = [self._known(identity) for identity in identities]
        else:
            branch = params.get("Branch")
            everything = self.fleet.instances.values()
            chosen = [one for one in everything if branch in (None, self.branches.get(one.id))]
        moment = self.engine.now - self.lag()
        seen = [(one, look) for one in chosen if (look := one.as_of(moment)) is not None]
        for rule in params.get("Filters", ()):
            seen = [pair for pair in seen if _matches(*pair, rule["Name"], rule["Values"])]
        return seen

    def _known(self, identity: str) -> Instance:
        instance = self.fleet.instances.get(identity)
        if instance is None:
            raise AwsError(
                "InvalidInstanceID.NotFound",
                f"The instance ID '{identity}' does not exist",
                culprits=(identity,),
            )
        return instance

    def _facts(self, instance: Instance, look: Look) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "InstanceId": instance.id,
            "InstanceType": look.type,
            "Architecture": retyping.architecture(look.type),
            "VirtualizationType": "hvm",
            "CurrentInstanceBootMode": "legacy-bios",
            "EnaSupport": not retyping.is_old(look.type),
            "ImageId": "ami-00000000000000001",
            "LaunchTime": self.epoch + timedelta(seconds=look.launched),
            "Placement": {"AvailabilityZone": instance.zone, "Tenancy": "default"},
            "State": {"Code": CODES[look.state], "Name": look.state},
            "VpcId": VPC,
            "RootDeviceType": "ebs",
            "RootDeviceName": ROOT,
            "BlockDeviceMappings": [_root(instance)] if instance.root else [],
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(look.tags.items())],
        }
        if look.stop_asked is not None:
            asked = self.epoch + timedelta(seconds=look.stop_asked)
            facts["StateTransitionReason"] = f"User initiated ({asked:%Y-%m-%d %H:%M:%S} GMT)"
        if instance.lifecycle != "normal":
            facts["InstanceLifecycle"] = instance.lifecycle
        if instance.operator:
            facts["Operator"] = {"Managed": True, "Principal": instance.operator}
        return {**facts, **(self.hardware.facts(instance) if self.hardware else {})}


def _root(instance: Instance) -> dict[str, Any]:
    volume = f"vol-{instance.id[2:]}"
    return {"DeviceName": ROOT, "Ebs": {"VolumeId": volume, "Status": "attached"}}


def _ids(instances: Sequence[Instance]) -> tuple[str, ...]:
    return tuple(one.id for one in instances)


def _page(
    seen: Sequence[tuple[Instance, Look]], params: Mapping[str, Any], *, smallest: int
) -> tuple[Sequence[tuple[Instance, Look]], str | None]:
    size = params.get("MaxResults", PAGE)
    if not smallest <= size <= PAGE:
        raise AwsError(
            "InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid."
        )
    token = params.get("NextToken")
    first = 0
    if token:
        after = [k for k, (instance, _) in enumerate(seen) if instance.id > token]
        first = after[0] if after else len(seen)
    page = seen[first : first + size]
    more = first + size < len(seen)
    return page, page[-1][0].id if more else None


def _matches(instance: Instance, look: Look, name: str, values: Sequence[str]) -> bool:
    """One filter of a describe; a list of values is an or, `*` and `?` are wildcards."""
    if name == "instance-state-name":
        found: list[str] = [look.state]
    elif name == "instance-id":
        found = [instance.id]
    elif name == "instance-state-code":
        found = [str(CODES[look.state])]
    elif name.endswith("-status.status"):
        found = ["impaired" if name.removesuffix("-status.status") in look.impaired else "ok"]
    elif name == "tag-key":
        found = list(look.tags)
    elif name.startswith("tag:"):
        key = name.removeprefix("tag:")
        found = [look.tags[key]] if key in look.tags else []
    else:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    if len(values) > FILTER_VALUES:
        raise AwsError("FilterLimitExceeded", f"at most {FILTER_VALUES} filter values")
    return any(_pattern(value).fullmatch(one) for one in found for value in values)


@cache
def _pattern(value: str) -> re.Pattern[str]:
    r"""A filter's value: `*` is anything, `?` one character, a backslash before them literal."""
    parts: list[str] = re.findall(r"\\.|.", value, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.DOTALL)

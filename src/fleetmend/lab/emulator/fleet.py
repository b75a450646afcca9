"""A scenario's fleet in the emulated account, and who is who in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

from fleetmend.lab.emulator.emulators import Emulators
from fleetmend.lab.emulator.hardware import Workshop
from fleetmend.lab.emulator.processes import EmulatorFailed
from fleetmend.lab.moments import when_tagged
from fleetmend.lab.scenario import Group, Member, Scenario

MOST = 300
"""Instances: moto takes about 10 ms for each in every describe."""

_IMAGE = "ami-0123456789abcdef0"
"""moto starts any image; the lab has no stock of them."""


@dataclass
class Fleet:
    """Names and ids of a scenario's instances."""

    scenario: Scenario
    ids: dict[str, str] = field(default_factory=dict[str, str])
    names: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, name: str, instance: str) -> None:
        """An instance has this name."""
        self.ids[name] = instance
        self.names[instance] = name

    def add_successor(self, instance: str, origin: str) -> None:
        """An instance that came in the place of another: `api-1+1` of `api-1`."""
        first = self.name(origin)
        number = 1 + sum(name.startswith(f"{first}+") for name in self.ids)
        self.add(f"{first}+{number}", instance)

    def expand(self, subject: str) -> list[str]:
        """The ids of the instances a scenario's subject stands for."""
        return [self.ids[name] for name in self.scenario.expand(subject)]

    def name(self, instance: str) -> str:
        """An instance's fleet name; its id when it has none."""
        return self.names.get(instance, instance)

    def called(self, instances: Iterable[str]) -> list[str]:
        """The names of several instances."""
        return [self.name(instance) for instance in instances]


def create(emulators: Emulators, scenario: Scenario, start: datetime, speed: float) -> Fleet:
    """Create the fleet, every instance in its state for a day already.

    Args:
        emulators: where.
        scenario: what.
        start: what relative times in tags count from.
        speed: divides those times.

    Raises:
        EmulatorFailed: the fleet is too large for this world.
    """
    members = list(scenario.members())
    if len(members) > MOST:
        raise EmulatorFailed(
            f"{len(members)} instances are more than the emulator can serve in time ({MOST})",
            remedy="play this scenario in the sim, or make the fleet smaller",
        )
    fleet = Fleet(scenario)
    workshop = Workshop(emulators)
    emulators.physics.born_settled = True
    try:
        for _, alike in groupby((m for m in members if not m.group), key=_alike):
            same = list(alike)
            tags = when_tagged(same[0].tags, start, speed)
            if scenario.concern == "rebuild":
                for member in same:
                    _run(emulators, fleet, [member], tags, workshop)
            else:
                _run(emulators, fleet, same, tags)
        for group in scenario.fleet.groups:
            _group(emulators, fleet, group, when_tagged(group.tags, start, speed))
    finally:
        emulators.physics.born_settled = False
    return fleet


def _alike(member: Member) -> tuple[object, ...]:
    return replace(member, name="", tags={}), *sorted(member.tags.items())


def _run(
    emulators: Emulators,
    fleet: Fleet,
    members: list[Member],
    tags: Mapping[str, str],
    workshop: Workshop | None = None,
) -> None:
    """Instances that differ only in their names; with a workshop, one with all its parts."""
    ec2, first = emulators.client("ec2"), members[0]
    shown = [{"Key": key, "Value": value} for key, value in tags.items()]
    bought = {"InstanceMarketOptions": {"MarketType": "spot"}} if first.lifecycle == "spot" else {}
    named = {"Name": first.name, **tags}
    tagged = {"TagSpecifications": [{"ResourceType": "instance", "Tags": shown}]} if shown else {}
    creator = emulators.client("ec2", by=fleet.scenario.fleet.creator)
    made = creator.run_instances(
        ImageId=_IMAGE,
        InstanceType=first.type,
        MinCount=len(members),
        MaxCount=len(members),
        Placement={"AvailabilityZone": first.zone},
        **(workshop.asked(first, named) if workshop else tagged),
        **bought,
    )["Instances"]
    for member, instance in zip(members, made, strict=True):
        identity = str(instance["InstanceId"])
        fleet.add(member.name, identity)
        ec2.create_tags(Resources=[identity], Tags=[{"Key": "Name", "Value": member.name}])
        if workshop:
            workshop.finish(identity, member, named)
        with emulators.lock:
            emulators.physics.body(identity).operator = member.operator
            made_by_moto = emulators.physics.instances()[identity]
            made_by_moto.disable_api_stop = member.protected
            made_by_moto.virtualization_type = "hvm"  # moto takes an unknown image for an old one
            if not member.root:
                emulators.physics.lose_root(identity)
            if member.state == "stopped":
                emulators.physics.settle(identity, "stopped")


def _group(emulators: Emulators, fleet: Fleet, group: Group, tags: Mapping[str, str]) -> None:
    """An Auto Scaling group; moto would put its instances into any zone."""
    autoscaling = emulators.client("autoscaling")
    template = f"{group.name}-template"
    emulators.client("ec2").create_launch_template(
        LaunchTemplateName=template,
        LaunchTemplateData={"ImageId": _IMAGE, "InstanceType": group.type},
    )
    zones = [fleet.scenario.zone(k) for k in range(group.zones)]
    targets: dict[str, list[str]] = {}
    if group.balanced:
        network = emulators.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        made = emulators.client("elbv2").create_target_group(
            Name=group.name, Protocol="HTTPS", Port=443, VpcId=network
        )
        targets = {"TargetGroupARNs": [str(made["TargetGroups"][0]["TargetGroupArn"])]}
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=group.name,
        LaunchTemplate={"LaunchTemplateName": template},
        MinSize=0,
        MaxSize=group.max,
        DesiredCapacity=0,
        AvailabilityZones=zones,
        Tags=[{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in tags.items()],
        **targets,
    )
    with emulators.lock:
        herd = emulators.herd
        for k in range(group.desired):
            one = herd.add(herd.groups[group.name], fleet.scenario.zone(k % group.zones))
            if one is not None:
                fleet.add(f"{group.name}-{k + 1}", one.id)
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group.name, MinSize=group.min, DesiredCapacity=group.desired
    )

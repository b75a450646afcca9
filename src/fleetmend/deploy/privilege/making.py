"""What operations that make things need: one call, many resources, each with conditions of its own.

Sources: the service authorization reference of EC2, and the EC2 User Guide, "Example policies to
control access the Amazon EC2 API" (launch instances).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fleetmend.deploy.privilege.calls import Call
from fleetmend.deploy.privilege.need import Context, Need
from fleetmend.deploy.privilege.world import World
from fleetmend.deploy.view import listing, mapping, text_of

_POLICY = "aws:iam/rolePolicy:RolePolicy"
_ATTACHED = {
    "InstanceId": "instance",
    "VolumeId": "volume",
    "NetworkInterfaceId": "network-interface",
    "AllocationId": "elastic-ip",
}


_ATTRIBUTES = frozenset({"InstanceType", "UserData"})
"""Of ModifyInstanceAttribute's parameters, those that a recording keeps or a test tries."""


def attaches(call: Call, world: World) -> Iterator[Need]:
    """One need for each thing that is named, with the tags that it had."""
    for name, kind in _ATTACHED.items():
        if name in call.params:
            identity = str(call.params[name])
            yield Need(call.name, _arn(world, f"{kind}/{identity}"), _tags(call, identity))


def reads_attribute(call: Call, world: World) -> Iterator[Need]:
    """The instance whose attribute is read."""
    identity = str(call.params.get("InstanceId"))
    yield Need(call.name, _arn(world, f"instance/{identity}"), _tags(call, identity))


def runs(call: Call, world: World) -> Iterator[Need]:
    """Everything that a launch makes and uses; the tags of what it makes; the role it hands on."""
    asked = _asked(call)
    inside: Context = {"ec2:vpc": tuple(_granted(world, "ec2:Vpc"))[:1]}
    named = [mapping(one) for one in listing(call.params.get("BlockDeviceMappings"))]
    disks = [mapping(one.get("Ebs")) for one in named if "Ebs" in one]
    yield Need(call.name, _arn(world, "instance/i-new"), asked)
    yield Need(call.name, _arn(world, "network-interface/eni-new"), {**asked, **inside})
    yield Need(call.name, _arn(world, "volume/vol-new"), asked)
    yield Need(call.name, _arn(world, f"subnet/{call.params.get('SubnetId')}"), inside)
    for group in listing(call.params.get("SecurityGroupIds")):
        yield Need(call.name, _arn(world, f"security-group/{group}"), inside)
    image = f"image/{call.params.get('ImageId')}"
    yield Need(call.name, _arn(world, image, own=False), {"ec2:owner": ("amazon",)})
    for disk in disks:
        if "SnapshotId" in disk:
            yield from _snapshot(call, str(disk["SnapshotId"]), world)
    yield from _tagging(call, world, "RunInstances")
    yield from _passed(call, world)


def creates_volume(call: Call, world: World) -> Iterator[Need]:
    """The volume with its tags, and the snapshot it is made from."""
    yield Need(call.name, _arn(world, "volume/vol-new"), _asked(call))
    yield from _snapshot(call, str(call.params.get("SnapshotId")), world)
    yield from _tagging(call, world, "CreateVolume")


def changes_attribute(call: Call, world: World) -> Iterator[Need]:
    """The instance with its tags; `ec2:Attribute` names the parameter that is set.

    Service Authorization Reference, "Actions defined by Amazon EC2".
    """
    identity = str(call.params.get("InstanceId"))
    named = tuple(sorted(set(call.params) & _ATTRIBUTES))
    context = {**_tags(call, identity), "ec2:attribute": named}
    yield Need(call.name, _arn(world, f"instance/{identity}"), context)


def tags(call: Call, world: World) -> Iterator[Need]:
    """Each instance with the tags it had, and with those that it is given."""
    given = [mapping(tag) for tag in listing(call.params.get("Tags"))]
    asked: Context = {f"aws:requesttag/{str(t['Key']).lower()}": (str(t["Value"]),) for t in given}
    keys: Context = {"aws:tagkeys": tuple(str(tag["Key"]) for tag in given)}
    for identity in map(str, listing(call.params.get("Resources"))):
        arn = _arn(world, f"instance/{identity}")
        yield Need(call.name, arn, {**_tags(call, identity), **asked, **keys})


def _snapshot(call: Call, name: str, world: World) -> Iterator[Need]:
    owner: Context = {"ec2:owner": (world.place.account,)}
    yield Need(call.name, _arn(world, f"snapshot/{name}", own=False), owner)


def _tagging(call: Call, world: World, making: str) -> Iterator[Need]:
    for each in _specifications(call):
        arn = _arn(world, f"{each['ResourceType']}/new")
        yield Need("ec2:CreateTags", arn, {**_asked(call), "ec2:createaction": (making,)})


def _passed(call: Call, world: World) -> Iterator[Need]:
    """The role of the profile.

    A profile's ARN does not name its role. What is judged is that a role that may be handed on is
    handed to EC2; where none is listed, AWS refuses such a launch, which is as it should be.
    """
    if call.params.get("IamInstanceProfile"):
        for role in _roles(world):
            yield Need("iam:PassRole", role, {"iam:passedtoservice": ("ec2.amazonaws.com",)})


def _asked(call: Call) -> Context:
    found: dict[str, tuple[str, ...]] = {}
    for each in _specifications(call):
        for tag in listing(each.get("Tags")):
            one = mapping(tag)
            found[f"aws:requesttag/{str(one['Key']).lower()}"] = (str(one["Value"]),)
    return found


def _specifications(call: Call) -> list[Mapping[str, Any]]:
    return [mapping(each) for each in listing(call.params.get("TagSpecifications"))]


def _tags(call: Call, identity: str) -> Context:
    return {
        f"{prefix}:resourcetag/{key.lower()}": (value,)
        for key, value in call.tags.get(identity, {}).items()
        for prefix in ("ec2", "aws")
    }


def _arn(world: World, rest: str, *, own: bool = True) -> str:
    place = world.place
    account = place.account if own else ""
    return f"arn:{place.partition}:ec2:{place.region}:{account}:{rest}"


def _roles(world: World) -> Iterator[str]:
    for statement in _statements(world):
        if "iam:PassRole" in listing(statement.get("Action")):
            yield from (str(arn) for arn in listing(statement.get("Resource")))


def _granted(world: World, key: str) -> Iterator[str]:
    """What the policies admit for a key that no recording can know: where the subjects live."""
    for statement in _statements(world):
        for keys in mapping(statement.get("Condition")).values():
            for name, values in mapping(keys).items():
                if name == key:
                    yield from (str(value) for value in listing(values))


def _statements(world: World) -> Iterator[Mapping[str, Any]]:
    for node in world.view.of_type(_POLICY):
        document = mapping(json.loads(world.filled(text_of(node, "policy"))))
        for statement in listing(document.get("Statement")):
            yield mapping(statement)

"""The calls that make an instance again, as EC2 wants them said (EC2 API Reference)."""

from collections.abc import Callable, Mapping
from typing import Any

from fleetmend.aws.clients import Client
from fleetmend.core.blueprint import REBUILT_FROM, Blueprint, Disk, Piece
from fleetmend.core.rebuilding import Plan

RESTORED_FROM = "fleetmend:restored-from"
"""The tag of a volume that was made from a snapshot: the id of the one it replaces."""


_MADE = ("instance", "network-interface", "volume")


RESTORED_FOR = "fleetmend:restored-for"
"""The tag that says for which instance it was made."""


def launch(subject: str, kept: Blueprint, plan: Plan, word: str) -> dict[str, Any]:
    """RunInstances: everything at once, so that a crash leaves no half of it.

    No key pair is named, and what the blueprint left empty is left to EC2. What comes with the
    instance carries its tags too: the role may make nothing that does not carry its tag.
    """
    tags = {**kept.own_tags, REBUILT_FROM: subject}
    asked: dict[str, Any] = {
        "ImageId": plan.image,
        "InstanceType": kept.type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": word,
        "Placement": {"AvailabilityZone": kept.zone},
        "SubnetId": kept.subnet,
        "SecurityGroupIds": list(kept.groups),
        "IamInstanceProfile": {"Arn": kept.profile} if kept.profile else {},
        "MetadataOptions": _metadata(kept.metadata),
        "PrivateIpAddress": kept.private_address if plan.private else "",
        "UserData": kept.user_data,
        "BlockDeviceMappings": _devices(kept, plan),
        "TagSpecifications": [{"ResourceType": kind, "Tags": shown(tags)} for kind in _MADE],
    }
    asked = {key: value for key, value in asked.items() if value}
    return asked | {
        "EbsOptimized": kept.optimized,
        "Monitoring": {"Enabled": kept.monitored},
    }


def attach(
    client: Client, instance: str, piece: Piece
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The call that hangs a piece on an instance, and what it is told."""
    match piece.kind:
        case "volume":
            asked = {"VolumeId": piece.id, "InstanceId": instance, "Device": piece.place}
            return client.attach_volume, asked
        case "interface":
            index = int(piece.place)
            return client.attach_network_interface, {
                "NetworkInterfaceId": piece.id,
                "InstanceId": instance,
                "DeviceIndex": index,
            }
        case _:
            return client.associate_address, {
                "AllocationId": piece.id,
                "InstanceId": instance,
                "AllowReassociation": False,
            }


def restore(subject: str, kept: Blueprint, disk: Disk, snapshot: str, word: str) -> dict[str, Any]:
    """CreateVolume from a snapshot, as the lost one was."""
    tags = {**kept.own_tags, RESTORED_FROM: disk.volume, RESTORED_FOR: subject}
    return {
        "SnapshotId": snapshot,
        "AvailabilityZone": kept.zone,
        "ClientToken": word,
        "TagSpecifications": [{"ResourceType": "volume", "Tags": shown(tags)}],
        **_measures(disk, size="Size"),
    }


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 wants them listed."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _metadata(kept: Mapping[str, str]) -> dict[str, Any]:
    limit = kept.get("HttpPutResponseHopLimit", "")
    return {**kept, **({"HttpPutResponseHopLimit": int(limit)} if limit.isdecimal() else {})}


def _devices(kept: Blueprint, plan: Plan) -> list[dict[str, Any]]:
    """The volumes that end with the instance; those that outlive it are attached afterwards.

    An image of the instance would bring copies of these too: `NoDevice` keeps them out.
    """
    made: list[dict[str, Any]] = []
    for disk in kept.disks:
        if disk.ends or disk.device == kept.root:
            ebs = {**_measures(disk, size="VolumeSize"), "DeleteOnTermination": disk.ends}
            if disk.device in plan.snapshots:
                ebs["SnapshotId"] = plan.snapshots[disk.device]
            made.append({"DeviceName": disk.device, "Ebs": ebs})
        elif plan.image != kept.image:
            made.append({"DeviceName": disk.device, "NoDevice": ""})
    return made


def _measures(disk: Disk, *, size: str) -> dict[str, Any]:
    """Iops of gp2 follow from its size, and may not be asked for."""
    provisioned = disk.type in {"gp3", "io1", "io2"}
    asked: dict[str, Any] = {
        size: disk.size,
        "VolumeType": disk.type,
        "Iops": disk.iops if provisioned else 0,
        "Throughput": disk.throughput if disk.type == "gp3" else 0,
        "Encrypted": disk.encrypted,
        "KmsKeyId": disk.key if disk.encrypted else "",
    }
    return {key: value for key, value in asked.items() if value}

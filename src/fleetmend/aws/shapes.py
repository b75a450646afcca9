"""What EC2 says of an instance as its blueprint: read, never guessed."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from fleetmend.core.blueprint import Blueprint, Card, Disk, redacted

Raw = Mapping[str, Any]

_METADATA = (
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "HttpEndpoint",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
)
"""What DescribeInstances and RunInstances have in common of `MetadataOptions`."""


def outline_of(raw: Raw) -> Blueprint:
    """As much of the blueprint as DescribeInstances alone tells."""
    cards = sorted(map(_card, _each(raw, "NetworkInterfaces")), key=lambda card: card.index)
    options = _part(raw, "MetadataOptions")
    public = next((ip for raw in _each(raw, "NetworkInterfaces") if (ip := _elastic(raw))), "")
    return Blueprint(
        image=_text(raw, "ImageId"),
        type=_text(raw, "InstanceType"),
        zone=_text(_part(raw, "Placement"), "AvailabilityZone"),
        subnet=_text(raw, "SubnetId"),
        groups=tuple(sorted(_text(group, "GroupId") for group in _each(raw, "SecurityGroups"))),
        profile=_text(_part(raw, "IamInstanceProfile"), "Arn"),
        metadata={key: str(options[key]) for key in _METADATA if options.get(key) is not None},
        optimized=raw.get("EbsOptimized") is True,
        monitored=_text(_part(raw, "Monitoring"), "State") in {"enabled", "pending"},
        root=_text(raw, "RootDeviceName"),
        private_address=_text(raw, "PrivateIpAddress"),
        public_address=public,
        tags={_text(tag, "Key"): _text(tag, "Value") for tag in _each(raw, "Tags")},
        disks=tuple(sorted(_disks(raw), key=lambda disk: disk.device)),
        cards=tuple(cards),
    )


def detailed(
    shape: Blueprint, volumes: Mapping[str, Raw], allocation: str, user_data: object
) -> Blueprint:
    """The whole blueprint: with its volumes' details, its elastic address and its user data.

    Args:
        shape: what `outline_of` gave.
        volumes: DescribeVolumes' items, by id.
        allocation: the elastic address's id, or nothing.
        user_data: what DescribeInstanceAttribute gave, in base64.
    """
    text, hidden = _plain(user_data)
    return replace(
        shape,
        disks=tuple(_measured(disk, volumes.get(disk.volume, {})) for disk in shape.disks),
        allocation=allocation,
        user_data=text,
        redacted=hidden,
    )


def _disks(raw: Raw) -> Iterable[Disk]:
    for mapping in _each(raw, "BlockDeviceMappings"):
        ebs = _part(mapping, "Ebs")
        if ebs.get("Status", "attached") in {"attached", "attaching"}:
            yield Disk(
                _text(mapping, "DeviceName"),
                _text(ebs, "VolumeId"),
                ebs.get("DeleteOnTermination") is True,
            )


def _card(raw: Raw) -> Card:
    held = _part(raw, "Attachment")
    index = held.get("DeviceIndex")
    return Card(
        index if isinstance(index, int) else 0,
        _text(raw, "NetworkInterfaceId"),
        held.get("DeleteOnTermination") is True,
    )


def _elastic(raw: Raw) -> str:
    """The elastic address of an interface: one that EC2 only lends is owned by `amazon`."""
    public = _part(raw, "Association")
    return "" if _text(public, "IpOwnerId") == "amazon" else _text(public, "PublicIp")


def _measured(disk: Disk, raw: Raw) -> Disk:
    def number(key: str) -> int:
        value = raw.get(key)
        return value if isinstance(value, int) else 0

    return replace(
        disk,
        size=number("Size"),
        type=_text(raw, "VolumeType"),
        iops=number("Iops"),
        throughput=number("Throughput"),
        encrypted=raw.get("Encrypted") is True,
        key=_text(raw, "KmsKeyId"),
    )


def _plain(encoded: object) -> tuple[str, int]:
    """User data as text without its secrets; -1 where it is no text and cannot be looked into."""
    if not isinstance(encoded, str) or not encoded:
        return "", 0
    try:
        text = base64.b64decode(encoded, validate=False).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", -1
    return redacted(text) if "\0" not in text else ("", -1)


def _text(raw: Raw, key: str) -> str:
    return str(raw.get(key) or "")


def _part(raw: Raw, key: str) -> Raw:
    return cast("Raw", raw.get(key) or {})


def _each(raw: Raw, key: str) -> Sequence[Raw]:
    return cast("Sequence[Raw]", raw.get(key) or ())

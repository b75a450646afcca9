"""EC2's calls about instance types, and the role by which alone a type may be changed.

Rules are those of the Amazon EC2 API Reference: DescribeInstanceTypes,
DescribeInstanceTypeOfferings, ModifyInstanceAttribute; and of components/type_role.py's policy.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fleetmend.lab.sim.fleet import WITH_STORE
from fleetmend.lab.sim.replies import AwsError

if TYPE_CHECKING:
    from fleetmend.lab.sim.ec2 import Ec2

CALLS = frozenset(
    {
        "CreateTags",
        "DescribeInstanceTypeOfferings",
        "DescribeInstanceTypes",
        "ModifyInstanceAttribute",
    }
)

ORIGINAL = "fleetmend:original-type"
OFFERED = "abcdef"
"""The zones of every region, in which every type is offered."""

_KNOWN = re.compile(r"(?!q\d)[a-z]+\d[a-z0-9-]*\.[a-z0-9-]+")
_ARM = re.compile(r"[a-z]+\d+g[a-z]*\..+")
_XEN = re.compile(r"([cmr][1-4]|t[12]|i2|d2)\..+")
"""Generations before the Nitro hypervisor: neither NVMe nor ENA is needed."""

Params = Mapping[str, Any]


def architecture(kind: str) -> str:
    """What a type, and what is launched on it, is made of."""
    return "arm64" if _ARM.fullmatch(kind) else "x86_64"


def handle(ec2: "Ec2", operation: str, params: Params) -> dict[str, Any]:
    """Answer one of `CALLS`.

    Raises:
        AwsError: as EC2 or IAM would refuse it; nothing was done then.
    """
    match operation:
        case "DescribeInstanceTypes":
            return {"InstanceTypes": [_shown(kind) for kind in _wanted(params)]}
        case "DescribeInstanceTypeOfferings":
            return {"InstanceTypeOfferings": _offerings(ec2, _wanted(params))}
        case "CreateTags":
            return _mark(ec2, params)
        case _:
            return _modify(ec2, params)


def is_old(kind: str) -> bool:
    """Whether the type is older than the Nitro hypervisor."""
    return bool(_XEN.fullmatch(kind))


def _wanted(params: Params) -> list[str]:
    """The types that are filtered for and exist: `q` is no family of EC2's."""
    names: Sequence[str] = params["Filters"][0]["Values"]
    return [name for name in sorted(names) if _KNOWN.fullmatch(name)]


def _shown(kind: str) -> dict[str, Any]:
    need = "unsupported" if is_old(kind) else "required"
    return {
        "InstanceType": kind,
        "InstanceStorageSupported": bool(WITH_STORE.fullmatch(kind)),
        "ProcessorInfo": {"SupportedArchitectures": [architecture(kind)]},
        "SupportedVirtualizationTypes": ["hvm"],
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedBootModes": ["legacy-bios", "uefi"],
        "EbsInfo": {"NvmeSupport": need},
        "NetworkInfo": {"EnaSupport": need},
    }


def _offerings(ec2: "Ec2", names: Sequence[str]) -> list[dict[str, Any]]:
    regions = {one.zone[:-1] for one in ec2.fleet.instances.values()}
    return [
        {"InstanceType": name, "LocationType": "availability-zone", "Location": f"{region}{letter}"}
        for name in names
        for region in sorted(regions)
        for letter in OFFERED
    ]


def _modify(ec2: "Ec2", params: Params) -> dict[str, Any]:
    instance = ec2.known(str(params["InstanceId"]))
    asked = set(params) - {"InstanceId", "Role"}
    _authorize(ec2, params, "ModifyInstanceAttribute", asked <= {"InstanceType"})
    if instance.state != "stopped":
        text = f"The instance '{instance.id}' is not in the 'stopped' state."
        raise AwsError("IncorrectInstanceState", text, culprits=(instance.id,))
    kind = str(params["InstanceType"]["Value"])
    if not _KNOWN.fullmatch(kind):
        raise AwsError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    ec2.fleet.retype(instance, kind)
    ec2.retagged(instance)
    return {}


def _mark(ec2: "Ec2", params: Params) -> dict[str, Any]:
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in params["Tags"]}
    _authorize(ec2, params, "CreateTags", set(tags) <= {ORIGINAL})
    for name in params["Resources"]:
        instance = ec2.known(str(name))
        ec2.fleet.retag(instance, tags, [])
        ec2.retagged(instance)
    return {}


def _authorize(ec2: "Ec2", params: Params, operation: str, is_narrow: bool) -> None:  # noqa: FBT001
    """IAM: with the role of its own, on what carries the tag, and nothing else than the type."""
    key, value = ec2.may_start
    names = params.get("Resources") or [params["InstanceId"]]
    tagged = all(ec2.known(str(name)).tags.get(key) == value for name in names)
    if not (tagged and is_narrow and params.get("Role") == ec2.type_role):
        raise AwsError("UnauthorizedOperation", f"ec2:{operation} is not allowed")

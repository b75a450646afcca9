"""What EC2 refuses of a call before it does anything; moto does it, or asks no such thing.

Each raises `Refused` for the call as a whole. `known` are moto's instances by id.
"""

from collections.abc import Callable, Iterable, Mapping

from fleetmend.lab.emulator.calls import WireCall, tags_in
from fleetmend.lab.emulator.paging import Refused
from fleetmend.lab.emulator.untyped import Untyped

Known = Mapping[str, Untyped]
Tags = Callable[[str], Mapping[str, str]]
"""Gives the tags of whatever has this id."""

_KINDS = {
    "i": "instance",
    "vol": "volume",
    "eni": "network-interface",
    "eipalloc": "elastic-ip",
}
"""What an ARN calls the things whose ids begin so."""

_PARTS = ("VolumeId", "NetworkInterfaceId", "AllocationId")
"""Where AttachVolume, AttachNetworkInterface and AssociateAddress name the part."""


def check_tag(tags: Tags, operation: str, ids: Iterable[str], key: str, value: str) -> None:
    """As IAM does where a policy asks for a tag: it names the one that lacks it."""
    for name in ids:
        if tags(name).get(key) != value:
            kind = _KINDS.get(name.partition("-")[0], "*")
            raise Refused(
                "UnauthorizedOperation",
                f"You are not authorized to perform this operation: ec2:{operation} on "
                f"resource: arn:aws:ec2:::{kind}/{name}",
            )


def parts_in(parameters: Mapping[str, Untyped]) -> list[str]:
    """The ids of the parts that a call wants to hang on an instance."""
    return [str(parameters[key]) for key in _PARTS if key in parameters]


def check_keys(call: WireCall, keys: frozenset[str]) -> None:
    """As IAM does where a policy limits the keys of tags; no key at all is none of them."""
    asked = set(tags_in(call.parameters))
    if not asked or not asked <= keys:
        raise Refused(
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation: ec2:{call.operation} of "
            f"{', '.join(sorted(asked - keys))}",
        )


def check_stop(known: Known, ids: Iterable[str]) -> None:
    """As StopInstances does: one is protected, or in no state to be stopped."""
    for instance in _in(known, ids, {"running", "stopping", "stopped"}, "stopped"):
        if instance.disable_api_stop is True:
            raise Refused(
                "OperationNotPermitted",
                f"The instance '{instance.id}' may not be stopped. Modify its "
                "'disableApiStop' instance attribute and try again.",
            )


def check_type_change(known: Known, ids: Iterable[str]) -> None:
    """As ModifyInstanceAttribute does for the instance type: one is not stopped."""
    _in(known, ids, {"stopped"}, "changed")


def check_reboot(known: Known, ids: Iterable[str]) -> None:
    """As RebootInstances does: one does not run."""
    _in(known, ids, {"running"}, "rebooted")


def _in(known: Known, ids: Iterable[str], states: set[str], done: str) -> list[Untyped]:
    """Those instances, all of them in one of the states."""
    some = [known[name] for name in ids if name in known]
    for instance in some:
        if instance.state not in states:
            raise Refused(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be {done}.",
            )
    return some

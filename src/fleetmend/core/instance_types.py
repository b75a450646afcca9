"""Instance types as alternatives: which an instance lists, which fit it, and what is remembered.

What must fit is what AWS says of it (EC2 User Guide, "Compatibility for changing the instance
type"): architecture, virtualization, boot mode, network adapter, and NVMe for volumes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fleetmend.core.model import Instance

CHANGE = "change-type"
"""What an attempt to give an instance another type is called."""

TAG = "fleetmend:alternative-types"
"""The key of the tag that lists alternatives, unless it is set otherwise."""

ORIGINAL = "fleetmend:original-type"
"""The key of the tag that says which type an instance had, so that a person can go back."""

MOST = 10
"""The most alternatives of one instance: each costs two minutes of an hour."""

UNSUPPORTED = frozenset({"Unsupported", "UnsupportedOperation"})
"""Codes of a start that is refused for the sake of the type (EC2 API Reference, "Error codes")."""

_NAME = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")


class MemoryUnreadable(ValueError):
    """The detail of a record is not recovery's; the message names the key."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An instance type as EC2 tells of it (DescribeInstanceTypes); what it left out is empty.

    `ena` and `nvme` are `required`, `supported` or `unsupported`. `stores` says that it comes
    with volumes on the host; None where EC2 does not say. `zones` are those it is offered in.
    """

    name: str
    architectures: frozenset[str] = frozenset()
    virtualizations: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()
    boots: frozenset[str] = frozenset()
    ena: str = ""
    nvme: str = ""
    stores: bool | None = None
    zones: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Memory:
    """What stands in the record's `detail`.

    `original` is the type it had before the first change, `target` the one it is to get or got
    last. `refused` are types that AWS refused in this incident.
    """

    original: str = ""
    target: str = ""
    refused: tuple[str, ...] = ()


def listed(text: str) -> tuple[str, ...]:
    """The types in a tag's value, in order: names such as `m6i.large` with spaces between.

    Raises:
        ValueError: says what is wrong with it.
    """
    names = tuple(text.split())
    if not names:
        raise ValueError("it is empty: give types such as `m6i.large m5.large`")
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no instance type such as m6i.large")
    if len(set(names)) < len(names) or len(names) > MOST:
        raise ValueError(f"it names a type twice, or more than {MOST}")
    return names


def wanted(seen: Instance, tag: str) -> tuple[str, ...]:
    """The types that the instance may get, its own left out; none where the tag is no list."""
    try:
        return tuple(name for name in listed(seen.tags.get(tag, "")) if name != seen.type)
    except ValueError:
        return ()


def judged(seen: Instance, names: Sequence[str], kinds: Mapping[str, Kind]) -> Mapping[str, str]:
    """Why each type does not fit the instance; empty where it does."""
    return {name: _unfit(seen, kinds.get(seen.type), kinds.get(name)) for name in names}


def _unfit(seen: Instance, own: Kind | None, other: Kind | None) -> str:
    if other is None:
        return "EC2 knows no such type here"
    if own is None:
        return f"EC2 does not tell what {seen.type} is like"
    if seen.zone not in other.zones:
        return f"it is not offered in {seen.zone}"
    make = seen.make
    asked = {
        "architecture": (make.architecture, other.architectures),
        "virtualization": (make.virtualization, other.virtualizations),
        "root device": (make.root, other.roots),
        "boot mode": (make.boot, other.boots),
    }
    for what, (has, takes) in asked.items():
        if has and has not in takes:
            return f"it does not take the {what} {has}"
    if own.stores is None or own.stores != other.stores:
        return "only one of the two types comes with volumes on the host"
    if other.ena == "required" and not (make.ena or own.ena == "required"):
        return "it needs ENA, and the instance is not set up for it"
    if other.nvme == "required" and own.nvme != "required":
        return "it needs NVMe drivers, and nobody can tell whether the instance has them"
    return ""


# --- the record's detail ---------------------------------------------------------------------


def to_detail(memory: Memory) -> dict[str, object]:
    """Plain JSON."""
    return {
        "original_type": memory.original,
        "target_type": memory.target,
        "refused_types": list(memory.refused),
    }


def from_detail(detail: Mapping[str, object]) -> Memory:
    """The memory in a record's detail; an empty detail is an empty memory.

    Raises:
        MemoryUnreadable: anything else that is not whole.
    """
    if not detail:
        return Memory()
    given = cast("Mapping[str, Any]", detail)
    try:
        refused = given["refused_types"]
        texts = (given["original_type"], given["target_type"], *refused)
    except (KeyError, TypeError) as error:
        raise MemoryUnreadable(f"record.detail: {type(error).__name__}: {error}") from error
    if not isinstance(refused, list) or not all(isinstance(text, str) for text in texts):
        raise MemoryUnreadable(f"record.detail: {texts!r} are not all texts")
    return Memory(texts[0], texts[1], tuple(texts[2:]))

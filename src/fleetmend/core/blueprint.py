"""What an instance is made of, kept while it is healthy, so that it can be made again.

A blueprint is read from EC2, never guessed: what EC2 did not say is empty, and what is empty is
left to EC2 when the instance is made again. It holds no key pair (who needs a shell uses Session
Manager) and no secret of the user data (see `redacted`).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

REBUILT_FROM = "fleetmend:rebuilt-from"
"""The tag that a rebuilt instance carries from its first moment: the id of the one it replaces."""

HIDDEN = "[redacted]"


class BlueprintUnreadable(ValueError):
    """What stands in the record is not a blueprint; the message names the place."""


@dataclass(frozen=True, slots=True)
class Disk:
    """An EBS volume on its device. Size in GiB, throughput in MiB/s.

    `ends` says that EC2 deletes it with the instance. What DescribeVolumes tells (`size` and
    after) is empty where only DescribeInstances was asked.
    """

    device: str
    volume: str
    ends: bool
    size: int = 0
    type: str = ""
    iops: int = 0
    throughput: int = 0
    encrypted: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A network interface at its device index; `ends` as with disks."""

    index: int
    interface: str
    ends: bool


@dataclass(frozen=True, slots=True)
class Blueprint:
    """An instance as it is to be.

    `metadata` has the keys of RunInstances' `MetadataOptions`. `profile` is the ARN of the
    instance profile. `user_data` is text with its secrets taken out; `redacted` counts them, and
    is -1 where it is no text and was therefore not kept. `public_address` and `allocation` are
    those of an elastic address, else empty.
    """

    image: str
    type: str
    zone: str
    subnet: str = ""
    groups: tuple[str, ...] = ()
    profile: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    optimized: bool = False
    monitored: bool = False
    root: str = ""
    private_address: str = ""
    public_address: str = ""
    allocation: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    disks: tuple[Disk, ...] = ()
    cards: tuple[Card, ...] = ()
    user_data: str = ""
    redacted: int = 0

    @property
    def own_tags(self) -> dict[str, str]:
        """The tags that may be set again: `aws:` is AWS's own (EC2 User Guide, "Tag restrictions").

        The mark of an earlier rebuild is left out: the next one sets its own.
        """
        return {
            key: value
            for key, value in self.tags.items()
            if not key.startswith("aws:") and key != REBUILT_FROM
        }

    @property
    def outline(self) -> str:
        """A word for everything that DescribeInstances alone tells: it changes with any of it.

        So a sweep sees in the pages it reads anyway that nothing has changed since the blueprint
        was taken, and reads neither the record nor a volume.
        """
        bare = replace(
            self,
            allocation="",
            user_data="",
            redacted=0,
            disks=tuple(Disk(disk.device, disk.volume, disk.ends) for disk in self.disks),
        )
        text = json.dumps(to_json(bare), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that hangs on an instance: `kind` is volume, interface or address.

    `place` is the device or the device index; empty for an address.
    """

    kind: str
    id: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f" at {self.place}" if self.place else "")


def pieces(blueprint: Blueprint, *, surviving: bool = False) -> tuple[Piece, ...]:
    """All that hangs on it; with `surviving` only what outlives the instance.

    The interface at index 0 is the instance's own and is never attached or detached (EC2 User
    Guide, "Elastic network interfaces").
    """
    found = [
        Piece("volume", disk.volume, disk.device)
        for disk in blueprint.disks
        if not (surviving and (disk.ends or disk.device == blueprint.root))
    ]
    found += [
        Piece("interface", card.interface, str(card.index))
        for card in blueprint.cards
        if card.index and not (surviving and card.ends)
    ]
    if blueprint.allocation:
        found.append(Piece("address", blueprint.allocation))
    return tuple(found)


def missing(kept: tuple[Piece, ...], now: Blueprint) -> tuple[Piece, ...]:
    """The pieces that do not hang where they did."""
    there = set(pieces(now))
    return tuple(piece for piece in kept if piece not in there)


def unequal(kept: Blueprint, made: Blueprint) -> dict[str, tuple[object, object]]:
    """Field by field, what is not as it was: field → (kept, made).

    What can never be equal is compared by what can: ids of volumes and interfaces that EC2
    deleted with the old instance are left out, as are AWS's own tags and the rebuild's mark.
    """
    one, other = _comparable(kept, kept), _comparable(made, kept)
    return {
        each.name: (getattr(one, each.name), getattr(other, each.name))
        for each in fields(Blueprint)
        if getattr(one, each.name) != getattr(other, each.name)
    }


def _comparable(blueprint: Blueprint, kept: Blueprint) -> Blueprint:
    anew = {disk.device for disk in kept.disks if disk.ends or disk.device == kept.root}
    ended = {card.index for card in kept.cards if card.ends or not card.index}
    return replace(
        blueprint,
        redacted=0,
        tags=blueprint.own_tags,
        disks=tuple(
            replace(disk, volume="" if disk.device in anew else disk.volume)
            for disk in blueprint.disks
        ),
        cards=tuple(
            replace(card, interface="" if card.index in ended else card.interface)
            for card in blueprint.cards
        ),
    )


# --- user data -------------------------------------------------------------------------------

_NAMED = re.compile(
    r"""(?ix)
    (\b[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key
        |private[_-]?key|credentials?)[\w.-]*["']?\s*(?:=|:|\s)\s*)
    ("[^"\n]+"|'[^'\n]+'|[^\s"'&;|<>]+)
    """
)
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)([^\s/@]+)(?=@)", re.IGNORECASE)
_BEARER = re.compile(r"(?i)(\bbearer\s+)([\w.~+/=-]{8,})")


def redacted(text: str) -> tuple[str, int]:
    """User data with what looks like a secret replaced, and how many were.

    It errs on the side of hiding: a script that is handed `[redacted]` fails where it stands, a
    password in a bucket is read by whoever may read the bucket.
    """
    count = 0

    def hide(match: re.Match[str]) -> str:
        nonlocal count
        if HIDDEN in match[0]:
            return match[0]
        count += 1
        head = match[1] if match.re not in {_PEM, _KEY_ID} else ""
        return f"{head}{HIDDEN}"

    for pattern in (_PEM, _IN_URL, _BEARER, _NAMED, _KEY_ID):
        text = pattern.sub(hide, text)
    return text, count


# --- as JSON ---------------------------------------------------------------------------------


def to_json(blueprint: Blueprint) -> dict[str, Any]:
    """Plain JSON values under the names of the fields; `from_json` reads them back."""
    found: dict[str, Any] = {}
    for name, value in _values(blueprint):
        match value:
            case tuple():
                parts = cast("tuple[object, ...]", value)
                found[name] = [
                    part if isinstance(part, str) else dict(_values(part)) for part in parts
                ]
            case Mapping():
                found[name] = dict(cast("Mapping[str, str]", value))
            case _:
                found[name] = value
    return found


def from_json(value: object) -> Blueprint:
    """The blueprint in plain JSON values.

    Raises:
        BlueprintUnreadable: anything but a whole one.
    """
    given = _object(value, "blueprint")
    known = {each.name for each in fields(Blueprint)}
    if set(given) != known:
        odd = ", ".join(sorted(known ^ set(given)))
        raise BlueprintUnreadable(f"blueprint: missing or unknown: {odd}")
    made: dict[str, Any] = {}
    for name, one in given.items():
        place = f"blueprint.{name}"
        match name:
            case "disks":
                made[name] = tuple(_flat(Disk, part, place) for part in _list(one, place))
            case "cards":
                made[name] = tuple(_flat(Card, part, place) for part in _list(one, place))
            case "groups":
                made[name] = tuple(_of(part, str, place) for part in _list(one, place))
            case "tags" | "metadata":
                pairs = _object(one, place).items()
                made[name] = {key: _of(part, str, f"{place}.{key}") for key, part in pairs}
            case _:
                wanted = {"optimized": bool, "monitored": bool, "redacted": int}.get(name, str)
                made[name] = _of(one, wanted, place)
    return Blueprint(**made)


def _values(made: object) -> Iterator[tuple[str, object]]:
    for each in fields(cast("Any", made)):
        yield each.name, getattr(made, each.name)


def _flat(kind: type, value: object, place: str) -> Any:  # noqa: ANN401 -- of the kind asked for
    given = _object(value, place)
    wanted = {each.name: cast("type", each.type) for each in fields(cast("Any", kind))}
    if set(given) != set(wanted):
        raise BlueprintUnreadable(f"{place}: not the keys {', '.join(wanted)}")
    return kind(**{name: _of(given[name], wanted[name], f"{place}.{name}") for name in wanted})


def _of(value: object, kind: type, place: str) -> object:
    if type(value) is not kind:
        raise BlueprintUnreadable(f"{place}: {value!r} is no {kind.__name__}")
    return value


def _object(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BlueprintUnreadable(f"{place}: not an object")
    return cast("Mapping[str, object]", value)


def _list(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise BlueprintUnreadable(f"{place}: not a list")
    return cast("list[object]", value)

"""What a rebuild sees, what it remembers, and how it may behave.

The subject is the instance that was there first. Its record holds the blueprint while it is
healthy, and the rebuild afterwards: one object, so that no invariant spans two.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.core.blueprint import Blueprint, Piece, from_json, missing, pieces, to_json
from fleetmend.core.model import Hold, Instance, RecoveryPolicy, Selector

GONE = frozenset({"shutting-down", "terminated"})
FREE, TAKEN = "free", "taken"


class MemoryUnreadable(ValueError):
    """The detail of a record is not rebuild's; the message names the key."""


@dataclass(frozen=True, slots=True)
class RebuildPolicy(RecoveryPolicy):
    """How rebuilding behaves, beside how often anything is tried; every field is a setting.

    `terminated` is `rebuild` or `alert`; `source` is `newest` (the newest image that was made of
    the instance, where there is one) or `image` (always the one it was launched from); `drift` is
    `alert`, `reattach` or `restore`. `drift_window` is how long a drifted instance is complained
    about until its new shape counts as meant, `offer_window` how long a person may still ask for
    a rebuild that was not done by itself. `most_at_once`: more than this terminated together look
    meant.
    """

    selector: Selector = field(default_factory=lambda: Selector("Auto-Rebuild", "true"))
    terminated: str = "rebuild"
    source: str = "newest"
    drift: str = "alert"
    drift_window: timedelta = timedelta(days=1)
    offer_window: timedelta = timedelta(days=1)
    most_at_once: int = 5


@dataclass(frozen=True, slots=True)
class Copy:
    """An instance that carries the mark of having been rebuilt from the subject.

    `token` is the client token it was launched with: only one of ours makes it the rebuilt one,
    since a person may launch something with all tags of another instance.
    """

    instance: Instance
    shape: Blueprint
    token: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything that is seen of one subject.

    `instance` is None where EC2 knows it no more; `shape` is what it is made of now, None once
    it is gone. `pieces` says of what the blueprint names and what is not where it should be:
    `free` or `taken`; what is not there at all exists no more. `image` is the newest image that
    was made of the subject, `snapshots` the newest snapshot by volume, `hold` the one in
    recovery's record. `fellows` counts the subjects that went with it or shortly before, itself
    included.
    `problem` says what could not be read: then nothing may be decided.
    """

    id: str
    observed_at: datetime
    instance: Instance | None = None
    shape: Blueprint | None = None
    copies: tuple[Copy, ...] = ()
    pieces: Mapping[str, str] = field(default_factory=dict[str, str])
    image: str = ""
    snapshots: Mapping[str, str] = field(default_factory=dict[str, str])
    hold: Hold | None = None
    fellows: int = 1
    problem: str = ""

    @property
    def is_gone(self) -> bool:
        """Terminated, on its way there, or unknown to EC2."""
        return self.instance is None or self.instance.state in GONE


@dataclass(frozen=True, slots=True)
class Plan:
    """What a launch is made from, beside the blueprint: fixed before the call.

    A launch that is sent again must be the same, or its client token does not fit it (EC2
    Developer Guide, "Ensuring idempotency"). `private` says that the address is asked for too.
    """

    image: str
    snapshots: Mapping[str, str] = field(default_factory=dict[str, str])
    private: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """What stands in the record's `detail`.

    `launch` counts the launches that came to an end, and so tells one client token from the
    next. `rebuilt` is the new instance. `crowded` says that the private address was taken.
    `asked` says that a person asked for it, `ended` that the subject is gone. `restored` holds
    volumes made from snapshots, by device, until they are attached.
    """

    blueprint: Blueprint | None = None
    plan: Plan | None = None
    launch: int = 0
    rebuilt: str = ""
    crowded: bool = False
    asked: bool = False
    ended: bool = False
    restored: Mapping[str, str] = field(default_factory=dict[str, str])


def token(subject: str, number: int) -> str:
    """The client token of a subject's n-th launch: the same after any crash, at most 64 ASCII.

    An instance is terminated once in its life, so its id names the incident.
    """
    return f"{_family(subject)}{number}"


def is_ours(subject: str, copy: Copy) -> bool:
    """Whether a copy was launched by a rebuild of this subject."""
    return copy.token.startswith(_family(subject))


def _family(subject: str) -> str:
    return f"fleetmend-{hashlib.sha256(f'rebuild/{subject}'.encode()).hexdigest()[:32]}-"


def restore_token(subject: str, volume: str) -> str:
    """The client token of the volume that takes another's place on a subject."""
    return f"fleetmend-{hashlib.sha256(f'{subject}/{volume}'.encode()).hexdigest()[:32]}"


def wanted(memory: Memory) -> tuple[Piece, ...]:
    """What should hang on the instance that is looked after now, restored volumes included."""
    kept = memory.blueprint
    if kept is None:
        return ()
    hanging = pieces(kept, surviving=bool(memory.rebuilt))
    return tuple(
        Piece(piece.kind, memory.restored.get(piece.place, piece.id), piece.place)
        if piece.kind == "volume"
        else piece
        for piece in hanging
    )


def lacking(memory: Memory, now: Blueprint) -> tuple[Piece, ...]:
    """What should hang there and does not."""
    return missing(wanted(memory), now)


def attachable(memory: Memory, seen: Sighting, now: Blueprint) -> tuple[Piece, ...]:
    """What is lacking and stands free: an attach away."""
    return tuple(piece for piece in lacking(memory, now) if seen.pieces.get(piece.id, "") == FREE)


def restorable(memory: Memory, seen: Sighting, now: Blueprint) -> tuple[Piece, ...]:
    """Volumes that exist no more and of which there is a snapshot."""
    return tuple(
        piece
        for piece in lacking(memory, now)
        if piece.kind == "volume" and piece.id not in seen.pieces and piece.id in seen.snapshots
    )


def current(memory: Memory, seen: Sighting) -> Copy | None:
    """The rebuilt instance as seen: the recorded one, or one that was made and not recorded."""
    alive = [
        copy for copy in seen.copies if is_ours(seen.id, copy) and copy.instance.state not in GONE
    ]
    recorded = [copy for copy in alive if copy.instance.id == memory.rebuilt]
    return (recorded or sorted(alive, key=lambda copy: copy.instance.id) or [None])[0]


# --- the record's detail ---------------------------------------------------------------------


def to_detail(memory: Memory) -> dict[str, object]:
    """Plain JSON."""
    plan = memory.plan
    return {
        "blueprint": memory.blueprint and to_json(memory.blueprint),
        "plan": plan
        and {"image": plan.image, "snapshots": dict(plan.snapshots), "private": plan.private},
        "launch": memory.launch,
        "rebuilt": memory.rebuilt,
        "crowded": memory.crowded,
        "asked": memory.asked,
        "ended": memory.ended,
        "restored": dict(memory.restored),
    }


def from_detail(detail: Mapping[str, object]) -> Memory:
    """The memory in a record's detail; an empty detail is an empty memory.

    Raises:
        MemoryUnreadable: anything else that is not whole.
    """
    if not detail:
        return Memory()
    try:
        kept, plan = detail["blueprint"], detail["plan"]
        return Memory(
            blueprint=from_json(kept) if kept is not None else None,
            plan=_plan(plan) if plan is not None else None,
            launch=_count(detail["launch"]),
            rebuilt=str(detail["rebuilt"]),
            crowded=detail["crowded"] is True,
            asked=detail["asked"] is True,
            ended=detail["ended"] is True,
            restored=_texts(detail["restored"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MemoryUnreadable(f"record.detail: {type(error).__name__}: {error}") from error


def _count(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"launch: {value!r} is no whole number")
    return value


def _plan(value: object) -> Plan:
    given = cast("Mapping[str, Any]", value)
    return Plan(str(given["image"]), _texts(given["snapshots"]), given["private"] is True)


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return {str(key): str(one) for key, one in cast("Mapping[object, object]", value).items()}

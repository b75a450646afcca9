"""What health remembers of a group between two looks; it stands in the record's `detail`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast


class MemoryUnreadable(ValueError):
    """The detail of a record is not health's; the message names the key."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """A member that was marked: since when, and why."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Breaker:
    """A suspension of ours: since when, at the latest until when, and what it looked like."""

    since: datetime
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Samples in a row by member, replacements in flight, newcomers already counted, breaker.

    `spent` says that a suspension of this incident ran its whole time: it is not repeated, since
    a suspension without end would be the operator's to decide, not ours. `target` is the member
    that the intent under way concerns.
    """

    sampled_at: datetime | None = None
    samples: Mapping[str, int] = field(default_factory=dict[str, int])
    replacing: Mapping[str, Replacing] = field(default_factory=dict[str, Replacing])
    counted: tuple[str, ...] = ()
    breaker: Breaker | None = None
    spent: bool = False
    reset: bool = False
    target: str = ""
    why: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to come back for."""
        return not (self.samples or self.replacing or self.breaker)


def to_detail(memory: Memory) -> dict[str, object]:
    """Plain JSON, times as ISO 8601."""
    return {
        "sampled_at": memory.sampled_at and _text(memory.sampled_at),
        "samples": dict(memory.samples),
        "replacing": {
            name: {"at": _text(one.at), "why": one.why} for name, one in memory.replacing.items()
        },
        "counted": list(memory.counted),
        "breaker": memory.breaker
        and {
            "since": _text(memory.breaker.since),
            "until": _text(memory.breaker.until),
            "why": memory.breaker.why,
        },
        "spent": memory.spent,
        "reset": memory.reset,
        "target": memory.target,
        "why": memory.why,
    }


def from_detail(detail: Mapping[str, object]) -> Memory:
    """The memory in a record's detail; an empty detail is an empty memory.

    Raises:
        MemoryUnreadable: anything else that is not whole.
    """
    if not detail:
        return Memory()
    try:
        breaker = detail["breaker"]
        return Memory(
            sampled_at=_time(detail["sampled_at"]) if detail["sampled_at"] else None,
            samples={k: _count(v) for k, v in _object(detail["samples"]).items()},
            replacing={
                name: Replacing(_time(_object(one)["at"]), str(_object(one)["why"]))
                for name, one in _object(detail["replacing"]).items()
            },
            counted=tuple(str(name) for name in cast("list[object]", detail["counted"])),
            breaker=_breaker(_object(breaker)) if breaker else None,
            spent=detail["spent"] is True,
            reset=detail["reset"] is True,
            target=str(detail["target"]),
            why=str(detail["why"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MemoryUnreadable(f"record.detail: {type(error).__name__}: {error}") from error


def _breaker(value: Mapping[str, object]) -> Breaker:
    return Breaker(_time(value["since"]), _time(value["until"]), str(value["why"]))


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return cast("Mapping[str, object]", value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is not a count")
    return value


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")

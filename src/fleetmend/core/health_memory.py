"""What health remembers of a group between two looks; it stands in the record's `detail`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast


class MemoryUnreadable(ValueError):
    """The detail of a record is not health's; the message names the key."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """A member that is marked, by us or by Auto Scaling's own checks: since when, and why."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Breaker:
    """A suspension of ours: since when, at the latest until when, and what it looked like.

    `seen` says that the group was seen suspended since, `calm` how many samples in a row showed
    no outage any more; `ending` that we asked to resume it.
    """

    since: datetime
    until: datetime
    why: str
    seen: bool = False
    calm: int = 0
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Samples in a row by member, replacements in flight, newcomers already counted, breaker.

    `noticed` are samples in a row of what is only told. `spent` says that a suspension of this
    incident ran its whole time: it is not repeated, since a suspension without end would be the
    operator's to decide, not ours. `resets` counts how often marks were taken back before the
    resume. `target` is the member that the intent under way concerns, `why` its illness. `done`
    is what this one look found replaced, in seconds since the mark.

    `asked` is a suspension that was asked for and not heard of: whoever asked may be frozen, and
    ask AWS only later. It outlives its incident, and stands until its `until`; what comes about by
    then is ours to end.
    """

    sampled_at: datetime | None = None
    samples: Mapping[str, int] = field(default_factory=dict[str, int])
    noticed: Mapping[str, int] = field(default_factory=dict[str, int])
    replacing: Mapping[str, Replacing] = field(default_factory=dict[str, Replacing])
    counted: tuple[str, ...] = ()
    breaker: Breaker | None = None
    asked: Breaker | None = None
    spent: bool = False
    resets: int = 0
    target: str = ""
    why: str = ""
    done: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def empty(self) -> bool:
        """Whether there is nothing to come back for."""
        return not (self.samples or self.noticed or self.replacing or self.breaker)

    def lasting(self, now: datetime) -> "Memory":
        """What is still known when the incident is over: only what was asked for."""
        return Memory(asked=self.asked if self.asked and now < self.asked.until else None)


def to_detail(memory: Memory) -> dict[str, object]:
    """Plain JSON, times as ISO 8601."""
    return {
        "sampled_at": memory.sampled_at and _text(memory.sampled_at),
        "samples": dict(memory.samples),
        "noticed": dict(memory.noticed),
        "replacing": {
            name: {"at": _text(one.at), "why": one.why} for name, one in memory.replacing.items()
        },
        "counted": list(memory.counted),
        "breaker": memory.breaker and _suspension(memory.breaker),
        "asked": memory.asked and _suspension(memory.asked),
        "spent": memory.spent,
        "resets": memory.resets,
        "target": memory.target,
        "why": memory.why,
        "done": dict(memory.done),
    }


def from_detail(detail: Mapping[str, object]) -> Memory:
    """The memory in a record's detail; an empty detail is an empty memory.

    A detail without `asked` was written before there was such a thing.

    Raises:
        MemoryUnreadable: anything else that is not whole.
    """
    if not detail:
        return Memory()
    try:
        breaker, asked = detail["breaker"], detail.get("asked")
        return Memory(
            sampled_at=_time(detail["sampled_at"]) if detail["sampled_at"] else None,
            samples=_counts(detail["samples"]),
            noticed=_counts(detail["noticed"]),
            replacing={
                name: Replacing(_time(_object(one)["at"]), str(_object(one)["why"]))
                for name, one in _object(detail["replacing"]).items()
            },
            counted=tuple(str(name) for name in cast("list[object]", detail["counted"])),
            breaker=_breaker(_object(breaker)) if breaker else None,
            asked=_breaker(_object(asked)) if asked else None,
            spent=detail["spent"] is True,
            resets=_count(detail["resets"]),
            target=str(detail["target"]),
            why=str(detail["why"]),
            done=_counts(detail["done"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MemoryUnreadable(f"record.detail: {type(error).__name__}: {error}") from error


def _suspension(breaker: Breaker) -> dict[str, object]:
    return {
        "since": _text(breaker.since),
        "until": _text(breaker.until),
        "why": breaker.why,
        "seen": breaker.seen,
        "calm": breaker.calm,
        "ending": breaker.ending,
    }


def _breaker(value: Mapping[str, object]) -> Breaker:
    return Breaker(
        _time(value["since"]),
        _time(value["until"]),
        str(value["why"]),
        seen=value["seen"] is True,
        calm=_count(value["calm"]),
        ending=value["ending"] is True,
    )


def _counts(value: object) -> dict[str, int]:
    return {name: _count(count) for name, count in _object(value).items()}


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

"""The words of a scenario file: how a verb or an expectation is declared, and the registry.

A concern brings its words in one file under `vocabulary/`: a class per word, whose docstring
and field descriptions become the reference page. Nothing else has to be told about it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from fleetmend.lab.history import History

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
LONGEST = 366 * 86400.0


def seconds(value: object) -> float:
    """`10s`, `5m`, `1h30m` as seconds.

    Raises:
        ValueError: for anything else, a bare number included; the message shows the form.
    """
    if not isinstance(value, str) or not _DURATION.fullmatch(value.strip()):
        raise ValueError(f"{value!r} is no duration: write 10s, 5m, 2h or 1h30m")
    total = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(value.strip()))
    if total > LONGEST:
        raise ValueError(f"{value!r} is longer than a year")
    return total


FROM_FILE = {"file": True}
"""Validation context of what a person wrote: a bare number is then no duration."""


def _duration(value: object, info: ValidationInfo) -> object:
    """Text becomes seconds; numbers are what code passes, and are left to pydantic."""
    return seconds(value) if isinstance(value, str) or info.context else value


def in_words(value: float) -> str:
    """Seconds as people write them: 90 → `1m30s`."""
    whole, rest = int(value), value - int(value)
    parts = [
        f"{amount}{unit}"
        for amount, unit in (
            (whole // 3600, "h"),
            (whole % 3600 // 60, "m"),
            (round(whole % 60 + rest, 3), "s"),
        )
        if amount
    ]
    return "".join(parts).replace(".0s", "s") or "0s"


@dataclass(frozen=True)
class Role:
    """Marks a field as naming something of the fleet, so that the loader can check it."""

    of: str


Duration = Annotated[float, BeforeValidator(_duration), Role("duration")]
"""A length of time, or an offset from the start; `10s`, `5m`, `2h` in the file, seconds here."""

Subject = Annotated[str, Role("subject")]
"""A fleet name (all of that name) or `name-k` (the k-th, from 1)."""

Zone = Annotated[str, Role("zone")]
"""An availability zone of the scenario's region: `us-east-1a`."""


def roles(annotation: object, metadata: Iterable[object] = ()) -> set[str]:
    """What a field's type says it names: `duration`, `subject`, `zone`, also inside unions."""
    found = {mark.of for mark in metadata if isinstance(mark, Role)}
    found |= {mark.of for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Role)}
    return found.union(*(roles(part) for part in get_args(annotation)))


class Word(BaseModel):
    """A verb or an expectation: a pydantic model that knows its word.

    Class arguments: `word` is what the file says, `short` the field that a bare value sets
    (`stop: api` is `stop: {subject: api}`), `group` the section of the reference page.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    word: ClassVar[str] = ""
    short: ClassVar[str] = ""
    group: ClassVar[str] = ""

    def __init_subclass__(cls, *, word: str = "", short: str = "", group: str = "") -> None:
        super().__init_subclass__()
        if not word:
            return
        cls.word, cls.short, cls.group = word, short, group
        registry = VERBS if issubclass(cls, Verb) else EXPECTATIONS
        if word in registry:
            raise TypeError(f"the word {word!r} is declared twice")
        registry[word] = cls

    def told(self) -> str:
        """The word as a line of a scenario file would say it."""
        given = self.model_dump(by_alias=True, exclude_defaults=True, exclude_none=True)
        fields = type(self).model_fields
        shown: list[str] = []
        for name in sorted(fields, key=lambda name: name != self.short):
            key = fields[name].alias or name
            if key not in given:
                continue
            timed = "duration" in roles(fields[name].annotation, fields[name].metadata)
            value = in_words(given[key]) if timed else given[key]
            shown.append(str(value) if name == self.short else f"{key} {value}")
        return " ".join([self.word, *shown])


class Verb(Word):
    """Something that happens on the timeline."""


@dataclass(frozen=True)
class Court:
    """What an expectation may look at: the history, and what the fleet's names stand for.

    `tolerance` in seconds is added to every time limit; 0 in the sim.
    """

    history: History
    expand: Callable[[str], tuple[str, ...]]
    tolerance: float = 0.0


@dataclass(frozen=True)
class Finding:
    """Whether an expectation held, and the facts that say so."""

    held: bool
    detail: str


def held(detail: str) -> Finding:
    """A finding that is as expected."""
    return Finding(held=True, detail=detail)


def broken(detail: str) -> Finding:
    """A finding that is not."""
    return Finding(held=False, detail=detail)


class Expectation(Word):
    """Something that must be true of the history."""

    def judge(self, court: Court) -> Finding:
        """Hold the expectation against the history, and nothing else."""
        raise NotImplementedError


class Bounded(Expectation):
    """What the words share that count: `exactly`, or bounds on both sides."""

    exactly: int | None = Field(default=None, ge=0, description="this many")
    at_least: int | None = Field(default=None, ge=0, description="this many or more")
    at_most: int | None = Field(default=None, ge=0, description="this many or fewer")

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.exactly is None and self.at_least is None and self.at_most is None:
            raise ValueError("no bound: give `exactly`, `at_least` or `at_most`")
        if self.exactly is not None and (self.at_least, self.at_most) != (None, None):
            raise ValueError("`exactly` leaves no room for `at_least` or `at_most`")
        return self

    def count(self, number: int, what: str) -> Finding:
        """The finding for this many."""
        low = self.exactly if self.exactly is not None else self.at_least
        high = self.exactly if self.exactly is not None else self.at_most
        inside = (low is None or number >= low) and (high is None or number <= high)
        return Finding(inside, f"{number} {what}")


VERBS: dict[str, type[Word]] = {}
EXPECTATIONS: dict[str, type[Word]] = {}

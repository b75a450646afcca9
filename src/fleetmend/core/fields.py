"""Fields of a policy as one parameter may set them: each kind says what it takes.

A concern declares its policy as a table of these (`Declared`), and nothing else stands between
the JSON of a parameter and a policy that can be run: what is not taken leaves the default.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, replace
from datetime import time, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleetmend.core.model import Mode, Selector
from fleetmend.core.times import DAYS
from fleetmend.core.windows import Window

DAY = 86400.0
"""A day in seconds."""


class Policy(Protocol):
    """What every concern's policy is: a frozen dataclass that knows the mode in force."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def mode(self) -> Mode:
        """What the controller may do."""
        ...


P = TypeVar("P", bound=Policy)


class Kind(Protocol):
    """What one field takes."""

    def take(self, value: object) -> object:
        """The value as the policy holds it.

        Raises:
            ValueError: says what would be taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range, both ends taken."""

    least: float
    most: float
    unit: str = ""

    def take(self, value: object) -> float:
        """See `Kind`."""
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        if number is None or not self.least <= number <= self.most:
            raise ValueError(
                f"{value!r} is not a number from {self.least:g} to {self.most:g}{self.unit}"
            )
        return float(number)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration, given in seconds: the least and the most that is taken."""

    least: float
    most: float

    def take(self, value: object) -> timedelta:
        """See `Kind`."""
        return timedelta(seconds=Number(self.least, self.most, " seconds").take(value))


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range."""

    least: int
    most: int

    def take(self, value: object) -> int:
        """See `Kind`."""
        number = Number(self.least, self.most).take(value)
        if not number.is_integer():
            raise ValueError(f"{value!r} is not a whole number")
        return int(number)


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""

    def take(self, value: object) -> bool:
        """See `Kind`."""
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004 -- see `Kind`
        return value


@dataclass(frozen=True, slots=True)
class Tag:
    """A selector; `like` is shown to whoever wrote something else."""

    like: Selector

    def take(self, value: object) -> Selector:
        """See `Kind`."""
        fields = cast("Mapping[str, object]", value) if isinstance(value, dict) else None
        if fields is not None and set(fields) == {"key", "value"}:
            key, wanted = fields["key"], fields["value"]
            if isinstance(key, str) and isinstance(wanted, str) and _fits_a_tag(key, wanted):
                return Selector(key, wanted)
        form = json.dumps({"key": self.like.key, "value": self.like.value})
        raise ValueError(f"not of the form {form}")


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words."""

    known: tuple[str, ...]

    def take(self, value: object) -> str:
        """See `Kind`."""
        if not isinstance(value, str) or value not in self.known:
            raise ValueError(f"{value!r} is not one of {', '.join(self.known)}")
        return value


@dataclass(frozen=True, slots=True)
class Words:
    """A list of texts: of any that fit a tag's key, or of `known` alone."""

    known: tuple[str, ...] = ()

    def take(self, value: object) -> tuple[str, ...]:
        """See `Kind`."""
        words = cast("list[object]", value) if isinstance(value, list) else None
        if words is None or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{value!r} is not a list of texts")
        texts = tuple(str(word) for word in words)
        for text in texts:
            if self.known and text not in self.known:
                raise ValueError(f"{text!r} is not one of {', '.join(self.known)}")
            if not _fits_a_tag(text, ""):
                raise ValueError(f"{text!r} is no key of a tag")
        return texts


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Windows:
    """A list of recurring windows; `FORM` is one."""

    FORM: ClassVar[Mapping[str, str]] = {
        "days": "mon-fri",
        "from": "22:00",
        "to": "06:00",
        "zone": "Europe/Berlin",
        "reason": "nightly batch",
        "by": "ana",
    }

    def take(self, value: object) -> tuple[Window, ...]:
        """See `Kind`."""
        if not isinstance(value, list):
            raise ValueError(f"not a list of windows such as {json.dumps(self.FORM)}")  # noqa: TRY004 -- see `Kind`
        return tuple(self._window(one) for one in cast("list[object]", value))

    def _window(self, value: object) -> Window:
        given = cast("Mapping[str, object]", value if isinstance(value, dict) else {})
        if set(given) != set(self.FORM) or not all(isinstance(x, str) for x in given.values()):
            raise ValueError(f"{value!r} is not of the form {json.dumps(self.FORM)}")
        texts = {key: str(text) for key, text in given.items()}
        for key in ("from", "to"):
            if not _CLOCK.fullmatch(texts[key]):
                raise ValueError(f"{key}: {texts[key]!r} is not a time such as 22:00")
        try:
            zone = ZoneInfo(texts["zone"])
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise ValueError(f"zone: {texts['zone']!r} is no time zone: {error}") from error
        return Window(
            _days(texts["days"]),
            time.fromisoformat(texts["from"]),
            time.fromisoformat(texts["to"]),
            zone,
            texts["reason"],
            texts["by"],
        )


def _days(text: str) -> frozenset[int]:
    """`daily`, `sat`, `mon-fri`, or several of these with commas between."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").replace("daily", "mon-sun").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"days: {text!r} is not daily, or days such as mon-fri,sun")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update((begin + k) % 7 for k in range((end - begin) % 7 + 1))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts that all look alike, each once; `meaning` says so in words."""

    pattern: str
    meaning: str

    def take(self, value: object) -> tuple[str, ...]:
        """See `Kind`."""
        texts = cast("list[object]", value) if isinstance(value, list) else None
        if texts is None:
            raise ValueError(f"{value!r} is not a list")
        for text in texts:
            if not isinstance(text, str) or not re.fullmatch(self.pattern, text):
                raise ValueError(f"{text!r} is not {self.meaning}")
        return tuple(dict.fromkeys(str(text) for text in texts))


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most so many characters."""

    longest: int

    def take(self, value: object) -> str:
        """See `Kind`."""
        if not isinstance(value, str) or len(value) > self.longest:
            raise ValueError(f"{value!r} is not a text of at most {self.longest} characters")
        return value


LEASE = Duration(89.0, 900.0)
"""An intent's life: it must outlast a run and the SDK's patience; a test compares the two."""

SIGHT = Duration(0.5, 900.0)
"""How long an observation is good for a decision."""

DEPLOYED = frozenset({"selector"})
"""What stands in a role's policy and in a claim's name too: people cannot override it."""


def plain(value: object) -> object:
    """A field's value as a parameter writes it; durations in seconds."""
    match value:
        case timedelta():
            return value.total_seconds()
        case Selector():
            return {"key": value.key, "value": value.value}
        case tuple():
            return list(cast("tuple[object, ...]", value))
        case _:
            return value


def _nothing(policy: P) -> tuple[P, str]:
    return policy, ""


@dataclass(frozen=True, slots=True)
class Declared(Generic[P]):
    """One concern's policy: its defaults, what each field takes, and what holds between fields.

    `settle` gets a policy whose every field is in its range, and gives one that can be run, with
    a sentence about what did not go together, or an empty one.
    """

    default: P
    fields: Mapping[str, Kind]
    settle: Callable[[P], tuple[P, str]] = _nothing

    def parse(
        self,
        text: str,
        name: str,
        problems: list[str],
        *,
        over: P | None = None,
        fixed: Collection[str] = (),
    ) -> P:
        """A policy with the overrides of one parameter.

        Args:
            text: a JSON object of field → value; durations in seconds.
            name: the parameter's name, for the sentences.
            problems: gets a sentence for every key that is unknown or whose value is not taken.
            over: the policy it changes; the default one where it is left out.
            fixed: fields that this parameter may not set.
        """
        base = self.default if over is None else over
        try:
            loaded: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            problems.append(f"{name} is not JSON: {error}")
            return base
        if not isinstance(loaded, dict):
            problems.append(f"{name} is not a JSON object")
            return base
        taken: dict[str, Any] = {}
        for key, value in cast("Mapping[str, object]", loaded).items():
            try:
                taken[key] = self._take(key, value, fixed)
            except ValueError as error:
                problems.append(f"{name}: {key}: {error}")
        policy, mistake = self.settle(replace(base, **taken))
        if mistake:
            problems.append(f"{name}: {mistake}")
        return policy

    def _take(self, key: str, value: object, fixed: Collection[str]) -> object:
        if key not in self.fields:
            raise ValueError(f"unknown; there are {', '.join(sorted(self.fields))}")
        if key in fixed:
            raise ValueError("the role and the claim name it too, so only a deployment changes it")
        return self.fields[key].take(value)


def _fits_a_tag(key: str, value: str) -> bool:
    """EC2 User Guide, "Tag restrictions"."""
    return 0 < len(key) <= 128 and len(value) <= 256

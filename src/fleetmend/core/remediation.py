"""What remediation sees of an instance, what it remembers of it, and how it may behave.

Only what is missing is filled in; a tag that is there is somebody's, even where it is wrong.
Whatever is changed stands in the record first, with the run that changed it, so that it can be
told from everybody else's doing and be undone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.core import holds
from fleetmend.core.model import Hold, Instance, RecoveryPolicy
from fleetmend.core.rules import Problem, Remedy, Rule, Rules, Violation, judge

CONCERN = "remediation"
FILL, STOP, UNDO, RELEASE = "fill", "stop", "undo", "release"

PLACE = f"progress/{CONCERN}/place"
"""The object in the ledger's bucket that says how far the last run came."""

KIND = "instance"
"""The one kind of resource that is remedied."""

GONE = frozenset({"shutting-down", "terminated"})

HELD = holds.FOREVER.isoformat()
"""What the hold of a stop says: until somebody takes it back."""


class MemoryUnreadable(ValueError):
    """The detail of a record is not remediation's; the message names the key."""


@dataclass(frozen=True, slots=True)
class RemediationPolicy(RecoveryPolicy):
    """How remediation behaves, beside whom it leaves alone; every field is a setting.

    `most_changes` bounds what one run fills in and stops, counted in instances. `settle` is how
    long a change may take to show in EC2's answers.
    """

    most_changes: int = 10
    settle: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything that is seen of one instance; `instance` is None where EC2 knows it no more.

    `values` are what the sources give for tags that are missing, by key, and `unsure` the keys
    whose sources were not asked in this run. `hold` is the one in recovery's record. `run` is the
    run that may change it; where it is empty, none may now: the bound is reached, or nobody asked
    for a run. `opens` says that it may become an incident: a run looks at what a report names, a
    message brings any instance.
    """

    id: str
    observed_at: datetime
    instance: Instance | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    unsure: frozenset[str] = frozenset()
    hold: Hold | None = None
    run: str = ""
    opens: bool = True
    problem: str = ""

    @property
    def is_gone(self) -> bool:
        """Terminated, on its way there, or unknown to EC2."""
        return self.instance is None or self.instance.state in GONE


@dataclass(frozen=True, slots=True)
class Change:
    """A tag that was put on the instance, by which run and when; for a stop it is the hold."""

    act: str
    key: str
    value: str
    run: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """When an owner was told, and until when they were given; no end where nothing follows."""

    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """A person says: take back what this run changed, or everything where it is empty."""

    run: str
    by: str

    def means(self, change: Change) -> bool:
        """Whether this change is to be taken back."""
        return self.run in {"", change.run}


@dataclass(frozen=True, slots=True)
class Memory:
    """What stands in the record's `detail`.

    `notices` are by rule. `stopped_at` is when it was seen to be down after a stop of ours.
    """

    changes: tuple[Change, ...] = ()
    notices: Mapping[str, Notice] = field(default_factory=dict[str, Notice])
    stopped_at: datetime | None = None
    undo: Undo | None = None

    def means(self, change: Change) -> bool:
        """Whether a person asked for this change to be taken back."""
        return self.undo is not None and self.undo.means(change)

    def ours(self, tags: Mapping[str, str]) -> tuple[Change, ...]:
        """The changes that still stand as they were made."""
        return tuple(one for one in self.changes if tags.get(one.key) == one.value)


def remedied(rules: Rules, tags: Mapping[str, str]) -> list[tuple[Rule, Violation]]:
    """What an instance breaks of the rules that name a remedy, in the order of the rules."""
    known = {rule.name: rule for rule in rules.rules}
    found = [(known[one.rule], one) for one in judge(rules, KIND, tags)]
    return [(rule, one) for rule, one in found if rule.remedies]


def fillable(rules: Rules, tags: Mapping[str, str]) -> dict[str, Rule]:
    """The rules that may fill in a missing tag, by its key; of two for one key, the first.

    A near miss is no absence: what was meant by it is for its owner to say.
    """
    found: dict[str, Rule] = {}
    for rule, one in remedied(rules, tags):
        if Remedy.FILL in rule.remedies and one.problem is Problem.MISSING:
            found.setdefault(rule.key, rule)
    return found


def fills(rules: Rules, seen: Sighting, tags: Mapping[str, str]) -> dict[str, str]:
    """What is to be filled in: key → value that every rule about this key accepts."""
    chosen: dict[str, str] = {}
    for key, rule in fillable(rules, tags).items():
        if key in seen.unsure:
            continue
        about = [one for one in rules.rules if one.key == key and one.selects(KIND, tags)]
        offered = [value for value in (seen.values.get(key, ""), rule.default) if value]
        fits = [value for value in offered if all(one.accepts(value) for one in about)]
        if fits:
            chosen[key] = fits[0]
    return chosen


def without_ours(tags: Mapping[str, str], memory: Memory) -> dict[str, str]:
    """The tags without the hold that a stop of ours left: a person's may stand there instead."""
    held = {one.key for one in memory.ours(tags) if one.act == STOP}
    return {key: value for key, value in tags.items() if key not in held}


# --- the record's detail ---------------------------------------------------------------------


def to_detail(memory: Memory) -> dict[str, object]:
    """Plain JSON."""
    return {
        "changes": [
            {
                "act": one.act,
                "key": one.key,
                "value": one.value,
                "run": one.run,
                "at": one.at.isoformat(),
            }
            for one in memory.changes
        ],
        "notices": {
            rule: {"at": one.at.isoformat(), "until": one.until and one.until.isoformat()}
            for rule, one in memory.notices.items()
        },
        "stopped_at": memory.stopped_at and memory.stopped_at.isoformat(),
        "undo": memory.undo and {"run": memory.undo.run, "by": memory.undo.by},
    }


def from_detail(detail: Mapping[str, object]) -> Memory:
    """The memory in a record's detail; an empty detail is an empty memory.

    Raises:
        MemoryUnreadable: anything else that is not whole.
    """
    if not detail:
        return Memory()
    try:
        given = cast("Mapping[str, Any]", detail)
        undo = given["undo"]
        return Memory(
            changes=tuple(_change(one) for one in given["changes"]),
            notices={str(rule): _notice(one) for rule, one in given["notices"].items()},
            stopped_at=_time(given["stopped_at"]),
            undo=Undo(str(undo["run"]), str(undo["by"])) if undo is not None else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MemoryUnreadable(f"record.detail: {type(error).__name__}: {error}") from error


def _change(given: Mapping[str, Any]) -> Change:
    at = _time(given["at"])
    if at is None or given["act"] not in {FILL, STOP}:
        raise ValueError(f"{given!r} is no change")
    return Change(str(given["act"]), str(given["key"]), str(given["value"]), str(given["run"]), at)


def _notice(given: Mapping[str, Any]) -> Notice:
    at = _time(given["at"])
    if at is None:
        raise ValueError("a notice without a time")
    return Notice(at, _time(given["until"]))


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(cast("str", value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment

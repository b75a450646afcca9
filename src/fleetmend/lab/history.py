"""What a world of the lab yields, whichever world it was: a timeline of facts, and figures.

Nothing here knows how a world works. The judge, the reports and the command line read only
this, which is why a scenario can be judged the same way in both worlds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any, Literal

Kind = Literal["fault", "state", "call", "alert", "record", "run"]

HEALTHY = "healthy"
"""The state of an instance that runs with every status check ok; follows `running`."""

TROUBLE = frozenset({"stop", "power_off", "terminate", "impair", "zone_outage", "fall_back"})
"""The verbs that bring an instance down: `within` counts from these."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `at` is in seconds of scenario time; `subject` a fleet name, or empty.

    What `what` and `detail` hold, by kind:

    - `fault`: a timeline verb was carried out. `what` is the verb; detail `subjects` (names of
      the instances it really touched) and `told`, the entry as text. Instances that are stopped
      from the start have a `stop` at 0.
    - `state`: an instance entered a state as EC2 tells it (`pending`, `running`, `stopping`,
      `stopped`, `shutting-down`, `terminated`), or became `healthy` or `impaired`.
    - `call`: one HTTP request of the product. `what` is `service:Operation`; detail `subjects`,
      `error` (AWS's code, empty if accepted), `run`, `lost` (the answer never arrived).
    - `alert`: one fact handed to the topic. `what` is its kind; detail `fact`, `text`, `who`.
    - `record`: a record was written. `what` is its status; detail `reason`, `revision`,
      `attempts` (issued), `would` (dry run), `aside` (set aside as unreadable).
    - `run`: a function run: `started`, `finished`, `failed`, `crashed`, `paused`, `resumed`,
      `timed-out`; detail `run`, `trigger`.
    """

    at: float
    kind: Kind
    subject: str
    what: str
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def names(self, subject: str) -> bool:
        """Whether this event concerns the instance, by its subject or among its subjects."""
        return self.subject == subject or subject in self.detail.get("subjects", ())

    def as_json(self) -> dict[str, Any]:
        """The event as plain JSON values; `at` rounded to milliseconds."""
        return {
            "at": round(self.at, 3),
            "kind": self.kind,
            "subject": self.subject,
            "what": self.what,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class History:
    """All that happened in one play of a scenario. `end` is in seconds of scenario time."""

    scenario: str
    world: str
    seed: int
    events: tuple[Event, ...]
    figures: Mapping[str, float]
    end: float = 0.0

    def of(self, kind: Kind, what: str = "", subject: str = "") -> list[Event]:
        """The events of one kind, in time order, narrowed to a word and an instance if given."""
        return [
            event
            for event in self.events
            if event.kind == kind
            and (not what or event.what == what)
            and (not subject or event.names(subject))
        ]

    def starts(self, subject: str) -> list[Event]:
        """The accepted StartInstances calls that named the instance."""
        return [
            event
            for event in self.of("call", "ec2:StartInstances", subject)
            if not event.detail.get("error")
        ]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by nearest rank; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def measure(events: Iterable[Event]) -> dict[str, float]:
    """The figures of spec 02 from the events alone, the same in both worlds. Times in seconds.

    `first_attempt_*` is the time from the state `stopped` to the first StartInstances that
    named the instance; `recovered_*` from there to running with every check ok.
    """
    first: list[float] = []
    healed: list[float] = []
    counts: Counter[str] = Counter()
    down: dict[str, float] = {}
    tried: set[str] = set()
    for event in events:
        counts.update(_counted(event))
        match event.kind, event.what:
            case "state", "stopped":
                down.setdefault(event.subject, event.at)
            case "call", "ec2:StartInstances":
                for name in event.detail.get("subjects", ()):
                    if name in down and name not in tried:
                        tried.add(name)
                        first.append(event.at - down[name])
            case "state", "healthy" if event.subject in down:
                healed.append(event.at - down.pop(event.subject))
                tried.discard(event.subject)
            case _:
                pass
    figures: dict[str, float] = {"stopped": float(counts.pop("stopped", 0))}
    figures["recovered"] = float(len(healed))
    for name, values in (("first_attempt", first), ("recovered", healed)):
        if values:
            figures[f"{name}_p50"] = round(median(values), 3)
            figures[f"{name}_p95"] = round(percentile(values, 0.95), 3)
            figures[f"{name}_max"] = round(max(values), 3)
    figures.update({name: float(count) for name, count in sorted(counts.items())})
    return figures


def _counted(event: Event) -> list[str]:
    """The counters one event moves."""
    match event.kind:
        case "state":
            return ["stopped"] if event.what == "stopped" else []
        case "call":
            refused = [f"refused {event.what}"] if event.detail.get("error") else []
            return ["calls", f"calls {event.what}", *refused]
        case "alert":
            return ["alerts"]
        case "run":
            return [f"runs {event.what}"]
        case _:
            return []

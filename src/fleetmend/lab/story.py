"""A history told for people: what each instance went through, whether it was touched, and why.

The live view and the HTML report are two faces of this. It is fed event by event, so that it
tells a play that still goes on as well as one that is over.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from fleetmend.lab.history import HEALTHY, Event
from fleetmend.lab.scenario import Scenario

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")

_REASONS = {
    "held": "held: somebody said to leave it alone",
    "in-group": "its Auto Scaling group replaces what stops",
    "spot": "a stopped spot instance is EC2's to start",
    "off": "the mode is off",
    "observe": "the mode is observe: it would have been started",
    "exhausted": "its attempts are used up; a person is asked",
    "out-of-scope": "it does not carry the tag",
    "terminated": "it was terminated",
    "gone": "AWS no longer knows it",
    "unreadable": "its record cannot be read: set aside, nothing is done",
    "capacity": "waits for capacity; no attempt is spent",
    "too-early": "waits for its next attempt",
    "verifying": "runs; its status checks are not ok yet",
    "recovered": "runs again, every status check is ok",
    "running": "came back without us",
    "started": "was started; not verified yet",
}
"""Reason codes of decisions (core/decisions/recovery/) as sentences."""

REPLACED = "replaced"
_OF_GROUPS = {
    "watching": "ill; watched until that is certain",
    "replace": "ill for long enough: marked, so that Auto Scaling replaces it",
    "replacing": "marked; its successor is awaited",
    REPLACED: "replaced; its successor is at work and well",
    "suspend": "so many at once look like an outage: nothing is replaced",
    "outage": "so many at once look like an outage: nothing is replaced",
    "reset": "the outage is over; marks are taken back",
    "resume": "the outage is over; Auto Scaling replaces again",
    "healthy": "well again",
    "budget": "waits until the one before it is replaced",
    "below-floor": "too few of its group are well to take one out",
    "refreshing": "left alone: an instance refresh runs",
    "hook-running": "left alone: a lifecycle hook runs",
    "suspended": "left alone: somebody suspended a process of its group",
}
"""The same for the reasons of a group's record (core/decisions/health), of who is ill in it."""

ACTS = frozenset(
    {
        "autoscaling:ResumeProcesses",
        "autoscaling:SetInstanceHealth",
        "autoscaling:SuspendProcesses",
        "ec2:RunInstances",
        "ec2:StartInstances",
    }
)
"""The calls that change something."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in one state. Seconds of scenario time; `end` is None while it lasts."""

    state: str
    start: float
    end: float | None = None


@dataclass(slots=True)
class Life:
    """One instance. `in_scope` says whether it carries the tag that the controller looks for."""

    name: str
    in_scope: bool
    stretches: list[Stretch]
    group: str = ""
    marks: list[Event] = field(default_factory=list[Event])
    starts: list[Event] = field(default_factory=list[Event])
    alerts: list[Event] = field(default_factory=list[Event])
    troubles: list[Event] = field(default_factory=list[Event])
    status: str = ""
    reason: str = ""
    note: str = ""

    @property
    def state(self) -> str:
        """The state it is in."""
        return self.stretches[-1].state

    @property
    def touched(self) -> bool:
        """Whether a call that changes an instance named it, even one that AWS refused."""
        return bool(self.starts or self.marks)

    @property
    def issued(self) -> int:
        """Starts that AWS accepted."""
        return sum(not event.detail.get("error") for event in self.starts)

    @property
    def why(self) -> str:
        """Why it was touched or was not, in one sentence."""
        if self.reason in _OF_GROUPS and self.group:
            return _OF_GROUPS[self.reason]
        if self.reason:
            plain = "" if self.reason == "recovered" else self.note
            return plain or _REASONS.get(self.reason, self.reason)
        if not self.in_scope:
            return "it does not carry the tag"
        return "nothing was ever wrong with it" if not self.troubles else "not noticed yet"


@dataclass(slots=True)
class Story:
    """All lives of a scenario's fleet, in the file's order, and every event so far."""

    scenario: Scenario
    lives: dict[str, Life] = field(default_factory=dict[str, Life])
    events: list[Event] = field(default_factory=list[Event])
    now: float = 0.0

    def __post_init__(self) -> None:
        selector = self.scenario.selector
        for member in self.scenario.members():
            state = HEALTHY if member.state == "running" else member.state
            in_scope = selector.matches(member.tags)
            self.lives[member.name] = Life(
                member.name, in_scope, [Stretch(state, 0.0)], member.group
            )

    def take(self, event: Event) -> None:
        """One event more. Events come in the order of their time."""
        self.events.append(event)
        self.now = max(self.now, event.at)
        for name in {event.subject, *event.detail.get("subjects", ())}:
            life = self.lives.get(name)
            if life is not None:
                _lived(life, event)
        if event.kind in {"record", "alert"}:
            self._of_group(event)

    def _of_group(self, event: Event) -> None:
        """What a group's record says is said of those that are ill in it, until they are gone."""
        for life in self.lives.values():
            if life.group != event.subject or not life.troubles or life.reason == REPLACED:
                continue
            if event.kind == "record":
                _lived(life, event)
            elif event.what == REPLACED and life.name in event.detail.get("subjects", ()):
                life.reason = REPLACED

    def tell(self, events: Iterable[Event]) -> "Story":
        """The story after many events more."""
        for event in events:
            self.take(event)
        return self

    @property
    def alerts(self) -> list[Event]:
        """Every alert delivered so far."""
        return [event for event in self.events if event.kind == "alert"]


def _lived(life: Life, event: Event) -> None:
    match event.kind:
        case "state" if event.what != life.state:
            last = life.stretches.pop()
            if event.at > last.start:
                life.stretches.append(Stretch(last.state, last.start, event.at))
            life.stretches.append(Stretch(event.what, event.at))
        case "call" if event.what == "ec2:StartInstances":
            life.starts.append(event)
        case "call" if event.detail.get("health") == "Unhealthy":
            life.marks.append(event)
        case "alert":
            life.alerts.append(event)
        case "fault":
            life.troubles.append(event)
        case "record" if not event.detail.get("aside"):
            life.status = event.what
            life.reason = str(event.detail.get("reason") or "")
            life.note = str(event.detail.get("note") or "")
        case "record":
            life.reason, life.note = "unreadable", ""
        case _:
            pass


def is_news(event: Event) -> bool:
    """Whether people want to see it: what broke, what changed, what was done, what was told.

    Reads, the ledger's own writes and the runs of the function are left to the full timeline.
    """
    match event.kind:
        case "call":
            return event.what in ACTS
        case "run":
            return event.what not in {"started", "finished"}
        case "record":
            return event.what in {"refused", "exhausted"} or bool(event.detail.get("aside"))
        case "state":
            return event.what not in {"pending", "stopping", "shutting-down"}
        case _:
            return True


def named(alert: Event) -> str:
    """An alert's text with the fleet's names in place of ids."""
    text = str(alert.detail.get("text", ""))
    ids = dict.fromkeys(_INSTANCE.findall(text))
    names = alert.detail.get("subjects", ())
    if len(ids) == len(names):
        for identity, name in zip(ids, names, strict=True):
            text = text.replace(identity, name)
    return text


def sentence(event: Event) -> str:
    """One event as a line for people, without its time."""
    whom = ", ".join(event.detail.get("subjects", ())) or event.subject
    match event.kind:
        case "fault":
            return str(event.detail.get("told") or f"{event.what} {whom}".strip())
        case "state":
            return f"{whom} is {event.what}"
        case "call":
            error = event.detail.get("error")
            lost = " (its answer was lost)" if event.detail.get("lost") else ""
            answer = f"AWS refuses: {error}" if error else "accepted"
            return f"{event.what} {whom}: {answer}{lost}"
        case "alert":
            return f"{event.what}: {named(event)}"
        case "record":
            reason = str(event.detail.get("reason") or "")
            said = event.detail.get("note") or _REASONS.get(reason, reason)
            return f"{whom}: {event.what}, {said}" if said else f"{whom}: {event.what}"
        case "run":
            return f"run {event.detail.get('run', '')} {event.what}".replace("  ", " ")

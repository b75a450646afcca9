"""What the tape of a simulation proves, sorted by subject, for the history checker to judge.

This reads bytes and calls as any outsider would. It must not use the product's code: whoever
checks a writer with its own reader finds the mistakes they share to be none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote

from fleetmend.lab.tape import Call, Run, Tape, Truth

_RECORD = re.compile(r"records/[a-z]+/(?P<subject>[^/]+)\.json")

REFUSALS_OF_STATE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
"""S3's answers that are part of compare-and-swap, and no trouble."""

REBUILT_FROM = "fleetmend:rebuilt-from"

MAKING = frozenset(
    {
        "ec2:AssociateAddress",
        "ec2:AttachNetworkInterface",
        "ec2:AttachVolume",
        "ec2:CreateVolume",
        "ec2:RunInstances",
    }
)

MENDING = frozenset({"ec2:RebootInstances", "ec2:StopInstances"})

GONE = frozenset({"shutting-down", "terminated"})
"""The states of an instance that is never there again."""

SHORT_FREEZE = 25.0
"""Seconds of a freeze that excuse nothing: leases are long enough for them."""

TROUBLED = frozenset({"crashed", "timed-out", "failed"})


SLACK = 2.0
"""Seconds by which two estimates of the store's time may differ (`Date` has full seconds)."""


@dataclass(frozen=True)
class Violation:
    """A promise that was broken: which, about whom, when (seconds), and the facts."""

    rule: str
    subject: str
    at: float
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject} at {self.at:.3f}: {self.text}"


@dataclass(frozen=True)
class GroupLaw:
    """What is promised of groups; the defaults are the specification's."""

    desired: Mapping[str, int]
    members: Callable[[str], tuple[str, ...]]
    budget: int = 1
    floor: float = 0.5
    suspension: float = 1800.0
    threshold: float = 0.30
    consecutive: int = 3
    sample: float = 60.0
    lag: float = 35.0
    grace: float = 300.0
    end: float = 0.0


@dataclass(frozen=True)
class RemedyLaw:
    """What is promised of remediation. `keys` may be filled in; `grace` in seconds is the shortest.

    `asked` says that people ask for runs, which then come by the queue.
    """

    keys: frozenset[str]
    grace: float
    most: int = 10
    lag: float = 35.0
    asked: bool = False


@dataclass(frozen=True)
class Law:
    """What is promised. Durations in seconds; the defaults are the specification's."""

    epoch: datetime
    retry_interval: float = 300.0
    max_attempts: int = 3
    lease: float = 90.0
    tag: tuple[str, str] = ("Auto-Recover", "true")
    mode: str = "act"
    name: str = "fleetmend-sim"
    windows: tuple[Mapping[str, str], ...] = ()
    drift: str = "alert"
    mass_stop: str = "hold"
    mass_count: int = 50
    mass_share: float = 0.3
    mass_window: float = 600.0
    mass_wait: float = 240.0
    mass_quiet: float = 60.0
    pace: int = 30
    impaired: str = "off"
    impaired_wait: float = 600.0
    impaired_mass: int = 3
    verify_window: float = 600.0
    types_tag: str = ""
    types_wait: float = 120.0
    groups: GroupLaw | None = None
    """What is promised of groups, where health is at work."""
    remedies: RemedyLaw | None = None
    """What is promised of remediation, where it is at work."""
    lag: float = 30.0
    """How old the facts may be that an act rests on: observation, and EC2's own consistency."""

    @property
    def many(self) -> int:
        """So many recent stops that more may be coming."""
        return max(2, self.mass_count // 10)


@dataclass(frozen=True)
class Write:
    """One write of a record that took effect; `at` in seconds from the start."""

    at: float
    call: Call
    subject: str
    body: Mapping[str, Any]

    @property
    def status(self) -> str:
        """`open`, `refused`, `exhausted` or `closed`."""
        return str(self.body.get("status"))

    @property
    def reason(self) -> str:
        """The reason's code."""
        return str(self.body.get("reason"))

    @property
    def intent(self) -> Mapping[str, Any]:
        """The intent, empty when there is none."""
        return cast("Mapping[str, Any]", self.body.get("intent") or {})

    @property
    def planned(self) -> str:
        """The id of an intent that is written down and not yet known to be issued, or empty."""
        return str(self.intent["id"]) if self.intent.get("state") == "planned" else ""

    @property
    def held_until(self) -> str:
        """The end of a person's hold as an ISO time, empty when there is none."""
        return str(cast("Mapping[str, Any]", self.body.get("hold") or {}).get("until", ""))

    @property
    def detail(self) -> Mapping[str, Any]:
        """What the concern remembers."""
        return cast("Mapping[str, Any]", self.body.get("detail") or {})

    @property
    def attempts(self) -> list[Mapping[str, Any]]:
        """The attempts."""
        return cast("list[Mapping[str, Any]]", self.body.get("attempts") or [])

    @property
    def alerts(self) -> list[Mapping[str, Any]]:
        """The alerts, owed and delivered."""
        return cast("list[Mapping[str, Any]]", self.body.get("alerts") or [])


@dataclass
class Subject:
    """One instance, as the records and as the world tell it.

    `makes` are the calls of a rebuild: launches in its place, and what is given to it or to what
    took its place. `mends` are its reboots and stops, `retypes` its changes of type.
    """

    id: str
    writes: list[Write] = field(default_factory=list[Write])
    starts: list[Call] = field(default_factory=list[Call])
    makes: list[Call] = field(default_factory=list[Call])
    mends: list[Call] = field(default_factory=list[Call])
    retypes: list[Call] = field(default_factory=list[Call])
    truths: list[Truth] = field(default_factory=list[Truth])

    @property
    def operated(self) -> bool:
        """Whether a service provider runs it."""
        return any(truth.operator for truth in self.truths)

    @property
    def acts(self) -> list[Call]:
        """Everything that was done to it, or in its place."""
        every = [*self.starts, *self.makes, *self.mends, *self.retypes]
        return sorted(every, key=lambda call: call.done or call.at)

    def record_at(self, moment: float) -> Write | None:
        """The record in force at that moment."""
        found = None
        for write in self.writes:
            if write.at > moment:
                break
            found = write
        return found

    def states(self, since: float, until: float) -> list[str]:
        """Every state it was in between two moments, the one it had at `since` included."""
        inside: list[str] = []
        before = "running"
        for truth in self.truths:
            if truth.at > until:
                break
            if truth.what in {"healthy", "impaired", "retagged"}:
                continue
            if truth.at <= since:
                before = truth.what
            else:
                inside.append(truth.what)
        return [before, *inside]

    def tags(self, since: float, until: float) -> list[Mapping[str, str]]:
        """Every set of tags it had between two moments."""
        inside: list[Mapping[str, str]] = []
        before: Mapping[str, str] = {}
        for truth in self.truths:
            if truth.at > until:
                break
            if truth.at <= since:
                before = truth.tags
            else:
                inside.append(truth.tags)
        return [before, *inside] if before else inside


@dataclass
class Evidence:
    """The tape by subject, and which runs were disturbed."""

    tape: Tape
    law: Law
    subjects: dict[str, Subject]
    runs: dict[int, Run]
    calls: dict[int, list[Call]]
    verdicts: dict[int, bool] = field(default_factory=dict[int, bool])
    wakes: dict[int, dict[str, float]] = field(default_factory=dict[int, dict[str, float]])

    def seconds(self, text: str) -> float:
        """An ISO time of a record as seconds from the start."""
        return (datetime.fromisoformat(text) - self.law.epoch).total_seconds()

    def disturbed(self, run: int) -> bool:
        """Whether something was done to the run that excuses it: crash, freeze, AWS in trouble."""
        if run not in self.verdicts:
            self.verdicts[run] = self._disturbed(run)
        return self.verdicts[run]

    def woken(self, run: int, subject: str, since: float) -> bool:
        """Whether the run asked the queue for a look at the subject from that moment on."""
        if run not in self.wakes:
            self.wakes[run] = {}
            for call in self.calls.get(run, ()):
                if call.service == "sqs" and call.took_effect:
                    self.wakes[run].update(dict.fromkeys(call.subjects, call.at))
        return self.wakes[run].get(subject, -1.0) >= since

    def mode(self, moment: float) -> str:
        """The mode in force: `off`, `observe` or `act`."""
        said = [s.word for s in self.tape.said if s.word.startswith("mode:") and s.at <= moment]
        return said[-1].removeprefix("mode:") if said else self.law.mode

    def spoiled(self, subject: str) -> bool:
        """Whether the subject's record was replaced by garbage at some time."""
        return any(said.word == "garbage" and said.id == subject for said in self.tape.said)

    def _disturbed(self, run: int) -> bool:
        one = self.runs[run]
        if one.how in TROUBLED or one.ended is None or self.frozen(run) > SHORT_FREEZE:
            return True
        return any(
            call.lost or (call.error and call.error not in REFUSALS_OF_STATE)
            for call in self.calls.get(run, ())
            if call.service != "ec2"
        )

    def frozen(self, run: int) -> float:
        """How many seconds the run was frozen in all."""
        return sum(end - begin for begin, end in self.runs[run].paused)


def gather(tape: Tape, law: Law) -> Evidence:
    """Sort a tape."""
    subjects: dict[str, Subject] = {}
    calls: dict[int, list[Call]] = {}

    def of(identity: str) -> Subject:
        return subjects.setdefault(identity, Subject(identity))

    for truth in tape.truths:
        of(truth.id).truths.append(truth)
    for call in tape.calls:
        earlier = calls.setdefault(call.run, [])
        call.frozen |= bool(earlier) and _is_sent_again(earlier[-1], call)
        earlier.append(call)
        if not (call.done is None and not call.lost):
            for identity in call.subjects:
                _kept(of(identity), call)
        match = _RECORD.fullmatch(call.key) if call.name == "s3:PutObject" else None
        if match and call.took_effect and call.done is not None and isinstance(call.written, dict):
            body = cast("Mapping[str, Any]", call.written)
            subject = of(unquote(match["subject"]))
            subject.writes.append(Write(call.done, call, subject.id, body))
    for subject in subjects.values():
        subject.writes.sort(key=lambda write: write.at)
        subject.starts.sort(key=lambda call: call.done or call.at)
    for identity, origin in marks(tape).items():
        made, first = of(identity), of(origin)
        theirs = [call for call in made.makes if _planned_by(first, call)]
        first.makes += theirs
        made.makes = [call for call in made.makes if call not in theirs]
    return Evidence(tape, law, subjects, {run.n: run for run in tape.runs}, calls)


def _is_sent_again(before: Call, call: Call) -> bool:
    """Whether it is the SDK's second try of a call that was frozen and lost its answer."""
    same = (before.name, before.params) == (call.name, call.params)
    return same and before.frozen and before.lost


def _kept(subject: Subject, call: Call) -> None:
    if call.name == "ec2:StartInstances":
        subject.starts.append(call)
    elif call.name in MENDING:
        subject.mends.append(call)
    elif call.name == "ec2:ModifyInstanceAttribute":
        subject.retypes.append(call)
    elif call.name in MAKING:
        subject.makes.append(call)


def marks(tape: Tape) -> dict[str, str]:
    """What was made in the place of another: its id → the id of the one that was there first."""
    return {
        truth.id: truth.tags[REBUILT_FROM] for truth in tape.truths if REBUILT_FROM in truth.tags
    }


def _planned_by(subject: Subject, call: Call) -> bool:
    """Whether a record of this subject announces the call, in the same run."""
    return any(write.planned and write.call.run == call.run for write in subject.writes)


def owner(subject: Subject, intent: str) -> int:
    """The run that wrote this intent down."""
    return next(write.call.run for write in subject.writes if write.planned == intent)


def owns(subject: Subject, write: Write) -> bool:
    """Whether this write planned its intent, and did not only carry it along."""
    return bool(write.planned) and owner(subject, write.planned) == write.call.run


def live_intent(evidence: Evidence, subject: Subject, call: Call) -> bool:
    """Whether the run of this call holds a planned intent that still lives when it is sent."""
    write = subject.record_at(call.at)
    if write is None or not write.planned or owner(subject, write.planned) != call.run:
        return False
    return call.at <= evidence.seconds(str(write.intent["until"])) + SLACK


def held(evidence: Evidence, until: str | None, moment: float) -> bool:
    """Whether the value of a hold tag holds at that moment."""
    if until is None:
        return False
    try:
        return evidence.seconds(until.replace("Z", "+00:00")) > moment + SLACK
    except ValueError:
        return True  # what cannot be read as a time holds until corrected (spec: doubt, no harm)

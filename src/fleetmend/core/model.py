"""The words of the house as frozen data: instances, records, decisions, outcomes.

Everything here is plain and immutable, so that a decision can be replayed from what it saw.
Times are timezone-aware UTC datetimes, durations are timedeltas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fleetmend.core.kinds import AlertKind
from fleetmend.core.windows import Window

GROUP_TAG = "aws:autoscaling:groupName"
"""The tag by which AWS says to which Auto Scaling group an instance belongs."""


class Mode(StrEnum):
    """The kill switch: what a controller may do (spec: off, observe, act)."""

    OFF = "off"
    OBSERVE = "observe"
    ACT = "act"


class Status(StrEnum):
    """Where a record stands."""

    OPEN = "open"  # an incident: trouble seen, not yet over
    REFUSED = "refused"  # trouble seen, deliberately left alone; `reason` says why
    EXHAUSTED = "exhausted"  # the budget is used up; only health or an operator ends it
    CLOSED = "closed"  # over; kept as history


class IntentState(StrEnum):
    """What is known of an act that was written down before it was done (ledger.md)."""

    PLANNED = "planned"  # written; whether the call was sent is not known to a later reader
    ISSUED = "issued"  # AWS accepted the call
    UNKNOWN = "unknown"  # the call was sent and its answer was lost
    DONE = "done"  # AWS answered and nothing is in flight


class Result(StrEnum):
    """What became of one call for one subject."""

    ACCEPTED = "accepted"  # AWS took it: the act is under way
    REFUSED = "refused"  # AWS said no, and will say no again
    CAPACITY = "capacity"  # no capacity for this type in this zone: nothing was started
    THROTTLED = "throttled"  # AWS had no time for us, or failed inside: nothing was started
    CONFLICT = "conflict"  # the subject was not in the state we saw: look again
    GONE = "gone"  # AWS knows no such subject
    UNKNOWN = "unknown"  # no answer: it may or may not have happened
    NOT_SENT = "not-sent"  # too little of the intent's life was left to send it
    FELL_BACK = "fell-back"  # was accepted, and the subject is down again
    WOULD = "would"  # dry run: it would have been sent

    @property
    def spends(self) -> bool:
        """Whether an attempt with this result counts against the budget: it was *issued*."""
        return self in {Result.ACCEPTED, Result.REFUSED, Result.UNKNOWN, Result.FELL_BACK}

    @property
    def deferred(self) -> bool:
        """Whether nothing was begun and a later try may well succeed."""
        return self in {Result.CAPACITY, Result.THROTTLED, Result.CONFLICT}


@dataclass(frozen=True, slots=True)
class Check:
    """One status check as EC2 reports it, such as `system: ok` or `attached-ebs: impaired`."""

    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Make:
    """What of an instance limits the types it can have; what EC2 does not say is empty."""

    architecture: str = ""
    virtualization: str = ""
    root: str = ""
    boot: str = ""
    ena: bool | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """Facts of one EC2 instance at one moment.

    `observed_at` is taken *before* the call that read them, so that facts are never thought
    newer than they are. `launched_at` moves with every start (EC2 DescribeInstances,
    LaunchTime), which makes it the evidence of a start whose answer was lost. `checks` is empty
    when EC2 reports none, as for every instance that is not running. `retires_at` is when AWS
    will stop or retire it, as it has announced. `operator` is the service provider that runs it
    (empty when EC2 does not say which), None when nobody does. `rootless` says that its root
    volume is not attached, which EC2 must have said, not left out. `stores` says that its type
    comes with volumes on the host, whose data a stop loses; asked only where a stop may follow.
    `alternatives` are the types it lists, with why each does not fit it (empty where it does);
    None where that was not asked, or could not be.
    """

    id: str
    state: str
    observed_at: datetime
    type: str = ""
    zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    lifecycle: str = "normal"
    launched_at: datetime | None = None
    checks: tuple[Check, ...] = ()
    retires_at: datetime | None = None
    operator: str | None = None
    rootless: bool = False
    vpc: str = ""
    stores: bool = False
    make: Make = Make()
    alternatives: Mapping[str, str] | None = None

    @property
    def group(self) -> str | None:
        """The Auto Scaling group that owns it; AWS sets this tag and nobody else can."""
        return self.tags.get(GROUP_TAG)


@dataclass(frozen=True, slots=True)
class Intent:
    """An act written down before it is done, so that a crash leaves a trace.

    `until` is in the store's time. A planned intent is live before it and expired from then on;
    whoever finds an expired one observes first and decides anew.
    """

    id: str
    action: str
    state: IntentState
    planned_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when it was sent, what came of it, and AWS's own error code and message.

    `act` names what was tried where it is not what the concern is there for: recovery's starts
    leave it empty, its reboots and stops do not, and they have budgets of their own.
    """

    at: datetime
    result: Result
    code: str = ""
    message: str = ""
    act: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """A fact somebody must be told. `fact` is its deduplication key, the same on every send.

    `text` is what happened, `why` its cause in the words of whoever knows it, `done` what was
    done about it where that is not the same each time (`core/meanings.py` has the rest). `since`
    is when the incident began. `ends` are other subjects whose trouble is over, for an alert that
    carries their all-clears. `delivered` is empty while it is owed, then the message id, or the
    digest that carries it.
    """

    fact: str
    kind: str
    text: str
    delivered: str = ""
    why: str = ""
    done: str = ""
    since: datetime | None = None
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's "leave this alone until then"."""

    until: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """The durable state of one subject under one concern (ledger.md says how it is kept).

    `revision`, `nonce` and `written_at` are the ledger's: it stamps them at each write, so that
    two different states never have the same bytes, and a reader can tell whether what it saw of
    the world is older than the record. `reason` is a stable code, `note` the sentence for people.
    `detail` is what only one concern remembers, as plain JSON; that concern reads it strictly.
    """

    concern: str
    subject: str
    status: Status
    reason: str = ""
    note: str = ""
    opened_at: datetime | None = None
    intent: Intent | None = None
    attempts: tuple[Attempt, ...] = ()
    next_look_at: datetime | None = None
    alerts: tuple[Alert, ...] = ()
    hold: Hold | None = None
    detail: Mapping[str, object] = field(default_factory=dict[str, object])
    revision: int = 0
    nonce: str = ""
    written_at: datetime | None = None

    @property
    def owed(self) -> tuple[Alert, ...]:
        """The alerts nobody has been told yet."""
        return tuple(alert for alert in self.alerts if not alert.delivered)

    @property
    def is_open(self) -> bool:
        """Whether a sweep must look at it: an incident goes on, or an alert is still owed."""
        return self.status is Status.OPEN or self.status is Status.EXHAUSTED or bool(self.owed)

    @property
    def spent(self) -> int:
        """Attempts issued so far in this incident."""
        return self.issued()

    def issued(self, act: str = "") -> int:
        """How many attempts of this act were issued so far in this incident."""
        return sum(one.result.spends for one in self.attempts if one.act == act)

    def telling(
        self,
        kind: AlertKind,
        text: str,
        *,
        why: str = "",
        done: str = "",
        key: str = "",
        ends: tuple[str, ...] = (),
    ) -> "Record":
        """This record owing one more alert; a fact already there is not added twice."""
        opened = f"{self.opened_at:%Y%m%dT%H%M%S}" if self.opened_at else "-"
        fact = f"{self.concern}/{self.subject}/{opened}/{key or kind}"
        if any(alert.fact == fact for alert in self.alerts):
            return self
        alert = Alert(fact, kind, text, why=why, done=done, since=self.opened_at, ends=ends)
        return replace(self, alerts=(*self.alerts, alert))

    def told(self, deliveries: Mapping[str, str]) -> "Record":
        """This record with the alerts of `deliveries` (fact → message id) marked delivered."""
        marked = tuple(
            replace(alert, delivered=deliveries.get(alert.fact, alert.delivered))
            for alert in self.alerts
        )
        return replace(self, alerts=marked)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one subject, why, and the record that says so.

    `act` is the name of the call to make, or empty for none: a refusal is a decision too.
    `record` is what shall stand in the ledger; `None` means nothing needs to stand there.
    `stale` asks the loop for a fresh observation before anything is decided.
    """

    reason: str
    record: Record | None
    act: str = ""
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What AWS said to one call for one subject; `made` names what the call made, if anything."""

    result: Result
    code: str = ""
    message: str = ""
    made: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the ledger holds it.

    `etag` is empty when there is no such object. `now` is the store's time when it answered.
    `unreadable` says why the bytes there are not a record; then `record` is None and the
    subject's state is *unknown*, never absent.
    """

    subject: str
    record: Record | None
    etag: str
    now: datetime
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """One instance to start. `probe` marks a retry after a capacity error: one goes first."""

    id: str
    type: str
    zone: str
    probe: bool = False


@dataclass(frozen=True, slots=True)
class TypeChange:
    """One instance to be given another type; `original` is marked first where it is not yet."""

    id: str
    target: str
    original: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Selector:
    """The tag that puts an instance in scope."""

    key: str = "Auto-Recover"
    value: str = "true"

    def matches(self, tags: Mapping[str, str]) -> bool:
        """Exactly this key with exactly this value: a near miss is out of scope."""
        return tags.get(self.key) == self.value


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """How recovery behaves; every field is a setting that is re-read on each run.

    The defaults keep spec 02's promise: with a sweep every 2 minutes a first attempt comes
    within 5 minutes even when every event is lost. `intent_lifetime` covers the function's
    time-out (60 s), the SDK's longest retry of one call and an allowance for clocks.
    """

    mode: Mode = Mode.ACT
    selector: Selector = Selector()
    leave_to: tuple[str, ...] = ("batch", "eks", "emr", "karpenter", "managed", "scheduler")
    scheduler_tags: tuple[str, ...] = ("Schedule",)
    quarantine_tags: tuple[str, ...] = ("Quarantine",)
    hold_windows: tuple[Window, ...] = ()
    mass_stop: str = "hold"
    who: str = "unasked"
    mass_count: int = 50
    mass_share: float = 0.3
    mass_window: timedelta = timedelta(minutes=10)
    mass_wait: timedelta = timedelta(minutes=4)
    mass_quiet: timedelta = timedelta(minutes=1)
    pace: int = 30
    pace_every: timedelta = timedelta(minutes=1)
    retry_interval: timedelta = timedelta(minutes=5)
    jitter: float = 0.2
    max_attempts: int = 3
    capacity_first: timedelta = timedelta(seconds=30)
    capacity_longest: timedelta = timedelta(minutes=5)
    capacity_window: timedelta = timedelta(hours=1)
    transition_look: timedelta = timedelta(seconds=15)
    verify_look: timedelta = timedelta(seconds=30)
    verify_window: timedelta = timedelta(minutes=10)
    settle: timedelta = timedelta(minutes=1)
    impaired: str = "off"
    impaired_wait: timedelta = timedelta(minutes=10)
    impaired_mass: int = 3
    types_tag: str = ""
    types_wait: timedelta = timedelta(minutes=2)
    intent_lifetime: timedelta = timedelta(seconds=90)
    observation_lifetime: timedelta = timedelta(seconds=30)

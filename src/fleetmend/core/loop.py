"""The one loop: observe, decide, write the intent, act, record, tell, wake.

It knows no concern: a `Practice` brings the functions that make one. Every subject goes its own
way, so that a bad one stops no other; only observing and acting are done for many together.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from fleetmend.core import gathering, operators, telling
from fleetmend.core.events import Hold, Release, Retry, Undo
from fleetmend.core.model import Decision, Outcome, Record, Status, Stored
from fleetmend.core.ports import (
    Alerts,
    Ledger,
    Lost,
    ObservationFailed,
    Parallel,
    PortError,
    Queue,
)

Seen = TypeVar("Seen")

ROUNDS = 4
"""How often a subject is taken up anew in one run when another writer was first."""

LONGEST_WAKE = timedelta(seconds=900)
"""The longest delay of an SQS message (SQS Developer Guide, "Delay queues")."""

_TELL_MARGIN = timedelta(seconds=30)
"""An alert is not sent in the last moments of the writer's time: another may be taking over."""


@dataclass(frozen=True, slots=True)
class Practice(Generic[Seen]):
    """A concern as the loop sees it.

    `observe` gives what is seen of each subject, or why that one could not be seen; it raises
    where none could. `decide` gets (subject, what was seen or None, record, the store's time, a
    fresh intent id); `act` gets the records whose intents were written, with what was seen, and
    answers for every one; `learn` gets (record, outcome, the store's time). `lease` is the life
    of an intent.
    """

    concern: str
    lease: timedelta
    observe: Callable[[Sequence[str]], Mapping[str, Seen | ObservationFailed]]
    decide: Callable[[str, Seen | None, Record | None, datetime, str], Decision]
    act: Callable[[Sequence[tuple[Record, Seen]]], Mapping[str, Outcome]]
    learn: Callable[[Record, Outcome, datetime], Record]


@dataclass(frozen=True, slots=True)
class Ports:
    """The world as the loop needs it; `nonce` gives a fresh word each time."""

    ledger: Ledger
    alerts: Alerts
    queue: Queue
    parallel: Parallel
    nonce: Callable[[], str]


@dataclass(slots=True)
class Case(Generic[Seen]):
    """One subject on its way through one run.

    `revision` is the one its wake-up named; `hinted` says that the open index led here. `mine`
    are the facts this run may tell. `again` asks for another round, `failure` ends the case.
    """

    subject: str
    revision: int | None = None
    hinted: bool = False
    seen: Seen | None = None
    stored: Stored | None = None
    decision: Decision | None = None
    outcome: Outcome | None = None
    mine: frozenset[str] = frozenset()
    wrote: bool = False
    again: bool = True
    failure: PortError | None = None

    @property
    def may_act(self) -> bool:
        """Only on an intent that this run itself wrote down, and knows to be written."""
        return bool(self.decision and self.decision.act and self.wrote and not self.failure)

    @property
    def record(self) -> Record | None:
        """The record as this run knows it now."""
        return self.stored.record if self.stored else None


def run(
    practice: Practice[Seen],
    ports: Ports,
    looks: Mapping[str, int | None],
    *,
    hints: Collection[str] = (),
) -> list[Case[Seen]]:
    """Serve each subject once and say what became of it.

    Args:
        practice: the concern.
        ports: the world.
        looks: subject → the record revision its wake-up named, or None for any other reason.
        hints: subjects that the open index names; a stale hint is removed.
    """
    subjects = {**dict.fromkeys(hints), **looks}
    cases = [Case[Seen](name, looks.get(name), name in hints) for name in subjects]
    for _ in range(ROUNDS):
        pending = [case for case in cases if case.again]
        _observe(practice, pending)
        _each(ports, lambda case: _claim(practice, ports, case), pending)
    for case in cases:
        if case.again:
            case.failure = Lost(f"others kept writing the record of {case.subject}")
    _act(practice, ports, [case for case in cases if case.may_act])
    _tell(practice, ports, cases)
    _wake(ports, cases)
    return cases


def amend(
    practice: Practice[Seen], ports: Ports, subject: str, message: Hold | Release | Retry | Undo
) -> Record:
    """Put a person's word into a subject's record, against whatever else is writing it.

    Raises:
        PortError: the ledger did not take it; the message is to be tried again.
    """
    for _ in range(ROUNDS):
        stored = ports.ledger.read(subject)
        if stored.unreadable and not isinstance(message, Retry):
            raise PortError(
                f"the record of {subject} cannot be read: {stored.unreadable}",
                remedy=f"fleetmend retry {subject} starts a new one; the old one was set aside",
            )
        status = Status.EXHAUSTED if stored.unreadable else Status.CLOSED
        blank = Record(practice.concern, subject, status)
        record = operators.apply(message, stored.record, blank, stored.now)
        if record == stored.record:
            return record
        try:
            return ports.ledger.write(record, stored).record or record
        except Lost:
            continue
    raise Lost(f"others kept writing the record of {subject}")


def _each(ports: Ports, serve: Callable[[Case[Seen]], None], cases: Sequence[Case[Seen]]) -> None:
    """Serve every case; what the world refuses to one is that one's failure alone."""

    def guarded(case: Case[Seen]) -> None:
        try:
            serve(case)
        except PortError as error:
            case.failure, case.again = error, False
        except Exception as error:  # noqa: BLE001 -- a defect met on one subject stops no other
            case.failure, case.again = PortError(f"{type(error).__name__}: {error}"), False
            case.failure.__cause__ = error

    ports.parallel(guarded, cases)


def _observe(practice: Practice[Seen], cases: Sequence[Case[Seen]]) -> None:
    wanted = [case for case in cases if not telling.is_notice(case.subject)]
    if not wanted:
        return
    try:
        seen = practice.observe([case.subject for case in wanted])
    except PortError as error:
        for case in wanted:
            case.failure, case.again = error, False
        return
    for case in wanted:
        found = seen.get(case.subject)
        if isinstance(found, ObservationFailed):
            case.failure, case.again = found, False
        else:
            case.seen = found


def _claim(practice: Practice[Seen], ports: Ports, case: Case[Seen]) -> None:
    """Decide and write the decision down; whoever loses the write looks and decides again."""
    if not case.again:  # its observation failed in this very round
        return
    case.again = False
    stored = case.stored = ports.ledger.read(case.subject)
    if stored.unreadable:
        _set_aside(practice, ports, case, stored)
        return
    decision = _decide(practice, ports, case, stored)
    if decision.stale:
        case.again = True
        return
    case.decision = decision
    inherits = telling.may_inherit(stored.record, stored.now, practice.lease)
    if decision.record is None or (decision.record == stored.record and not inherits):
        if case.hinted and not (stored.record and stored.record.is_open):
            ports.ledger.forget(case.subject)
        return
    before = None if inherits else stored.record
    try:
        case.stored = ports.ledger.write(decision.record, stored)
    except Lost:
        case.again, case.decision = True, None
        return
    case.wrote = True
    case.mine = telling.newly_owed(before, decision.record)


def _decide(practice: Practice[Seen], ports: Ports, case: Case[Seen], stored: Stored) -> Decision:
    if telling.is_notice(case.subject):
        return Decision("notice", telling.taken(stored.record, stored.now))
    return practice.decide(case.subject, case.seen, stored.record, stored.now, ports.nonce())


def _set_aside(practice: Practice[Seen], ports: Ports, case: Case[Seen], stored: Stored) -> None:
    """A record that cannot be read is copied, announced by a notice of its own, and left alone."""
    case.decision = Decision("unreadable", None)
    aside = ports.ledger.set_aside(stored)
    notice = telling.unreadable(
        practice.concern, case.subject, stored.unreadable, aside, stored.now
    )
    there = ports.ledger.read(notice.subject)
    if there.record and any(alert.fact.endswith(aside) for alert in there.record.alerts):
        return
    try:
        case.stored = ports.ledger.write(notice, there)
    except Lost:
        return  # another run announces it
    case.mine = telling.newly_owed(None, notice)


def _act(practice: Practice[Seen], ports: Ports, cases: Sequence[Case[Seen]]) -> None:
    if not cases:
        return
    claims = [(case.record, case.seen) for case in cases]
    outcomes = practice.act([(record, seen) for record, seen in claims if record and seen])
    for case in cases:
        case.outcome = outcomes[case.subject]
    _each(ports, lambda case: _learn(practice, ports, case), cases)


def _learn(practice: Practice[Seen], ports: Ports, case: Case[Seen]) -> None:
    """Record what AWS answered, as long as the intent is still ours to record."""
    stored, outcome = case.stored, case.outcome
    ours = stored.record.intent if stored and stored.record else None
    for _ in range(ROUNDS):
        record = stored.record if stored else None
        if not (stored and outcome and record and record.intent == ours):
            break  # whoever found it expired has concluded it, and may have closed the incident
        learned = practice.learn(record, outcome, ports.ledger.now())
        try:
            case.stored = ports.ledger.write(learned, stored)
        except Lost:
            stored = ports.ledger.read(case.subject)
            continue
        case.mine |= telling.newly_owed(record, learned)
        return
    case.stored = stored
    raise Lost(f"the intent on {case.subject} ran out before its outcome was recorded")


def _tell(practice: Practice[Seen], ports: Ports, cases: Sequence[Case[Seen]]) -> None:
    """Deliver what this run may tell; many alerts become one digest, a notice of its own."""
    telling_many = [case for case in cases if case.mine and _is_digest(case)]
    _each(ports, lambda case: _deliver(practice, ports, case), telling_many)
    owing = [case for case in cases if case.mine and not _is_digest(case)]
    owed = {
        case.record.subject: [alert for alert in case.record.owed if alert.fact in case.mine]
        for case in owing
        if case.record
    }
    if not owed:
        return
    if not gathering.has_room(ports.ledger, practice.concern, owed):
        carrier = gathering.join(ports.ledger, practice.concern, owed)
        if carrier:
            _hand_over(ports, owing, carrier)
            return
    if sum(map(len, owed.values())) <= telling.DIGEST_ABOVE:
        _each(ports, lambda case: _deliver(practice, ports, case), owing)
        return
    digest = telling.digest(practice.concern, owed, ports.ledger.now())
    notice = Case[Seen](digest.subject)

    def create(case: Case[Seen]) -> None:
        there = ports.ledger.read(case.subject)
        case.stored = there
        if there.record is None:
            case.stored = ports.ledger.write(digest, there)
            case.mine = telling.newly_owed(None, digest)

    _each(ports, create, [notice])
    if notice.failure:  # what is owed stays owed by each subject, and a later run inherits it
        return
    _hand_over(ports, owing, digest.subject)
    _each(ports, lambda case: _deliver(practice, ports, case), [notice])


def _is_digest(case: Case[Seen]) -> bool:
    return case.record is not None and telling.is_digest(case.record.subject)


def _hand_over(ports: Ports, owing: Sequence[Case[Seen]], carrier: str) -> None:
    """What each owes is the notice's to tell from now on."""
    _each(ports, lambda case: _mark(ports, case, dict.fromkeys(case.mine, carrier)), owing)


def _deliver(practice: Practice[Seen], ports: Ports, case: Case[Seen]) -> None:
    record = case.record
    if record is None or record.written_at is None:
        return
    if ports.ledger.now() + _TELL_MARGIN > record.written_at + practice.lease:
        return  # the time to tell it is nearly over: whoever comes next inherits it
    alerts = [alert for alert in record.owed if alert.fact in case.mine]
    _mark(ports, case, ports.alerts.deliver(record.subject, alerts))


def _mark(ports: Ports, case: Case[Seen], delivered: Mapping[str, str]) -> None:
    stored = case.stored
    if not delivered or stored is None:
        return
    for _ in range(ROUNDS):
        if stored.record is None:
            return
        told = stored.record.told(delivered)
        if told == stored.record:
            return
        try:
            case.stored = ports.ledger.write(told, stored)
        except Lost:
            stored = ports.ledger.read(stored.subject)
            continue
        return
    raise Lost(f"others kept writing the record of {stored.subject}")


def _wake(ports: Ports, cases: Sequence[Case[Seen]]) -> None:
    """Whoever wrote a record last asks for its next look; a look that came early is put back.

    A look further away than a message can wait is left to the sweep, as is one that is lost.
    """
    now = ports.ledger.now()
    looks: dict[str, tuple[int, float]] = {}
    for case in cases:
        record = case.record
        if record is None or record.next_look_at is None or record.subject != case.subject:
            continue
        away = max(timedelta(0), record.next_look_at - now)
        early = case.revision == record.revision and away > timedelta(0)
        if away <= LONGEST_WAKE and (case.wrote or early):
            looks[case.subject] = (record.revision, away.total_seconds())
    if not looks:
        return
    try:
        ports.queue.wake(looks)
    except PortError as error:
        for case in cases:
            if case.subject in looks:
                case.failure = error

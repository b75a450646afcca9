"""A storm that comes bit by bit: after so many messages, what is owed waits a little, together.

One run makes one digest of what it has to tell. But a thousand instances that fail in an hour are
told of by hundreds of runs. So messages are counted, in a record for each `SPAN`; when it is full,
what a run owes joins a notice that is told when its time has come, by whoever comes first then.
The first messages are never held back, nor is what tells of the fleet as a whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from fleetmend.core import telling
from fleetmend.core.letters import DIGEST
from fleetmend.core.model import Alert, Record, Status, Stored
from fleetmend.core.ports import Ledger, Lost, PortError

SPAN = timedelta(minutes=10)
"""Messages are counted for so long."""

MOST = 20
"""So many go by themselves in that time."""

WAIT = timedelta(minutes=2)
"""What joined waits for so long at most."""

PAGES = frozenset({"mass-stop", "mass-impaired"})
"""Never held back: one message that is about the fleet as a whole."""

_FULL = 500
"""More do not join one notice: a record is read up to a megabyte."""

_TRIES = 4


def has_room(ledger: Ledger, concern: str, owed: Mapping[str, Sequence[Alert]]) -> bool:
    """Whether this may be told at once; it is counted then. Doubt tells."""
    alerts = [alert for those in owed.values() for alert in those]
    if any(alert.kind in PAGES for alert in alerts):
        return True
    messages = len(alerts) if len(alerts) <= telling.DIGEST_ABOVE else 1
    try:
        for _ in range(_TRIES):
            stored = ledger.read(f"{DIGEST}sent{_floor(ledger.now(), SPAN):%Y%m%dT%H%M}")
            sent = _sent(stored.record)
            if sent + messages > MOST:
                return False
            if _wrote(ledger, _counting(concern, stored, sent + messages), stored):
                return True
    except PortError:
        return True
    return True


def join(ledger: Ledger, concern: str, owed: Mapping[str, Sequence[Alert]]) -> str:
    """The notice that carries it all now; empty where none does, so that it is told as ever."""
    try:
        for _ in range(_TRIES):
            due = _floor(ledger.now(), WAIT) + WAIT
            stored = ledger.read(f"{DIGEST}until{due:%Y%m%dT%H%M}")
            known = _joined(stored.record)
            more = [
                (subject, alert)
                for subject, alerts in owed.items()
                for alert in alerts
                if alert.fact not in {one.fact for _, one in known}
            ]
            taken = stored.record is not None and stored.record.next_look_at is None
            if stored.unreadable or taken or len(known) + len(more) > _FULL:
                return ""
            if _wrote(ledger, _carrying(concern, stored, [*known, *more], due), stored):
                return stored.subject
    except PortError:
        return ""
    return ""


def _wrote(ledger: Ledger, record: Record, over: Stored) -> bool:
    """False where another writer was first: read again."""
    try:
        ledger.write(record, over)
    except Lost:
        return False
    return True


def _counting(concern: str, stored: Stored, sent: int) -> Record:
    blank = Record(concern, stored.subject, Status.CLOSED, opened_at=_floor(stored.now, SPAN))
    note = f"{sent} messages since then"
    return replace(stored.record or blank, reason="sent", note=note, detail={"sent": sent})


def _carrying(
    concern: str, stored: Stored, joined: Sequence[tuple[str, Alert]], due: datetime
) -> Record:
    """The notice with all that joined so far; it keeps its name, and with it the fact's."""
    blank = Record(concern, stored.subject, Status.CLOSED, opened_at=due - WAIT)
    entries = [[subject, alert.fact, alert.kind, alert.why] for subject, alert in joined]
    record = replace(stored.record or blank, alerts=(), next_look_at=due)
    return telling.carrying(replace(record, detail={"joined": entries}), joined)


def _sent(record: Record | None) -> int:
    sent = record.detail.get("sent") if record else None
    return sent if isinstance(sent, int) else 0


def _joined(record: Record | None) -> list[tuple[str, Alert]]:
    """What stands in the notice; an entry that is none of ours is left out."""
    entries = record.detail.get("joined") if record else None
    found: list[tuple[str, Alert]] = []
    for entry in cast("Iterable[object]", entries if isinstance(entries, list) else ()):
        texts = cast("list[object]", entry) if isinstance(entry, list) else []
        match texts:
            case [str(subject), str(fact), str(kind), str(why)]:
                found.append((subject, Alert(fact, kind, "", why=why)))
            case _:
                continue
    return found


def _floor(moment: datetime, span: timedelta) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // span * span

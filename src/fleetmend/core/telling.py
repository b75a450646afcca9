"""Who tells what is owed: once, by whoever wrote it, and by somebody else only after a crash.

A record that owes an alert is delivered by the run that wrote it. Another run may take that over
only when the writer's time is up, and only by writing the record itself first: of two that try,
one loses the write. So a fact is told at least once, and twice only after a crash or a pause
longer than the writer's time (ledger.md).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.model import Alert, Record, Status

DIGEST_ABOVE = 5
"""More alerts than this in one run become one digest: a storm is read by nobody."""

_LISTED = 40
_NOTICES = ("digest:", "unreadable:")
"""With a colon, which stands in no name that AWS gives: no subject is taken for a notice."""


def is_notice(subject: str) -> bool:
    """Whether this record is not about an instance but only owes an alert of its own."""
    return subject.startswith(_NOTICES)


def may_inherit(record: Record | None, now: datetime, lease: timedelta) -> bool:
    """Whether alerts are owed here whose writer has had its time."""
    if record is None or not record.owed:
        return False
    return record.written_at is None or record.written_at + lease <= now


def newly_owed(before: Record | None, after: Record) -> frozenset[str]:
    """The facts that this write made owed."""
    known = {alert.fact for alert in before.alerts} if before else set[str]()
    return frozenset(alert.fact for alert in after.owed if alert.fact not in known)


def digest(concern: str, owed: Mapping[str, Iterable[Alert]], now: datetime) -> Record:
    """One notice that carries the alerts of many subjects: subject → what it owes.

    Its name is made from the facts it carries, so that a run which repeats itself after a crash
    makes the same notice and not a second one.
    """
    alerts = [alert for subject in sorted(owed) for alert in owed[subject]]
    facts = "\n".join(alert.fact for alert in alerts)
    name = f"digest:{hashlib.sha256(facts.encode()).hexdigest()[:24]}"
    kinds: dict[str, int] = {}
    for alert in alerts:
        kinds[alert.kind] = kinds.get(alert.kind, 0) + 1
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    listed = [f"- {alert.text}" for alert in alerts[:_LISTED]]
    more = [f"- and {len(alerts) - _LISTED} more"] if len(alerts) > _LISTED else []
    text = "\n".join([f"{len(alerts)} alerts: {counted}", *listed, *more])
    record = Record(concern, name, Status.CLOSED, reason="digest", note=counted, opened_at=now)
    return record.telling("digest", text, key=name)


def unreadable(concern: str, subject: str, why: str, aside: str, now: datetime) -> Record:
    """A notice that a record could not be read and was set aside."""
    text = f"the record of {subject} cannot be read; it was copied to {aside}"
    record = Record(
        concern, f"unreadable:{subject}", Status.CLOSED, reason="unreadable", opened_at=now
    )
    return replace(record, note=why).telling("unreadable", text, why=why, key=aside)

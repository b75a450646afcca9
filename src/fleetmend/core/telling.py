"""Who tells what is owed: once, by whoever wrote it, and by somebody else only after a crash.

A record that owes an alert is delivered by the run that wrote it. Another run may take that over
only when the writer's time is up, and only by writing the record itself first: of two that try,
one loses the write. So a fact is told at least once, and twice only after a crash or a pause
longer than the writer's time (ledger.md).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.letters import DIGEST, UNREADABLE
from fleetmend.core.meanings import meaning
from fleetmend.core.model import Alert, Record, Status

DIGEST_ABOVE = 5
"""More alerts than this in one run become one digest: a storm is read by nobody."""

_LISTED = 40
_ID = re.compile(r"\b(i|vol|eni|eipalloc|snap|subnet)-[0-9a-f]{8,17}\b")
_GRAVEST = ("critical", "error", "warning", "info")
_NOTICES = (DIGEST, UNREADABLE)
"""With a colon, which stands in no name that AWS gives: no subject is taken for a notice."""


def is_notice(subject: str) -> bool:
    """Whether this record is not about an instance but only owes an alert of its own."""
    return subject.startswith(_NOTICES)


def is_digest(subject: str) -> bool:
    """Whether this record tells of many."""
    return subject.startswith(DIGEST)


def may_inherit(record: Record | None, now: datetime, lease: timedelta) -> bool:
    """Whether alerts are owed here whose writer has had its time.

    What many runs gather is told by none of them, but by whoever comes first when it is due.
    """
    if record is None or not record.owed:
        return False
    if record.next_look_at is not None and is_notice(record.subject):
        return record.next_look_at <= now
    return record.written_at is None or record.written_at + lease <= now


def taken(record: Record | None, now: datetime) -> Record | None:
    """A notice as whoever looks at it leaves it: one that is due is nobody else's from then on."""
    if record is None or record.next_look_at is None or record.next_look_at > now:
        return record
    return replace(record, next_look_at=None)


def newly_owed(before: Record | None, after: Record) -> frozenset[str]:
    """The facts that this write made owed."""
    known = {alert.fact for alert in before.alerts} if before else set[str]()
    return frozenset(alert.fact for alert in after.owed if alert.fact not in known)


def digest(concern: str, owed: Mapping[str, Iterable[Alert]], now: datetime) -> Record:
    """One notice that carries the alerts of many subjects: subject → what it owes.

    Its name is made from the facts it carries, so that a run which repeats itself after a crash
    makes the same notice and not a second one.
    """
    told = [(subject, alert) for subject in sorted(owed) for alert in owed[subject]]
    facts = "\n".join(alert.fact for _, alert in told)
    name = f"{DIGEST}{hashlib.sha256(facts.encode()).hexdigest()[:24]}"
    return carrying(Record(concern, name, Status.CLOSED, opened_at=now), told)


def carrying(record: Record, told: Sequence[tuple[str, Alert]]) -> Record:
    """The notice that owes one alert for all of these."""
    concern, name = record.concern, record.subject
    meant = [(subject, meaning(concern, alert.kind)) for subject, alert in told]
    good = all(means.severity == "info" for _, means in meant)
    kinds = Counter(alert.kind for _, alert in told)
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    text = "\n".join([f"{len(told)} alerts at once: {counted}", *_grouped(concern, told)])
    ends = tuple(dict.fromkeys(subject for subject, means in meant if means.over))
    record = replace(record, reason="digest", note=counted)
    return record.telling("all-clear" if good else "digest", text, key=name, ends=ends)


def _grouped(concern: str, told: Sequence[tuple[str, Alert]]) -> list[str]:
    """One line for each kind and reason, the gravest first, with whom it is about.

    A line tells what happened in the words of its first alert; ids in a reason are no reason to
    stand alone. So 400 that wait for the same capacity are one line, and not 400.
    """
    groups: dict[tuple[str, str], list[tuple[str, Alert]]] = {}
    for subject, alert in told:
        groups.setdefault((alert.kind, _ID.sub("…", alert.why)), []).append((subject, alert))
    order = sorted(
        groups.items(),
        key=lambda item: (_GRAVEST.index(meaning(concern, item[0][0]).severity), -len(item[1])),
    )
    left, lines = _LISTED, list[str]()
    for (kind, why), those in order:
        names = list(dict.fromkeys(subject for subject, _ in those))
        shown = names[:left]
        left -= len(shown)
        more = [f"and {len(names) - len(shown)} more"] if len(names) > len(shown) else []
        reason = f" ({why})" if why else ""
        lines.append(f"- {len(those)} {kind}{reason}: {', '.join([*shown, *more])}")
    return lines


def unreadable(concern: str, subject: str, why: str, aside: str, now: datetime) -> Record:
    """A notice that a record could not be read and was set aside."""
    text = f"the record of {subject} cannot be read; it was copied to {aside}"
    record = Record(
        concern, f"{UNREADABLE}{subject}", Status.CLOSED, reason="unreadable", opened_at=now
    )
    return replace(record, note=why).telling("unreadable", text, why=why, key=aside)

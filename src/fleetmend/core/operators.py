"""What a person may say about a subject, as changes of its record: hold, release, retry, undo."""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.events import Hold as HoldMessage
from fleetmend.core.events import Release, Retry, Undo
from fleetmend.core.model import Hold, Record, Status

UNREADABLE = "unreadable"
"""The reason of a record whose detail is not what its concern wrote."""


def apply(
    message: HoldMessage | Release | Retry | Undo,
    record: Record | None,
    blank: Record,
    now: datetime,
) -> Record:
    """The record after a person's word; `blank` is what stands where nothing stood before.

    Retry opens an exhausted incident anew, with a budget of its own and facts of its own. On
    anything that is not exhausted it changes nothing: there is nothing to try again. What the
    concern remembers is kept, unless that is what could not be read. Undo is a word for the
    concern, which remembers what it changed; where nothing is remembered it changes nothing.
    """
    record = record or blank
    match message:
        case HoldMessage():
            return replace(record, hold=Hold(message.until, message.by, message.reason))
        case Release():
            return replace(record, hold=None)
        case Undo():
            if not record.detail or record.reason == UNREADABLE:
                return record
            undo = {"run": message.of, "by": message.by}
            again = record.status is Status.EXHAUSTED
            return replace(
                record,
                status=Status.OPEN if again else record.status,
                attempts=() if again else record.attempts,
                next_look_at=now,
                detail={**record.detail, "undo": undo},
            )
        case Retry():
            if record.status is not Status.EXHAUSTED:
                return record
            return replace(
                record,
                status=Status.OPEN,
                reason="retry",
                note=f"{message.by} asked for another try",
                opened_at=now,
                intent=None,
                attempts=(),
                next_look_at=now,
                detail={} if record.reason == UNREADABLE else record.detail,
            )

"""The turns that every concern's records take, and what is asked of every subject first.

A record is opened by trouble, planned on, looked at again, refused, closed. None of this knows
what the trouble is.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.model import Attempt, Decision, Intent, IntentState, Mode, Record, Status
from fleetmend.core.times import utc


def is_old(
    observed_at: datetime, record: Record | None, lifetime: timedelta, now: datetime
) -> bool:
    """Too old to act on, or older than the record: whoever wrote it may know better."""
    if now - observed_at > lifetime:
        return True
    written = record.written_at if record else None
    return written is not None and observed_at < written


def is_live(record: Record, now: datetime) -> bool:
    """Another run has planned an act, and its time is not up."""
    intent = record.intent
    return intent is not None and intent.state is IntentState.PLANNED and now < intent.until


def undecided(
    observed_at: datetime | None,
    record: Record | None,
    mode: Mode,
    lifetime: timedelta,
    now: datetime,
) -> Decision | None:
    """Why nothing is decided about a subject now, whatever is seen of it; None where something is.

    `observed_at` is None where it could not be seen, `lifetime` what an observation is good for.
    """
    if mode is Mode.OFF:
        return Decision("off", record)
    if observed_at is None or is_old(observed_at, record, lifetime, now):
        return Decision("stale", record, stale=True)
    if record is not None and is_live(record, now):
        return Decision("in-flight", record)
    if record is not None and record.reason == "unreadable" and record.status is Status.EXHAUSTED:
        return Decision("unreadable", record)
    return None


def opened(record: Record, reason: str, now: datetime) -> Record:
    """The incident this trouble belongs to: the one under way, or a new one after a closed one."""
    if record.status is not Status.CLOSED:
        return record
    return replace(
        record,
        status=Status.OPEN,
        reason=reason,
        note="",
        opened_at=now,
        intent=None,
        attempts=(),
        next_look_at=None,
        alerts=record.owed,
        hold=record.hold if record.hold and now < record.hold.until else None,
    )


def closed(record: Record, reason: str, note: str) -> Record:
    """The incident is over; what it owes stays owed."""
    if record.status is Status.CLOSED:
        return record
    intent = record.intent and replace(record.intent, state=IntentState.DONE)
    return replace(
        record, status=Status.CLOSED, reason=reason, note=note, intent=intent, next_look_at=None
    )


def refused(record: Record, code: str, note: str, then: datetime | None = None) -> Decision:
    """Left alone, for that reason, and looked at again then; None leaves that to the sweep."""
    left = replace(
        record, status=Status.REFUSED, reason=code, note=note, next_look_at=then, intent=None
    )
    return Decision(code, left)


def look(record: Record, now: datetime, after: timedelta) -> Record:
    """Look again after this long; a look already set for sooner stays, and costs no write."""
    if record.next_look_at and now < record.next_look_at <= now + after:
        return record
    return replace(record, next_look_at=now + after)


def with_intent(record: Record, state: IntentState) -> Record:
    """The record with what is known now of its intent."""
    return replace(record, intent=record.intent and replace(record.intent, state=state))


def planned(record: Record, intent: Intent, reason: str, note: str) -> Decision:
    """The last step of a decision: write down what is about to be done."""
    record = replace(record, reason=reason, note=note, intent=intent, next_look_at=intent.until)
    return Decision(reason, record, act=intent.action)


def cause(attempt: Attempt) -> str:
    """AWS's own words about an attempt."""
    return f"{attempt.code} {attempt.message}".strip() or attempt.result.value


def next_try(record: Record) -> str:
    """When what failed is tried again, for people."""
    return f"It is tried again at {utc(record.next_look_at)}" if record.next_look_at else ""


def unreadable(record: Record, error: Exception) -> Decision:
    """What is remembered of a subject cannot be read: nothing is done until somebody says so."""
    text = f"what is remembered of {record.subject} cannot be read"
    kept = replace(record, status=Status.EXHAUSTED, reason="unreadable", note=str(error))
    kept = replace(kept, next_look_at=None, intent=None)
    return Decision("unreadable", kept.telling("unreadable", text, why=str(error)))

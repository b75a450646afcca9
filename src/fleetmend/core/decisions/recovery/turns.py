"""The turns a record of recovery takes: opened, looked at again, failed, used up, closed."""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.budgets import deferred_run, due, used_up
from fleetmend.core.model import (
    Attempt,
    Decision,
    IntentState,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

CONCERN = "recovery"

_DEFERRALS_BEFORE_TOLD = 3
"""Throttling for a minute and a half is news; a single one is not."""


def refused(record: Record, code: str, note: str, then: datetime | None) -> Decision:
    """Left alone, for that reason, and looked at again then; None leaves that to the sweep."""
    left = replace(
        record, status=Status.REFUSED, reason=code, note=note, next_look_at=then, intent=None
    )
    return Decision(code, left)


def opened(record: Record, now: datetime) -> Record:
    """The incident this trouble belongs to: the one under way, or a new one after a closed one."""
    if record.status is not Status.CLOSED:
        return record
    return replace(
        record,
        status=Status.OPEN,
        reason="stopped",
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


def look(record: Record, now: datetime, after: timedelta) -> Record:
    """Look again after this long; a look already set for sooner stays, and costs no write."""
    if record.next_look_at and now < record.next_look_at <= now + after:
        return record
    return replace(record, next_look_at=now + after)


def with_intent(record: Record, state: IntentState) -> Record:
    """The record with what is known now of its intent."""
    return replace(record, intent=record.intent and replace(record.intent, state=state))


def failed(record: Record, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after an attempt came to nothing: used up, or told and waiting for its time."""
    record = if_used_up(record, policy, now)
    if record.status is Status.EXHAUSTED:
        return record
    last = record.attempts[-1]
    why = cause(last)
    record = replace(record, reason=last.result.value, note=why, next_look_at=due(record, policy))
    then = f"next try {record.next_look_at:%H:%M:%S} UTC: {why}"
    if last.result is Result.CAPACITY:
        return record.telling("capacity", f"{record.subject} waits for capacity, {then}")
    if last.result.deferred:
        enough = len(deferred_run(record)) >= _DEFERRALS_BEFORE_TOLD
        return record.telling("deferred", f"{record.subject} is down, {then}") if enough else record
    number = f"attempt {record.spent} of {policy.max_attempts}"
    text = f"{number} to start {record.subject} failed, {then}"
    return record.telling("attempt-failed", text, key=f"attempt-{record.spent}-failed")


def if_used_up(record: Record, policy: RecoveryPolicy, now: datetime) -> Record:
    """Exhausted when the attempts or the window for capacity are used up; else unchanged."""
    note = used_up(record, policy, now)
    if not note:
        return record
    text = f"{record.subject} stays down: {note}; last: {cause(record.attempts[-1])}."
    exhausted = replace(
        record, status=Status.EXHAUSTED, reason="exhausted", note=note, next_look_at=None
    )
    return exhausted.telling("exhausted", f"{text} Mend it, then: fleetmend retry {record.subject}")


def cause(attempt: Attempt) -> str:
    """AWS's own words about an attempt."""
    return f"{attempt.code} {attempt.message}".strip() or attempt.result.value

"""The turns a record of recovery takes: opened, looked at again, failed, used up, closed."""

from dataclasses import replace
from datetime import datetime

from fleetmend.core import incidents
from fleetmend.core.budgets import deferred_run, dry_since, due, used_up
from fleetmend.core.incidents import cause, closed, look, next_try, refused, with_intent
from fleetmend.core.model import Intent, IntentState, Record, RecoveryPolicy, Result, Status

__all__ = [
    "CONCERN",
    "START",
    "cause",
    "closed",
    "failed",
    "if_used_up",
    "look",
    "opened",
    "refused",
    "tried",
    "with_intent",
    "would",
]

CONCERN = "recovery"
START = "start"

_DEFERRALS_BEFORE_TOLD = 3
"""Throttling for a minute and a half is news; a single one is not."""


def opened(record: Record, now: datetime, reason: str = "stopped") -> Record:
    """The incident this trouble belongs to; a new one remembers nothing of types it had."""
    if record.status is Status.CLOSED:
        record = replace(record, detail={})
    return incidents.opened(record, reason, now)


def tried(intent: Intent | None) -> str:
    """What an attempt at this intent is called: a start is what recovery is there for."""
    return "" if intent is None or intent.action == START else intent.action


def would(record: Record, done: str) -> Record:
    """The record after a dry run: what would have been done."""
    note = f"would have been {done}; mode is observe, or this was a plan"
    record = replace(record, status=Status.REFUSED, reason="observe", note=note, next_look_at=None)
    return with_intent(record, IntentState.DONE)


def failed(record: Record, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after an attempt came to nothing: used up, or told and waiting for its time."""
    record = if_used_up(record, policy, now)
    if record.status is Status.EXHAUSTED:
        return record
    last = record.attempts[-1]
    why = cause(last)
    record = replace(record, reason=last.result.value, note=why, next_look_at=due(record, policy))
    then = next_try(record)
    record = replace(record, next_look_at=_other_type_due(record, policy) or record.next_look_at)
    free = f"{then}; nothing was started, and no attempt is spent."
    if last.result is Result.CAPACITY:
        text = f"{record.subject} is down and waits for capacity"
        return record.telling("capacity", text, why=why, done=free)
    if last.result.deferred:
        if len(deferred_run(record)) < _DEFERRALS_BEFORE_TOLD:
            return record
        return record.telling("deferred", f"{record.subject} is down", why=why, done=free)
    text = f"attempt {record.spent} of {policy.max_attempts} to start {record.subject} failed"
    key = f"attempt-{record.spent}-failed"
    return record.telling("attempt-failed", text, why=why, done=f"{then}.", key=key)


def _other_type_due(record: Record, policy: RecoveryPolicy) -> datetime | None:
    """When another type may be taken, where types are changed and that is before the next try."""
    since = dry_since(record)
    if not policy.types_tag or since is None or record.next_look_at is None:
        return None
    moment = since + policy.types_wait
    return moment if record.attempts[-1].at < moment < record.next_look_at else None


def if_used_up(record: Record, policy: RecoveryPolicy, now: datetime) -> Record:
    """Exhausted when the attempts or the window for capacity are used up; else unchanged."""
    note = used_up(record, policy, now)
    if not note:
        return record
    text = f"{record.subject} stays down: {note}"
    exhausted = replace(
        record, status=Status.EXHAUSTED, reason="exhausted", note=note, next_look_at=None
    )
    return exhausted.telling("exhausted", text, why=cause(record.attempts[-1]))

"""What is asked of every subject first: are the facts fresh, is it free, is it still ours."""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.decisions.recovery import turns
from fleetmend.core.model import (
    Attempt,
    Decision,
    Instance,
    IntentState,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

GONE = {"shutting-down", "terminated"}

_CLOCK_ALLOWANCE = timedelta(seconds=2)
"""LaunchTime has a resolution of one second, and EC2's clock is not S3's."""


def is_stale(seen: Instance, record: Record | None, policy: RecoveryPolicy, now: datetime) -> bool:
    """Too old to act on, or older than the record: whoever wrote it may know better."""
    if now - seen.observed_at > policy.observation_lifetime:
        return True
    written = record.written_at if record else None
    return written is not None and seen.observed_at < written


def is_live(record: Record, now: datetime) -> bool:
    """Another run has planned an act, and its time is not up."""
    intent = record.intent
    return intent is not None and intent.state is IntentState.PLANNED and now < intent.until


def without_expired_intent(record: Record | None, seen: Instance | None) -> Record | None:
    """The record after a planned intent ran out: was the call sent before the crash?

    EC2 moves LaunchTime at every start, so an instance that was launched since the plan, or is
    on its way up, shows a start that was issued; anything else shows that nothing was begun,
    and nothing is spent.
    """
    if record is None or record.intent is None or record.intent.state is not IntentState.PLANNED:
        return record
    planned = record.intent.planned_at
    launched = seen.launched_at if seen else None
    began = launched is not None and launched >= planned - _CLOCK_ALLOWANCE
    if seen is not None and (began or seen.state in {"pending", "running"}):
        attempt = Attempt(
            planned, Result.UNKNOWN, "IntentExpired", "the run ended before its answer"
        )
        record = replace(record, attempts=(*record.attempts, attempt))
        return turns.with_intent(record, IntentState.UNKNOWN)
    return replace(record, intent=None)


def gone(record: Record | None, seen: Instance | None) -> Decision:
    """Terminated, or unknown to AWS: the incident ends, and is told if there was one."""
    what = "terminated" if seen else "gone"
    if record is None or record.status in {Status.CLOSED, Status.REFUSED}:
        return Decision(what, record and turns.closed(record, what, record.note))
    note = f"the instance is {seen.state}" if seen else "AWS no longer knows this instance"
    closed = turns.closed(record, what, note)
    return Decision(what, closed.telling(what, f"{record.subject} cannot be recovered: {note}"))


def out_of_scope(record: Record | None, policy: RecoveryPolicy) -> Decision:
    """Without the tag it is none of our business; an incident ends."""
    selector = policy.selector
    if record is None or record.status is Status.CLOSED:
        return Decision("out-of-scope", record)
    note = f"it no longer carries {selector.key}={selector.value}"
    return Decision("out-of-scope", turns.closed(record, "out-of-scope", note))

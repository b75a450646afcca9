"""What is asked of every subject first: are the facts fresh, is it free, is it still ours."""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core import incidents, instance_types, ownership
from fleetmend.core.decisions.recovery import ailing, turns, typechange
from fleetmend.core.incidents import is_live
from fleetmend.core.model import (
    Attempt,
    Decision,
    Instance,
    Intent,
    IntentState,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

__all__ = ["GONE", "gone", "is_live", "is_stale", "without_expired_intent"]

GONE = {"shutting-down", "terminated"}

ENDS = {"gone", "terminated"}
"""Reasons of a record that has told of its instance's end."""

_CLOCK_ALLOWANCE = timedelta(seconds=2)
"""LaunchTime has a resolution of one second, and EC2's clock is not S3's."""


def is_stale(seen: Instance, record: Record | None, policy: RecoveryPolicy, now: datetime) -> bool:
    """Too old to act on, or older than the record."""
    return incidents.is_old(seen.observed_at, record, policy.observation_lifetime, now)


def without_expired_intent(record: Record | None, seen: Instance | None) -> Record | None:
    """The record after a planned intent ran out: was the call sent before the crash?

    EC2 moves LaunchTime at every start, so an instance that was launched since the plan, or is
    on its way up, shows a start that was issued; one that is down shows a stop, and its type
    shows a change of that. Nothing shows a reboot: it counts as issued, since one too few is
    better than one too many. Anything else shows that nothing was begun, and nothing is spent.
    """
    if record is None or record.intent is None or record.intent.state is not IntentState.PLANNED:
        return record
    if seen is not None and _began(record, record.intent, seen):
        attempt = Attempt(
            record.intent.planned_at,
            Result.UNKNOWN,
            "IntentExpired",
            "the run ended before its answer",
            turns.tried(record.intent),
        )
        record = replace(record, attempts=(*record.attempts, attempt))
        return turns.with_intent(record, IntentState.UNKNOWN)
    return replace(record, intent=None)


def _began(record: Record, intent: Intent, seen: Instance) -> bool:
    """Whether what is seen shows that the call was sent, or cannot show that it was not."""
    launched = seen.launched_at
    since = launched is not None and launched >= intent.planned_at - _CLOCK_ALLOWANCE
    match intent.action:
        case turns.START:
            return since or seen.state in {"pending", "running"}
        case ailing.STOP:
            return since or seen.state in {"stopping", "stopped"}
        case instance_types.CHANGE:
            return typechange.began(record, seen)
        case _:
            return True


def gone(
    subject: str,
    record: Record | None,
    seen: Instance | None,
    policy: RecoveryPolicy,
    now: datetime,
) -> Decision:
    """Terminated, or unknown to AWS: the incident ends, and is told.

    What was terminated out of full health is told too, as long as EC2 shows that it was in
    scope and nobody else's to replace; rebuilding it is another concern (docs/recovery.md).
    """
    what = "terminated" if seen else "gone"
    if record is not None and record.status not in {Status.CLOSED, Status.REFUSED}:
        note = f"the instance is {seen.state}" if seen else "AWS no longer knows this instance"
        closed = turns.closed(record, what, note)
        return Decision(what, closed.telling(what, f"{subject} cannot be recovered", why=note))
    known = record is not None and record.reason in ENDS
    if seen is None or known or not policy.selector.matches(seen.tags) or _others(seen, policy):
        return Decision(what, record and turns.closed(record, what, record.note))
    opened = turns.opened(record or Record(turns.CONCERN, subject, Status.CLOSED), now)
    name = seen.tags.get("Name")
    text = f"{subject}{f' ({name})' if name else ''} was terminated"
    return Decision(what, turns.closed(opened, what, "it was terminated").telling(what, text))


def _others(seen: Instance, policy: RecoveryPolicy) -> bool:
    """Whether somebody else takes it away and brings another: an owner, or the spot market."""
    return ownership.owner(seen, policy) is not None or seen.lifecycle != "normal"

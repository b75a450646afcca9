"""What recovery stopped itself is its debt, until it was started or somebody knows that it is down.

A stop that moves an instance is followed by its start, unless something comes between that is
stronger: a hold, a tag taken away, a mass stop, the kill switch. Then it stays down, and nobody
but us knows why it went down.
"""

from datetime import datetime

from fleetmend.core.decisions.recovery import gates, turns
from fleetmend.core.decisions.recovery.ailing import STOP
from fleetmend.core.model import (
    Decision,
    Instance,
    IntentState,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

_DOWN = {"stopping", "stopped"}
_DONE = {Result.ACCEPTED, Result.UNKNOWN, Result.FELL_BACK}


def is_owed(record: Record) -> bool:
    """Whether our stop was followed by no start; what was done to it meanwhile does not count."""
    done = [one for one in record.attempts if one.act in {"", STOP} and one.result in _DONE]
    return bool(done) and done[-1].act == STOP


def may_be_owed(record: Record | None) -> bool:
    """The same, where a crash may have left the stop as no more than a plan."""
    if record is None:
        return False
    intent = record.intent
    planned = intent is not None and intent.state is IntentState.PLANNED and intent.action == STOP
    return planned or is_owed(record)


def told(record: Record, seen: Instance, why: str) -> Record:
    """The record owing the news that it stays down, where it was we who stopped it."""
    if seen.state not in _DOWN or not is_owed(record):
        return record
    text = f"{record.subject} was stopped to move it to another host, and stays down"
    return record.telling("left-down", text, why=why)


def out_of_scope(record: Record | None, seen: Instance, policy: RecoveryPolicy) -> Decision:
    """Without the tag it is none of our business, nor may we start it; an incident ends."""
    selector = policy.selector
    if record is None or record.status is Status.CLOSED:
        return Decision("out-of-scope", record)
    note = f"it no longer carries {selector.key}={selector.value}"
    return Decision("out-of-scope", turns.closed(told(record, seen, note), "out-of-scope", note))


def decide(
    seen: Instance | None, record: Record | None, policy: RecoveryPolicy, now: datetime, why: str
) -> Decision:
    """What is owed is told where nothing may be done: nothing else of the record is touched."""
    if seen is None or record is None:
        return Decision("off", record)
    if gates.is_stale(seen, record, policy, now):
        return Decision("stale", record, stale=True)
    if gates.is_live(record, now):
        return Decision("in-flight", record)
    known = gates.without_expired_intent(record, seen)
    if known is None or not is_owed(known):
        return Decision("off", record)
    return Decision("left-down", told(known, seen, why))

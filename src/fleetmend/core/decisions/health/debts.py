"""A suspension of ours is a debt, until it was ended or somebody knows that it lasts.

While the mode forbids to act nobody ends it, and Auto Scaling replaces nothing in that group.
"""

from datetime import datetime

from fleetmend.core import incidents
from fleetmend.core.groups import SUSPENDABLE, Group, HealthPolicy
from fleetmend.core.health_memory import Breaker, MemoryUnreadable, from_detail
from fleetmend.core.model import Decision, Record
from fleetmend.core.times import utc


def overdue(record: Record | None, now: datetime) -> Breaker | None:
    """A suspension that this record says should have ended; None where that cannot be read."""
    try:
        breaker = from_detail(record.detail).breaker if record else None
    except MemoryUnreadable:  # told by whoever may act
        return None
    return breaker if breaker and now >= breaker.until else None


def decide(
    seen: Group | None, record: Record | None, policy: HealthPolicy, now: datetime, why: str
) -> Decision:
    """What is owed is told where nothing may be done: nothing else of the record is touched."""
    if seen is None or record is None:
        return Decision("off", record)
    if incidents.is_old(seen.observed_at, record, policy.observation_lifetime, now):
        return Decision("stale", record, stale=True)
    if incidents.is_live(record, now):
        return Decision("in-flight", record)
    breaker = overdue(record, now)
    if breaker is None or SUSPENDABLE not in seen.suspended:
        return Decision("off", record)
    text = f"{seen.name} was to be resumed at {utc(breaker.until)}, and is suspended still"
    return Decision("stays-suspended", record.telling("stays-suspended", text, why=why))

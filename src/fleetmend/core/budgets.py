"""Budgets: how many attempts a subject has, and when the next one may be sent."""

import hashlib
from datetime import datetime

from fleetmend.core.instance_types import CHANGE
from fleetmend.core.model import Attempt, Record, RecoveryPolicy, Result


def due(record: Record, policy: RecoveryPolicy) -> datetime | None:
    """When the next attempt may be sent; None when nothing stands in its way.

    After an issued attempt: `retry_interval` plus up to `jitter` of it, spread by a hash of the
    subject, so that a thousand instances do not come back in the same second and a replay gives
    the same times. After a deferred one: 30 s doubling to 5 min, but never inside the interval.
    """
    moments: list[datetime] = []
    issued = [one for one in record.attempts if one.result.spends and not one.act]
    if issued:
        interval = policy.retry_interval * (
            1 + policy.jitter * spread(f"{record.subject}/{len(issued)}")
        )
        moments.append(issued[-1].at + interval)
    deferred = deferred_run(record)
    if deferred:
        doubled = policy.capacity_first * 2 ** min(len(deferred) - 1, 16)
        moments.append(deferred[-1].at + min(doubled, policy.capacity_longest))
    return max(moments, default=None)


def used_up(record: Record, policy: RecoveryPolicy, now: datetime) -> str:
    """Why there will be no further attempt, or nothing while there is still one left."""
    if record.spent >= policy.max_attempts:
        return f"{record.spent} of {policy.max_attempts} attempts used"
    if waited_out(record, policy, now) and not _kept_from_trying(record, policy, now):
        return f"{waiting(record)[-1].result.value} for {policy.capacity_window}"
    return ""


def waited_out(record: Record, policy: RecoveryPolicy, now: datetime) -> bool:
    """Whether nothing could be begun for as long as capacity may be waited for.

    A type that was given just now has not been tried yet.
    """
    deferred = waiting(record)
    last = record.attempts[-1] if record.attempts else None
    if last and last.act == CHANGE and last.result is Result.ACCEPTED:
        return False
    return bool(deferred) and now - deferred[0].at >= policy.capacity_window


def _kept_from_trying(record: Record, policy: RecoveryPolicy, now: datetime) -> bool:
    """Whether nothing was tried for twice the longest wait: a hold, the kill switch, a mass stop.

    What passed meanwhile was no wait for capacity, so there is one more try before it is given up.
    """
    return now - waiting(record)[-1].at > 2 * policy.capacity_longest


def waiting(record: Record) -> tuple[Attempt, ...]:
    """The tries that began nothing since one did, oldest first; changes of type begin nothing.

    So an hour without capacity is an hour, however many types were tried in it.
    """
    start = len(record.attempts)
    while start and (
        record.attempts[start - 1].result.deferred or record.attempts[start - 1].act == CHANGE
    ):
        start -= 1
    return tuple(one for one in record.attempts[start:] if one.result.deferred)


def deferred_run(record: Record) -> tuple[Attempt, ...]:
    """The attempts since the last issued one, all of which began nothing; oldest first."""
    start = len(record.attempts)
    while start and record.attempts[start - 1].result.deferred:
        start -= 1
    return record.attempts[start:]


def dry_since(record: Record) -> datetime | None:
    """When the type that the instance has was first found without capacity; None if it is not."""
    found = [one.at for one in deferred_run(record) if one.result is Result.CAPACITY]
    return found[0] if found else None


def is_probe(record: Record) -> bool:
    """Whether the last try met a lack of capacity, so that one instance should go first."""
    return bool(record.attempts) and record.attempts[-1].result is Result.CAPACITY


def spread(key: str) -> float:
    """A number in [0, 1) that depends on nothing but `key`."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48

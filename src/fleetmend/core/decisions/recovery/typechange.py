"""Another instance type, where the instance's own has no capacity in its zone.

Only what lists alternatives by a tag is changed, only while it is stopped and recovery would
start it. Types are tried in order, the original one among them, for as long as capacity may be
waited for at all; what it has when a start succeeds, it keeps. AWS advises to wait a few minutes
before another type is taken (EC2 User Guide, "Insufficient instance capacity"): `types_wait` each.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from fleetmend.core.budgets import dry_since
from fleetmend.core.decisions.recovery import turns
from fleetmend.core.incidents import planned, unreadable
from fleetmend.core.instance_types import (
    CHANGE,
    ORIGINAL,
    UNSUPPORTED,
    Memory,
    MemoryUnreadable,
    from_detail,
    listed,
    to_detail,
)
from fleetmend.core.model import (
    Attempt,
    Decision,
    Instance,
    Intent,
    IntentState,
    Record,
    RecoveryPolicy,
    Result,
)


def began(record: Record, seen: Instance) -> bool:
    """Whether what is seen shows that the change which was planned was made."""
    return seen.type == _memory(record).target


def changed(record: Record, seen: Instance) -> str:
    """The type it had, where it has another one now by our doing; else nothing."""
    memory = _memory(record)
    return memory.original if memory.original != seen.type == memory.target else ""


def told(record: Record, seen: Instance) -> Record:
    """The record telling that its instance has another type now, where that is our doing."""
    before = changed(record, seen)
    if not before:
        return record
    text = f"{record.subject} was changed from {before} to {seen.type}"
    why = f"{before} has no capacity in {seen.zone}"
    return record.telling("type-changed", text, why=why, key=f"type-changed-{seen.type}")


def settling(record: Record, seen: Instance, policy: RecoveryPolicy, now: datetime) -> bool:
    """Whether a change was taken, and EC2 does not show it yet."""
    last = record.attempts[-1] if record.attempts else None
    return (
        last is not None
        and last.act == CHANGE
        and last.result in {Result.ACCEPTED, Result.UNKNOWN}
        and not began(record, seen)
        and now < last.at + policy.settle
    )


def change(
    record: Record, seen: Instance, policy: RecoveryPolicy, now: datetime, intent_id: str
) -> Record | Decision:
    """The change that is due, or the record as it goes on without one."""
    if not policy.types_tag or policy.types_tag not in seen.tags:
        return record
    try:
        memory = from_detail(record.detail)
    except MemoryUnreadable as error:
        return unreadable(record, error)
    memory = _fresh(record, seen, policy, memory)
    if not _is_dry(record, seen, memory):
        return record
    try:
        names = listed(seen.tags[policy.types_tag])
    except ValueError as error:
        text = f"{record.subject} has no alternative types: its tag {policy.types_tag} is no list"
        return record.telling("type-unfit", text, why=str(error))
    since = dry_since(record)
    if seen.alternatives is None:
        return _unknown(record, since, policy, now)
    record = _complaining(record, seen, memory)
    target = _next(seen, names, memory)
    if not target:
        return record
    if since and now < since + policy.types_wait:
        soon = since + policy.types_wait
        return replace(record, next_look_at=min(soon, record.next_look_at or soon))
    detail = to_detail(replace(memory, target=target))
    intent = Intent(intent_id, CHANGE, IntentState.PLANNED, now, now + policy.intent_lifetime)
    note = f"{seen.type} has no capacity in {seen.zone}: changing it to {target}"
    return planned(replace(record, detail=detail), intent, "changing-type", note)


def _unknown(
    record: Record, since: datetime | None, policy: RecoveryPolicy, now: datetime
) -> Record:
    """EC2 does not tell which types fit: told once it has waited twice as long as for another."""
    if since is None or now < since + 2 * policy.types_wait:
        return record
    text = f"{record.subject} is given no other type"
    return record.telling("types-unknown", text, why="EC2 does not tell which types fit it")


def learn(record: Record, attempt: Attempt, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after AWS answered a change of type; `attempt` is in it already."""
    memory = _memory(record)
    soon = now + policy.transition_look
    match attempt.result:
        case Result.ACCEPTED | Result.UNKNOWN:
            known = attempt.result is Result.ACCEPTED
            note = f"AWS accepted the type {memory.target}" if known else "no answer from AWS"
            state = IntentState.ISSUED if known else IntentState.UNKNOWN
            record = replace(record, reason="type-changed", note=note, next_look_at=soon)
            return turns.with_intent(record, state)
        case Result.WOULD:
            return turns.would(record, f"changed to {memory.target}")
        case _:
            why = turns.cause(attempt)
            record = replace(record, reason=attempt.result.value, note=why, next_look_at=soon)
            record = turns.with_intent(record, IntentState.DONE)
            if attempt.result.deferred:
                return record
            return _refused(record, memory, memory.target, why)


def _memory(record: Record) -> Memory:
    """What is remembered; a detail that cannot be read is refused where a change is decided."""
    try:
        return from_detail(record.detail)
    except MemoryUnreadable:
        return Memory()


def _fresh(record: Record, seen: Instance, policy: RecoveryPolicy, memory: Memory) -> Memory:
    """What holds for this incident; where nothing is remembered of it yet, what the tags say.

    An alternative that a start was refused for is not tried again; a person's retry forgets that.
    """
    if memory.original:
        if not any(one.act == CHANGE for one in record.attempts):
            return replace(memory, refused=())
        last = record.attempts[-1]
        if last.code in UNSUPPORTED and not last.act and seen.type != memory.original:
            return replace(memory, refused=(*memory.refused, seen.type))
        return memory
    before = seen.tags.get(ORIGINAL, "")
    is_ours = before and seen.type in seen.tags[policy.types_tag].split()
    return Memory(original=before if is_ours else seen.type)


def _is_dry(record: Record, seen: Instance, memory: Memory) -> bool:
    """Whether the type that it has is of no use now: no capacity, or an alternative refused."""
    last = record.attempts[-1] if record.attempts else None
    return last is not None and (last.result is Result.CAPACITY or seen.type in memory.refused)


def _next(seen: Instance, names: Sequence[str], memory: Memory) -> str:
    """The next of the types that fit, in order, and after the last the original again."""
    if set(names) == {seen.type}:
        return ""
    order = tuple(dict.fromkeys((memory.original, *names)))
    place = order.index(seen.type) if seen.type in order else 0
    unfit = seen.alternatives or {}
    for name in (*order[place + 1 :], *order[:place]):
        if name == memory.original or (name not in memory.refused and not unfit.get(name, "?")):
            return name
    return ""


def _complaining(record: Record, seen: Instance, memory: Memory) -> Record:
    """The record telling, once for each, of what is listed and cannot be used."""
    for name, why in (seen.alternatives or {}).items():
        if why and name != memory.original:
            record = _unfit(record, name, why)
    return record


def _unfit(record: Record, name: str, why: str) -> Record:
    text = f"{record.subject} cannot be changed to {name}"
    return record.telling("type-unfit", text, why=why, key=f"type-unfit-{name}")


def _refused(record: Record, memory: Memory, name: str, why: str) -> Record:
    """AWS's own no: told, and not asked again in this incident."""
    detail = to_detail(replace(memory, refused=(*memory.refused, name)))
    return _unfit(replace(record, detail=detail), name, why)

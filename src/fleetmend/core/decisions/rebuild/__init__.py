"""Rebuild: what was terminated by mistake is made again, and what drifted is put back or told.

While an instance is healthy its blueprint is kept. A blueprint is never taken of one that is not,
nor of one that misses a part it had; and nothing is rebuilt that somebody wanted gone. `decide`
and `learn` are pure and total, as in decisions/recovery.
"""

from dataclasses import replace
from datetime import datetime

from fleetmend.core import incidents
from fleetmend.core.decisions.rebuild import alive, gone, turns
from fleetmend.core.decisions.rebuild.gone import begins
from fleetmend.core.decisions.rebuild.turns import ATTACH, CONCERN, LAUNCH, RESTORE
from fleetmend.core.model import (
    Attempt,
    Decision,
    IntentState,
    Outcome,
    Record,
    Result,
    Status,
)
from fleetmend.core.rebuilding import (
    Memory,
    MemoryUnreadable,
    RebuildPolicy,
    Sighting,
    from_detail,
    to_detail,
)

__all__ = ["ATTACH", "CONCERN", "LAUNCH", "RESTORE", "begins", "decide", "learn"]

_ADDRESS_TAKEN = "InvalidIPAddress.InUse"
"""EC2 API Reference, "Error codes for the Amazon EC2 API"."""


def decide(
    subject: str,
    seen: Sighting | None,
    record: Record | None,
    policy: RebuildPolicy,
    now: datetime,
    intent_id: str,
) -> Decision:
    """What to do about one instance; arguments as in decisions/recovery."""
    at = seen.observed_at if seen else None
    undecided = incidents.undecided(at, record, policy.mode, policy.observation_lifetime, now)
    if undecided or seen is None:
        return undecided or Decision("stale", record, stale=True)
    try:
        memory = from_detail(record.detail if record else {})
    except MemoryUnreadable as error:
        return incidents.unreadable(record or Record(CONCERN, subject, Status.OPEN), error)
    case = turns.Case(subject, seen, record, memory, policy, now)
    return gone.decide(case, intent_id) if seen.is_gone else alive.decide(case, intent_id)


def learn(record: Record, outcome: Outcome, policy: RebuildPolicy, now: datetime) -> Record:
    """The record after AWS answered the one act that its intent announced.

    A launch whose private address was taken meanwhile is planned anew without it and spends
    nothing: nothing was begun, and the next one can be sent at once.
    """
    memory, action = from_detail(record.detail), record.intent.action if record.intent else ""
    soon = now + policy.transition_look
    if outcome.result in {Result.NOT_SENT, Result.GONE} and action != LAUNCH:
        return replace(record, intent=None, reason=outcome.result.value, next_look_at=soon)
    if outcome.result is Result.NOT_SENT:
        return replace(record, intent=None, reason="not-sent", next_look_at=soon)
    if outcome.code == _ADDRESS_TAKEN and not memory.crowded:
        memory = replace(memory, crowded=True, plan=None)
        record = replace(record, reason="address-taken", note=outcome.message, next_look_at=soon)
        return incidents.with_intent(replace(record, detail=to_detail(memory)), IntentState.DONE)
    attempt = Attempt(now, outcome.result, outcome.code, outcome.message)
    record = replace(record, attempts=(*record.attempts, attempt))
    match outcome.result:
        case Result.ACCEPTED:
            return _accepted(record, action, outcome, memory, policy, now)
        case Result.UNKNOWN:
            record = replace(record, reason=action, note="no answer from AWS", next_look_at=soon)
            return incidents.with_intent(record, IntentState.UNKNOWN)
        case Result.WOULD:
            note = f"{turns.DOING[action]}: would have been done; mode is observe, or a plan"
            record = replace(
                record, status=Status.REFUSED, reason="observe", note=note, next_look_at=None
            )
            return incidents.with_intent(record, IntentState.DONE)
        case _:
            record = replace(record, detail=to_detail(replace(memory, plan=None)))
            record = incidents.with_intent(record, IntentState.DONE)
            return turns.failed(record, turns.DOING[action], policy, now)


def _accepted(
    record: Record,
    action: str,
    outcome: Outcome,
    memory: Memory,
    policy: RebuildPolicy,
    now: datetime,
) -> Record:
    look = policy.transition_look
    if action == LAUNCH:
        memory, look = replace(memory, rebuilt=outcome.made), policy.verify_look
    if action == RESTORE:
        device, _, volume = outcome.made.partition("=")
        memory = replace(memory, restored={**memory.restored, device: volume})
    note = f"AWS accepted: {turns.DOING[action]}"
    record = replace(
        record, reason=action, note=note, next_look_at=now + look, detail=to_detail(memory)
    )
    return incidents.with_intent(record, IntentState.ISSUED)

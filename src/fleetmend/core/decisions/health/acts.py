"""What health may do to a group, and what is remembered of it when AWS has answered."""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.health_memory import Memory, Replacing, from_detail, to_detail
from fleetmend.core.model import Attempt, IntentState, Outcome, Record, Result

REPLACE = "replace"
SUSPEND = "suspend"
RESET = "reset"
RESUME = "resume"

_KEPT_ATTEMPTS = 20
_SOON = timedelta(seconds=15)


def learn(record: Record, outcome: Outcome, now: datetime) -> Record:
    """The record after AWS answered the one call that its intent announced."""
    memory = from_detail(record.detail)
    action = record.intent.action if record.intent else ""
    went = outcome.result in {Result.ACCEPTED, Result.UNKNOWN}
    state = IntentState.ISSUED if went else IntentState.DONE
    record = replace(record, intent=record.intent and replace(record.intent, state=state))
    if outcome.result in {Result.NOT_SENT, Result.WOULD}:
        memory = _forget_plan(memory, action)
        note = "would have been done; mode is observe" if outcome.result is Result.WOULD else ""
        return replace(record, note=note or record.note, detail=to_detail(memory))
    attempt = Attempt(now, outcome.result, outcome.code, outcome.message)
    record = replace(record, attempts=(*record.attempts, attempt)[-_KEPT_ATTEMPTS:])
    if went:
        memory = _begun(memory, action, now)
        look = now + _SOON if action in {RESET, RESUME} else None
        return replace(record, next_look_at=look, detail=to_detail(memory))
    if outcome.result in {Result.GONE, Result.CONFLICT}:  # it changed under our hands: look again
        return replace(record, next_look_at=None, detail=to_detail(_forget_plan(memory, action)))
    failed = replace(record, next_look_at=None, detail=to_detail(_forget_plan(memory, action)))
    why = f"{outcome.code} {outcome.message}".strip() or outcome.result.value
    return failed.telling(
        "failed", f"{record.subject}: {action} failed", why=why, key=f"{action}-failed"
    )


def _begun(memory: Memory, action: str, now: datetime) -> Memory:
    """The memory of an act that AWS took, or may have taken: the next look sees which."""
    if action == REPLACE:
        chosen = {memory.target: Replacing(now, memory.why)}
        return replace(memory, replacing={**memory.replacing, **chosen}, target="", why="")
    if action == RESET:
        return replace(memory, resets=memory.resets + 1)
    if action == RESUME and memory.breaker:
        return replace(memory, breaker=replace(memory.breaker, ending=True))
    return memory


def _forget_plan(memory: Memory, action: str) -> Memory:
    """The memory without what a plan that was not carried out had put there."""
    memory = replace(memory, target="", why="")
    return replace(memory, breaker=None) if action == SUSPEND else memory

"""Remediation: missing tags are filled in, owners told, and what stays wrong is stopped at last.

Off unless a rule asks for it. What is there is never overwritten, nothing is ever terminated, and
what was changed can be undone. `decide` and `learn` are pure and total, as in decisions/recovery.
"""

from dataclasses import replace
from datetime import datetime

from fleetmend.core import incidents
from fleetmend.core.budgets import due
from fleetmend.core.decisions.remediation import doing, turns, undoing
from fleetmend.core.decisions.remediation.doing import recheck
from fleetmend.core.model import (
    Attempt,
    Decision,
    IntentState,
    Outcome,
    Record,
    Result,
    Status,
)
from fleetmend.core.remediation import (
    CONCERN,
    FILL,
    RELEASE,
    STOP,
    UNDO,
    Memory,
    MemoryUnreadable,
    RemediationPolicy,
    Sighting,
    from_detail,
)
from fleetmend.core.rules import Rules

__all__ = ["CONCERN", "FILL", "RELEASE", "STOP", "UNDO", "decide", "learn", "recheck"]


def decide(
    subject: str,
    seen: Sighting | None,
    record: Record | None,
    policy: RemediationPolicy,
    now: datetime,
    intent_id: str,
    *,
    rules: Rules,
) -> Decision:
    """What to do about one instance, by these rules; arguments as in decisions/recovery."""
    at = seen.observed_at if seen else None
    undecided = incidents.undecided(at, record, policy.mode, policy.observation_lifetime, now)
    if undecided or seen is None:
        return undecided or Decision("stale", record, stale=True)
    if record is None and not seen.opens:
        return Decision("not-reported", None)
    try:
        memory = from_detail(record.detail if record else {})
    except MemoryUnreadable as error:
        return incidents.unreadable(record or Record(CONCERN, subject, Status.OPEN), error)
    if seen.is_gone or seen.instance is None:
        gone = record and incidents.closed(record, "gone", "the instance is gone")
        return Decision("gone", gone and turns.remembering(gone, Memory()))
    case = turns.Case(subject, seen, seen.instance, record, memory, rules, policy, now, intent_id)
    return undoing.decide(case) if memory.undo else doing.decide(case)


def learn(record: Record, outcome: Outcome, policy: RemediationPolicy, now: datetime) -> Record:
    """The record after AWS answered the one act that its intent announced."""
    intent, memory = record.intent, from_detail(record.detail)
    if intent is None:
        return record
    act, soon = intent.action, now + policy.transition_look
    attempt = Attempt(now, outcome.result, outcome.code, outcome.message)
    match outcome.result:
        case Result.ACCEPTED:
            record = replace(record, attempts=(*record.attempts, attempt), next_look_at=soon)
            made = (one for one in memory.changes if one.at == intent.planned_at)
            record = doing.announced(record, made)
            return incidents.with_intent(record, IntentState.ISSUED)
        case Result.UNKNOWN:
            record = replace(record, attempts=(*record.attempts, attempt), next_look_at=soon)
            record = replace(record, note="no answer from AWS")
            return incidents.with_intent(record, IntentState.UNKNOWN)
        case _:
            record = record if outcome.made else _without(record, memory, intent.planned_at)
    record = incidents.with_intent(record, IntentState.DONE)
    if outcome.result in {Result.NOT_SENT, Result.CONFLICT, Result.GONE}:
        note = outcome.message or record.note
        return replace(record, reason=outcome.result.value, note=note, next_look_at=soon)
    if outcome.result is Result.WOULD:
        note = f"{record.note}: it would have been done; mode is observe, or a plan"
        return replace(
            record, status=Status.REFUSED, reason="observe", note=note, next_look_at=None
        )
    final = act == STOP and outcome.result is Result.REFUSED and not outcome.made
    most = 1 if final else policy.max_attempts  # each try puts the hold on it, and takes it off
    left = turns.failed(record, attempt, most, _DOING[act])
    if act in {UNDO, RELEASE} and left.status is not Status.EXHAUSTED:
        return replace(left, next_look_at=due(left, policy))
    return left


_DOING = {
    FILL: "filling in tags",
    RELEASE: "taking our hold off it",
    STOP: "stopping it",
    UNDO: "undoing what was changed",
}


def _without(record: Record, memory: Memory, planned_at: datetime) -> Record:
    """What was announced and not done is no change of ours."""
    kept = tuple(one for one in memory.changes if one.at != planned_at)
    return turns.remembering(record, replace(memory, changes=kept))

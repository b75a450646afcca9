"""An instance that is down: every refusal has its reason, and what is left is started."""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.budgets import due
from fleetmend.core.decisions.recovery import debts, refusals, turns, typechange
from fleetmend.core.decisions.recovery.mass import FREE, Brake
from fleetmend.core.instance_types import CHANGE
from fleetmend.core.model import (
    Decision,
    Instance,
    Intent,
    IntentState,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)
from fleetmend.core.scope import MASS_STOP

START = turns.START


def down(
    record: Record,
    seen: Instance,
    policy: RecoveryPolicy,
    now: datetime,
    intent_id: str,
    *,
    brake: Brake = FREE,
) -> Decision:
    """`stopping` or `stopped`: every refusal has its reason, and what is left is started."""
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", typechange.told(record, seen))
    record = typechange.told(turns.opened(record, now), seen)
    refusal = refusals.refusal(record, seen, policy, now)
    if refusal:
        record = debts.told(_told(record, *refusal[:2]), seen, refusal[1])
        return turns.refused(record, *refusal)
    if brake.held:
        return turns.refused(debts.told(record, seen, brake.held), MASS_STOP, brake.held, None)
    last = record.attempts[-1] if record.attempts else None
    if last and last.act in {"", CHANGE} and last.result is Result.WOULD:
        return Decision("observe", record)
    record = replace(record, status=Status.OPEN)
    if seen.state != "stopped":
        record = replace(record, reason=seen.state, note=f"the instance is {seen.state}")
        return Decision(seen.state, turns.look(record, now, policy.transition_look))
    turn = brake.turn(record.subject)
    if turn and now < turn[1]:
        return _waits(record, *turn)
    return _stopped(record, seen, policy, now, intent_id)


def _waits(record: Record, reason: str, until: datetime) -> Decision:
    """Its turn comes: in a paced start, or when it is known whether more stops are coming."""
    why = {
        "paced": "its turn in a paced start",
        "gathering": "many stop just now; first see whether it is a mass stop",
    }
    return Decision(reason, replace(record, reason=reason, note=why[reason], next_look_at=until))


def _told(record: Record, code: str, note: str) -> Record:
    """Most who are left alone have somebody; one without its root volume has nobody."""
    if code != refusals.ROOTLESS:
        return record
    return record.telling("no-root-volume", f"{record.subject} stays down", why=note)


def _stopped(
    record: Record, seen: Instance, policy: RecoveryPolicy, now: datetime, intent_id: str
) -> Decision:
    last = record.attempts[-1] if record.attempts else None
    if last and not last.act and last.result in {Result.ACCEPTED, Result.UNKNOWN}:
        if now < last.at + policy.settle:
            return Decision("settling", turns.look(record, now, last.at + policy.settle - now))
        fallen = replace(last, result=Result.FELL_BACK, message="started, and stopped again")
        record = turns.failed(
            replace(record, attempts=(*record.attempts[:-1], fallen)), policy, now
        )
    if record.status is not Status.EXHAUSTED:
        record = turns.if_used_up(record, policy, now)
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", record)
    not_before = due(record, policy)
    if typechange.settling(record, seen, policy, now):
        return Decision("settling", turns.look(record, now, policy.transition_look))
    changed = typechange.change(
        replace(record, next_look_at=not_before), seen, policy, now, intent_id
    )
    if isinstance(changed, Decision):
        return changed
    if not_before and now < not_before:
        return Decision("too-early", changed)
    record = changed
    return start(record, policy, now, intent_id)


def start(record: Record, policy: RecoveryPolicy, now: datetime, intent_id: str) -> Decision:
    """The last step: write down that it is about to be started."""
    until = now + policy.intent_lifetime
    planned = replace(
        record,
        reason="starting",
        note=f"attempt {record.spent + 1} of {policy.max_attempts}",
        intent=Intent(intent_id, START, IntentState.PLANNED, now, until),
        next_look_at=until,
    )
    return Decision("starting", planned, act=START)

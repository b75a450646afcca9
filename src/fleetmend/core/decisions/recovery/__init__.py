"""Recovery: a stopped instance that should run is running again, or someone knows why not.

`decide` turns what was seen and what is recorded into what to do; `learn` turns what AWS said
into what is recorded. Both are pure and total, and read top-down: gates first, action last.
The rules are those of the AWS documents named beside them and of docs/recovery.md.
"""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.decisions.recovery import ailing, debts, down, gates, turns, typechange, up
from fleetmend.core.decisions.recovery.ailing import REBOOT, STOP
from fleetmend.core.decisions.recovery.down import START
from fleetmend.core.decisions.recovery.mass import FREE, Brake
from fleetmend.core.decisions.recovery.turns import CONCERN
from fleetmend.core.instance_types import CHANGE
from fleetmend.core.model import (
    Attempt,
    Decision,
    Instance,
    IntentState,
    Mode,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

__all__ = ["CHANGE", "CONCERN", "REBOOT", "START", "STOP", "decide", "learn"]


def decide(
    subject: str,
    seen: Instance | None,
    record: Record | None,
    policy: RecoveryPolicy,
    now: datetime,
    intent_id: str,
    *,
    brake: Brake = FREE,
) -> Decision:
    """What to do about one instance.

    Args:
        subject: the instance id.
        seen: what EC2 said, or None when EC2 answered and knows no such instance.
        record: what the ledger holds, or None when it holds nothing.
        policy: the settings in force.
        now: the store's time at the moment the record was read.
        intent_id: a fresh id, used only if an act is planned.
        brake: what a mass stop lets through.
    """
    if policy.mode is Mode.OFF:
        return Decision("off", record)
    if seen is not None and gates.is_stale(seen, record, policy, now):
        return Decision("stale", record, stale=True)
    if record is not None and gates.is_live(record, now):
        return Decision("in-flight", record)
    known = gates.without_expired_intent(record, seen)
    if seen is None or seen.state in gates.GONE:
        return gates.gone(subject, known, seen, policy, now)
    if not policy.selector.matches(seen.tags):
        return debts.out_of_scope(known, seen, policy)
    match seen.state:
        case "running":
            return up.running(known, seen, policy, now, intent_id, brake=brake)
        case "pending":
            return up.pending(known, policy, now)
        case _:
            known = known or Record(CONCERN, subject, Status.CLOSED)
            return down.down(known, seen, policy, now, intent_id, brake=brake)


def learn(record: Record, outcome: Outcome, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after AWS answered the act that its intent announced.

    Only an attempt that was issued is spent; capacity, throttling and conflicts started nothing
    and get a back-off of their own. `now` is the store's time after the answer.
    """
    result = outcome.result
    if result is Result.NOT_SENT:
        return replace(
            record, intent=None, reason="not-sent", next_look_at=now + policy.transition_look
        )
    if result is Result.GONE:
        return turns.closed(record, "gone", "AWS no longer knows this instance").telling(
            "gone", f"{record.subject} is gone: AWS no longer knows it"
        )
    act = turns.tried(record.intent)
    attempt = Attempt(now, result, outcome.code, outcome.message, act)
    record = replace(record, attempts=(*record.attempts, attempt))
    if act == CHANGE:
        return typechange.learn(record, attempt, policy, now)
    if act:
        return ailing.learn(record, attempt, policy, now)
    match result:
        case Result.ACCEPTED | Result.UNKNOWN:
            state = IntentState.ISSUED if result is Result.ACCEPTED else IntentState.UNKNOWN
            note = "AWS accepted the start" if result is Result.ACCEPTED else "no answer from AWS"
            look = now + (
                policy.verify_look if result is Result.ACCEPTED else policy.transition_look
            )
            return turns.with_intent(
                replace(record, reason="started", note=note, next_look_at=look), state
            )
        case Result.WOULD:
            return turns.would(record, "started")
        case _:
            return turns.failed(turns.with_intent(record, IntentState.DONE), policy, now)

"""An instance that runs with a failing status check: rebooted, then moved to another host.

What helps is what AWS says of each check (EC2 User Guide, "Status checks for your instances" and
"Reboot your instance"): an instance check is about the operating system, which a reboot may mend;
a system check or one of attached EBS volumes is about the host and its way to them, which a reboot
keeps and a stop and start leaves. Each is done once in an incident, and only where the setting
says so. EC2 mends many hosts by itself in the first minutes, so it has them.
"""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.budgets import due, waited_out
from fleetmend.core.decisions.recovery import refusals, turns
from fleetmend.core.decisions.recovery.mass import Brake
from fleetmend.core.incidents import planned
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
from fleetmend.core.scope import MASS_IMPAIRED, MASS_STOP
from fleetmend.core.times import utc

REBOOT = "reboot"
STOP = "stop"

DOING = {REBOOT: "rebooting it", STOP: "stopping it, to start it on another host"}
"""What each act is to people."""

_NEXT = {REBOOT: "It is rebooted", STOP: "It is stopped, and started on another host,"}
_DONE = {REBOOT: "rebooted", STOP: "stopped and started"}

OFF = "off"
MOVE = "move"

_HOST = {"system", "attached-ebs"}
_KNOWN = {"instance", *_HOST}


def is_ailing(seen: Instance) -> bool:
    """Whether it runs and a status check says that it is impaired."""
    return seen.state == "running" and bool(_failing(seen))


def said(seen: Instance) -> str:
    """Its status checks in words."""
    return ", ".join(sorted(f"{one.name} {one.status}" for one in seen.checks)) or "none yet"


def ailing(
    record: Record,
    seen: Instance,
    policy: RecoveryPolicy,
    now: datetime,
    intent_id: str,
    *,
    brake: Brake,
) -> Decision:
    """Running and impaired: every refusal has its reason, and what is left is mended in order."""
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", record)
    record = turns.opened(record, now, "impaired")
    refusal = refusals.refusal(record, seen, policy, now)
    if refusal:
        return turns.refused(record, *refusal)
    if brake.held:  # what is stopped now would not be started again
        return turns.refused(record, MASS_STOP, brake.held)
    if brake.outage:
        return turns.refused(record, MASS_IMPAIRED, brake.outage)
    last = record.attempts[-1] if record.attempts else None
    if last and last.act and last.result is Result.WOULD:
        return Decision("observe", record)
    record = replace(record, status=Status.OPEN)
    act, why_not = _step(record, seen, policy)
    ready = _ready(record, seen, policy, act)
    if now < ready and record.reason != "retry":
        return _waits(record, seen, ready, act, why_not)
    if not act or waited_out(record, policy, now):
        return _left(record, seen, why_not or "AWS took nothing of what was tried")
    turn = brake.turn(record.subject)
    if act == STOP and turn and now < turn[1]:  # its start would wait as long
        return turns.refused(record, turn[0], "many are started in turns, and so would it", turn[1])
    until = now + policy.intent_lifetime
    intent = Intent(intent_id, act, IntentState.PLANNED, now, until)
    return planned(record, intent, DOING[act].split()[0], f"{DOING[act]}: {said(seen)}")


def learn(record: Record, attempt: Attempt, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after AWS answered a reboot or a stop; `attempt` is in it already."""
    verify = now + policy.verify_window
    match attempt.result:
        case Result.ACCEPTED | Result.UNKNOWN:
            known = attempt.result is Result.ACCEPTED
            note = f"AWS accepted the {attempt.act}" if known else "no answer from AWS"
            state = IntentState.ISSUED if known else IntentState.UNKNOWN
            look = now + policy.transition_look if attempt.act == STOP else verify
            record = replace(record, reason="impaired", note=note, next_look_at=look)
            return turns.with_intent(record, state)
        case Result.WOULD:
            return turns.would(record, _DONE.get(attempt.act, attempt.act))
        case _:
            why = f"the {attempt.act} was not taken: {turns.cause(attempt)}"
            record = replace(record, reason=attempt.result.value, note=why, next_look_at=verify)
            record = turns.with_intent(record, IntentState.DONE)
            if attempt.result.deferred:
                return record
            return _exhausted(record, "", why)


def _failing(seen: Instance) -> set[str]:
    return {check.name for check in seen.checks if check.status == "impaired"}


def _step(record: Record, seen: Instance, policy: RecoveryPolicy) -> tuple[str, str]:
    """What is to be done next, or nothing and why."""
    failing = _failing(seen)
    if not failing <= _KNOWN:
        return "", f"what helps against {', '.join(sorted(failing - _KNOWN))} is not known"
    host = failing & _HOST
    if not host and not record.issued(REBOOT):
        return REBOOT, ""
    if policy.impaired != MOVE:
        why = "only another host would help" if host else "a reboot did not help"
        return "", f"{why}, and moving to one is switched off"
    if record.issued(STOP):
        return "", "another host did not help"
    if seen.stores:
        return "", f"a stop would lose what is on the volumes of its host ({seen.type})"
    if record.spent >= policy.max_attempts:
        return "", "its starts are used up, so it would not come back from a stop"
    return STOP, ""


def _ready(record: Record, seen: Instance, policy: RecoveryPolicy, act: str) -> datetime:
    """When the next step may be taken: EC2 had its time, and so had whatever was tried last."""
    moments = [one for one in (record.opened_at, seen.launched_at) if one]
    if record.attempts:
        moments = [record.attempts[-1].at, *moments[1:]]
    wait = policy.verify_window if record.attempts else policy.impaired_wait
    ready = max(moments, default=seen.observed_at) + wait
    start_due = due(record, policy) if act == STOP else None
    return max(ready, start_due) if start_due else ready


def _waits(record: Record, seen: Instance, ready: datetime, act: str, why_not: str) -> Decision:
    """Told once, with what comes next; looked at again when it does."""
    then = f"{_NEXT[act]} at {utc(ready)}." if act else f"Nothing: {why_not}."
    text = f"{record.subject} runs but a status check fails"
    waiting = replace(record, reason="impaired", note=f"running; status checks: {said(seen)}")
    return Decision(
        "impaired",
        replace(waiting, next_look_at=ready).telling("impaired", text, why=said(seen), done=then),
    )


def _left(record: Record, seen: Instance, why: str) -> Decision:
    """Nothing more is done: it is a person's now."""
    return Decision("exhausted", _exhausted(record, f" ({said(seen)})", why))


def _exhausted(record: Record, how: str, why: str) -> Record:
    left = replace(record, status=Status.EXHAUSTED, reason="exhausted", note=why)
    text = f"{record.subject} runs and stays impaired{how}"
    return replace(left, next_look_at=None).telling("stays-impaired", text, why=why)

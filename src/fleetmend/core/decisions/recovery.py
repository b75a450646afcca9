"""Recovery: a stopped instance that should run is running again, or someone knows why not.

`decide` turns what was seen and what is recorded into what to do; `learn` turns what AWS said
into what is recorded. Both are pure and total, and read top-down: gates first, action last.
The rules are those of the AWS documents named beside them and of docs/recovery.md.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core import holds
from fleetmend.core.budgets import deferred_run, due, used_up
from fleetmend.core.model import (
    Attempt,
    Decision,
    Instance,
    Intent,
    IntentState,
    Mode,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)

CONCERN = "recovery"
START = "start"

_GONE = {"shutting-down", "terminated"}
_DEFERRALS_BEFORE_TOLD = 3
"""Throttling for a minute and a half is news; a single one is not."""

_CLOCK_ALLOWANCE = timedelta(seconds=2)
"""LaunchTime has a resolution of one second, and EC2's clock is not S3's."""


def decide(
    subject: str,
    seen: Instance | None,
    record: Record | None,
    policy: RecoveryPolicy,
    now: datetime,
    intent_id: str,
) -> Decision:
    """What to do about one instance.

    Args:
        subject: the instance id.
        seen: what EC2 said, or None when EC2 answered and knows no such instance.
        record: what the ledger holds, or None when it holds nothing.
        policy: the settings in force.
        now: the store's time at the moment the record was read.
        intent_id: a fresh id, used only if an act is planned.
    """
    if policy.mode is Mode.OFF:
        return Decision("off", record)
    if seen is not None and _is_stale(seen, record, policy, now):
        return Decision("stale", record, stale=True)
    if record is not None and _is_live(record, now):
        return Decision("in-flight", record)
    known = _without_expired_intent(record, seen)
    if seen is None or seen.state in _GONE:
        return _gone(known, seen)
    if not policy.selector.matches(seen.tags):
        return _out_of_scope(known, policy)
    match seen.state:
        case "running":
            return _running(known, seen, policy, now)
        case "pending":
            return _pending(known, policy, now)
        case _:
            return _down(
                known or Record(CONCERN, subject, Status.CLOSED), seen, policy, now, intent_id
            )


def learn(record: Record, outcome: Outcome, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after AWS answered the start that its intent announced.

    Only an attempt that was issued is spent; capacity, throttling and conflicts started nothing
    and get a back-off of their own. `now` is the store's time after the answer.
    """
    result = outcome.result
    if result is Result.NOT_SENT:
        return replace(
            record, intent=None, reason="not-sent", next_look_at=now + policy.transition_look
        )
    if result is Result.GONE:
        return _closed(record, "gone", "AWS no longer knows this instance").telling(
            "gone", f"{record.subject} is gone: AWS no longer knows it"
        )
    attempt = Attempt(now, result, outcome.code, outcome.message)
    record = replace(record, attempts=(*record.attempts, attempt))
    match result:
        case Result.ACCEPTED | Result.UNKNOWN:
            state = IntentState.ISSUED if result is Result.ACCEPTED else IntentState.UNKNOWN
            note = "AWS accepted the start" if result is Result.ACCEPTED else "no answer from AWS"
            look = now + (
                policy.verify_look if result is Result.ACCEPTED else policy.transition_look
            )
            return _with_intent(
                replace(record, reason="started", note=note, next_look_at=look), state
            )
        case Result.WOULD:
            note = "would have been started; mode is observe, or this was a plan"
            record = replace(
                record, status=Status.REFUSED, reason="observe", note=note, next_look_at=None
            )
            return _with_intent(record, IntentState.DONE)
        case _:
            return _failed(_with_intent(record, IntentState.DONE), policy, now)


# --- gates -----------------------------------------------------------------------------------


def _is_stale(seen: Instance, record: Record | None, policy: RecoveryPolicy, now: datetime) -> bool:
    """Too old to act on, or older than the record: whoever wrote it may know better."""
    if now - seen.observed_at > policy.observation_lifetime:
        return True
    written = record.written_at if record else None
    return written is not None and seen.observed_at < written


def _is_live(record: Record, now: datetime) -> bool:
    intent = record.intent
    return intent is not None and intent.state is IntentState.PLANNED and now < intent.until


def _without_expired_intent(record: Record | None, seen: Instance | None) -> Record | None:
    """The record after a planned intent ran out: was the call sent before the crash?

    EC2 moves LaunchTime at every start, so an instance that was launched since the plan, or is
    on its way up, shows a start that was issued; anything else shows that nothing was begun,
    and nothing is spent.
    """
    if record is None or record.intent is None or record.intent.state is not IntentState.PLANNED:
        return record
    planned = record.intent.planned_at
    launched = seen.launched_at if seen else None
    began = launched is not None and launched >= planned - _CLOCK_ALLOWANCE
    if seen is not None and (began or seen.state in {"pending", "running"}):
        attempt = Attempt(
            planned, Result.UNKNOWN, "IntentExpired", "the run ended before its answer"
        )
        record = replace(record, attempts=(*record.attempts, attempt))
        return _with_intent(record, IntentState.UNKNOWN)
    return replace(record, intent=None)


def _gone(record: Record | None, seen: Instance | None) -> Decision:
    what = "terminated" if seen else "gone"
    if record is None or record.status in {Status.CLOSED, Status.REFUSED}:
        return Decision(what, record and _closed(record, what, record.note))
    note = f"the instance is {seen.state}" if seen else "AWS no longer knows this instance"
    closed = _closed(record, what, note)
    return Decision(what, closed.telling(what, f"{record.subject} cannot be recovered: {note}"))


def _out_of_scope(record: Record | None, policy: RecoveryPolicy) -> Decision:
    selector = policy.selector
    if record is None or record.status is Status.CLOSED:
        return Decision("out-of-scope", record)
    note = f"it no longer carries {selector.key}={selector.value}"
    return Decision("out-of-scope", _closed(record, "out-of-scope", note))


# --- up --------------------------------------------------------------------------------------


def _running(
    record: Record | None, seen: Instance, policy: RecoveryPolicy, now: datetime
) -> Decision:
    """Started is not recovered: every status check that AWS reports must be ok.

    `not-applicable` is EC2's word for a check that does not exist for this instance. No check
    reported yet is doubt (EC2 DescribeInstanceStatus fills in after the boot).
    """
    if record is None or record.status is Status.CLOSED:
        return Decision("running", record)
    if record.status is Status.REFUSED:
        return Decision("running", _closed(record, "running", "it runs again, not by our doing"))
    verdicts = {check.name: check.status for check in seen.checks}
    said = ", ".join(f"{name} {status}" for name, status in sorted(verdicts.items())) or "none yet"
    if verdicts and set(verdicts.values()) <= {"ok", "not-applicable"}:
        return _recovered(record, said)
    record = replace(record, reason="verifying", note=f"running; status checks: {said}")
    since = record.attempts[-1].at if record.attempts else record.opened_at or now
    if "impaired" in verdicts.values():
        record = record.telling(
            "impaired",
            f"{record.subject} runs but a status check fails ({said}); look at its system log",
        )
    elif now - since > policy.verify_window:
        record = record.telling(
            "unverified", f"{record.subject} runs but its status checks do not say ok: {said}"
        )
    return Decision("verifying", _look(record, now, policy.verify_look))


def _recovered(record: Record, said: str) -> Decision:
    if not record.spent and not record.alerts:
        closed = _closed(record, "running", "it came back by itself, or somebody started it")
        return Decision("running", closed)
    tries = f"{record.spent} attempt{'' if record.spent == 1 else 's'}"
    closed = _closed(record, "recovered", f"running, every status check is ok ({said})")
    return Decision(
        "recovered",
        closed.telling("recovered", f"{record.subject} runs again after {tries}: {said}"),
    )


def _pending(record: Record | None, policy: RecoveryPolicy, now: datetime) -> Decision:
    if record is None or record.status in {Status.CLOSED, Status.REFUSED}:
        return Decision("pending", record)
    return Decision(
        "pending", _look(replace(record, reason="pending"), now, policy.transition_look)
    )


# --- down ------------------------------------------------------------------------------------


def _down(
    record: Record, seen: Instance, policy: RecoveryPolicy, now: datetime, intent_id: str
) -> Decision:
    """`stopping` or `stopped`: every refusal has its reason, and what is left is started."""
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", record)
    record = _opened(record, now)
    refusal = _refusal(record, seen, now)
    if refusal:
        return _refused(record, *refusal)
    if record.attempts and record.attempts[-1].result is Result.WOULD:
        return Decision("observe", record)
    record = replace(record, status=Status.OPEN)
    if seen.state != "stopped":
        record = replace(record, reason=seen.state, note=f"the instance is {seen.state}")
        return Decision(seen.state, _look(record, now, policy.transition_look))
    return _stopped(record, policy, now, intent_id)


def _refusal(
    record: Record, seen: Instance, now: datetime
) -> tuple[str, str, datetime | None] | None:
    """Why a stopped instance in scope is left alone: code, sentence, and when to look again.

    Spot: a stopped spot instance is EC2's to start (EC2 User Guide, "Spot Instance
    interruptions"). In a group: Auto Scaling replaces what stops (docs/recovery.md).
    """
    hold = holds.in_force(seen.tags, record.hold, now)
    if hold:
        return (
            "held",
            f"held until {hold.until:%Y-%m-%dT%H:%M:%SZ} by {hold.by}: {hold.reason}",
            hold.until,
        )
    if seen.group:
        return (
            "in-group",
            f"it belongs to the Auto Scaling group {seen.group}, which replaces it",
            None,
        )
    if seen.lifecycle != "normal":
        return seen.lifecycle, f"a {seen.lifecycle} instance is started by EC2, not by us", None
    return None


def _refused(record: Record, code: str, note: str, look: datetime | None) -> Decision:
    refused = replace(
        record, status=Status.REFUSED, reason=code, note=note, next_look_at=look, intent=None
    )
    return Decision(code, refused)


def _stopped(record: Record, policy: RecoveryPolicy, now: datetime, intent_id: str) -> Decision:
    last = record.attempts[-1] if record.attempts else None
    if last and last.result in {Result.ACCEPTED, Result.UNKNOWN}:
        if now < last.at + policy.settle:
            return Decision("settling", _look(record, now, last.at + policy.settle - now))
        fallen = replace(last, result=Result.FELL_BACK, message="started, and stopped again")
        record = _failed(replace(record, attempts=(*record.attempts[:-1], fallen)), policy, now)
    if record.status is not Status.EXHAUSTED:
        record = _if_used_up(record, policy, now)
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", record)
    not_before = due(record, policy)
    if not_before and now < not_before:
        waiting = replace(record, next_look_at=not_before)
        return Decision("too-early", waiting)
    return _start(record, policy, now, intent_id)


def _start(record: Record, policy: RecoveryPolicy, now: datetime, intent_id: str) -> Decision:
    until = now + policy.intent_lifetime
    planned = replace(
        record,
        reason="starting",
        note=f"attempt {record.spent + 1} of {policy.max_attempts}",
        intent=Intent(intent_id, START, IntentState.PLANNED, now, until),
        next_look_at=until,
    )
    return Decision("starting", planned, act=START)


# --- the record's turns ----------------------------------------------------------------------


def _opened(record: Record, now: datetime) -> Record:
    """The incident this trouble belongs to: the one under way, or a new one after a closed one."""
    if record.status is not Status.CLOSED:
        return record
    return replace(
        record,
        status=Status.OPEN,
        reason="stopped",
        note="",
        opened_at=now,
        intent=None,
        attempts=(),
        next_look_at=None,
        alerts=record.owed,
        hold=record.hold if record.hold and now < record.hold.until else None,
    )


def _closed(record: Record, reason: str, note: str) -> Record:
    if record.status is Status.CLOSED:
        return record
    intent = record.intent and replace(record.intent, state=IntentState.DONE)
    return replace(
        record, status=Status.CLOSED, reason=reason, note=note, intent=intent, next_look_at=None
    )


def _look(record: Record, now: datetime, after: timedelta) -> Record:
    """Look again after this long; a look already set for sooner stays, and costs no write."""
    if record.next_look_at and now < record.next_look_at <= now + after:
        return record
    return replace(record, next_look_at=now + after)


def _with_intent(record: Record, state: IntentState) -> Record:
    return replace(record, intent=record.intent and replace(record.intent, state=state))


def _failed(record: Record, policy: RecoveryPolicy, now: datetime) -> Record:
    """The record after an attempt came to nothing: used up, or told and waiting for its time."""
    record = _if_used_up(record, policy, now)
    if record.status is Status.EXHAUSTED:
        return record
    last = record.attempts[-1]
    why = _why(last)
    record = replace(record, reason=last.result.value, note=why, next_look_at=due(record, policy))
    then = f"next try {record.next_look_at:%H:%M:%S} UTC: {why}"
    if last.result is Result.CAPACITY:
        return record.telling("capacity", f"{record.subject} waits for capacity, {then}")
    if last.result.deferred:
        enough = len(deferred_run(record)) >= _DEFERRALS_BEFORE_TOLD
        return record.telling("deferred", f"{record.subject} is down, {then}") if enough else record
    number = f"attempt {record.spent} of {policy.max_attempts}"
    text = f"{number} to start {record.subject} failed, {then}"
    return record.telling("attempt-failed", text, key=f"attempt-{record.spent}-failed")


def _if_used_up(record: Record, policy: RecoveryPolicy, now: datetime) -> Record:
    """Exhausted when the attempts or the window for capacity are used up; else unchanged."""
    note = used_up(record, policy, now)
    if not note:
        return record
    text = f"{record.subject} stays down: {note}; last: {_why(record.attempts[-1])}."
    exhausted = replace(
        record, status=Status.EXHAUSTED, reason="exhausted", note=note, next_look_at=None
    )
    return exhausted.telling("exhausted", f"{text} Mend it, then: fleetmend retry {record.subject}")


def _why(attempt: Attempt) -> str:
    return f"{attempt.code} {attempt.message}".strip() or attempt.result.value

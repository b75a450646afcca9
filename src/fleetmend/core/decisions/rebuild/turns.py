"""The turns that a record of rebuild takes, and what a decision has at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fleetmend.core import holds, incidents
from fleetmend.core.budgets import due, used_up
from fleetmend.core.kinds import AlertKind
from fleetmend.core.model import (
    Attempt,
    Decision,
    Intent,
    IntentState,
    Record,
    Result,
    Status,
)
from fleetmend.core.rebuilding import Memory, RebuildPolicy, Sighting, to_detail

CONCERN = "rebuild"
LAUNCH = "launch"
ATTACH = "attach"
RESTORE = "restore"

DOING = {
    LAUNCH: "rebuilding it",
    ATTACH: "attaching what is missing",
    RESTORE: "restoring a volume from its snapshot",
}
"""What each act is to people."""


@dataclass(frozen=True, slots=True)
class Case:
    """One subject on its way to a decision."""

    subject: str
    seen: Sighting
    found: Record | None
    memory: Memory
    policy: RebuildPolicy
    now: datetime

    @property
    def record(self) -> Record:
        """What is recorded, or what stands where nothing is."""
        return self.found or Record(CONCERN, self.subject, Status.CLOSED)

    @property
    def name(self) -> str:
        """How people know it: its id, with its name where it has one."""
        kept = self.memory.blueprint or self.seen.shape
        called = kept.tags.get("Name") if kept else ""
        return f"{self.subject} ({called})" if called else self.subject


def remembering(record: Record, memory: Memory) -> Record:
    """The record with this memory."""
    return replace(record, detail=to_detail(memory))


def concluded(record: Record, *, issued: bool) -> Record:
    """The record after a planned intent ran out; `issued` says that its call shows in AWS."""
    if record.intent is None or record.intent.state is not IntentState.PLANNED:
        return record
    if not issued:
        return replace(record, intent=None)
    attempt = Attempt(
        record.intent.planned_at, Result.UNKNOWN, "IntentExpired", "the run ended before its answer"
    )
    record = replace(record, attempts=(*record.attempts, attempt))
    return incidents.with_intent(record, IntentState.UNKNOWN)


def plan(record: Record, act: str, case: Case, intent_id: str) -> Decision:
    """Write down what is about to be done."""
    until = case.now + case.policy.intent_lifetime
    intent = Intent(intent_id, act, IntentState.PLANNED, case.now, until)
    number = f"attempt {record.spent + 1} of {case.policy.max_attempts}"
    return incidents.planned(record, intent, act, f"{DOING[act]}, {number}")


def held(record: Record, case: Case, tags: Mapping[str, str]) -> Decision | None:
    """Nothing is made while somebody holds it, or in a recurring window; looked at afterwards.

    A person's word may stand in recovery's record as well; `tags` are those of the instance that
    something would be done to.
    """
    windows = case.policy.hold_windows
    found = (
        holds.in_force(tags, said, case.now, windows) for said in (record.hold, case.seen.hold)
    )
    hold = max(filter(None, found), key=lambda one: one.until, default=None)
    if hold is None:
        return None
    left = replace(record, reason="held", note=holds.sentence(hold), next_look_at=hold.until)
    return Decision("held", left)


def waits(record: Record, doing: str, case: Case) -> Decision | None:
    """Why nothing may be tried now: used up, or too early after what failed; None if it may."""
    if record.attempts and record.attempts[-1].result is Result.WOULD:
        return Decision("observe", record)
    record = if_used_up(record, doing, case.policy, case.now)
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", record)
    last = record.attempts[-1].result if record.attempts else None
    not_before = due(record, case.policy) if last is not Result.ACCEPTED else None
    if not_before and case.now < not_before:
        return Decision("too-early", replace(record, next_look_at=not_before))
    return None


def failed(record: Record, doing: str, policy: RebuildPolicy, now: datetime) -> Record:
    """The record after an attempt came to nothing: used up, or told and waiting for its time."""
    record = if_used_up(record, doing, policy, now)
    if record.status is Status.EXHAUSTED:
        return record
    last = record.attempts[-1]
    why = incidents.cause(last)
    record = replace(record, reason=last.result.value, note=why, next_look_at=due(record, policy))
    then = incidents.next_try(record)
    if last.result is Result.CAPACITY:
        free = f"{then}; nothing was launched, and no attempt is spent."
        text = f"{record.subject}: {doing} waits for capacity"
        return record.telling("capacity", text, why=why, done=free)
    if last.result.deferred:
        return record
    text, key = f"{record.subject}: {doing} failed", f"attempt-{record.spent}-failed"
    return record.telling("attempt-failed", text, why=why, done=f"{then}.", key=key)


def if_used_up(record: Record, doing: str, policy: RebuildPolicy, now: datetime) -> Record:
    """Exhausted when the attempts or the window for capacity are used up; else unchanged."""
    note = used_up(record, policy, now)
    if not note or record.status is Status.EXHAUSTED:
        return record
    text = f"{record.subject}: {doing} is given up, {note}"
    return exhausted(record, "exhausted", note, text, why=incidents.cause(record.attempts[-1]))


def exhausted(record: Record, reason: AlertKind, note: str, text: str, *, why: str) -> Record:
    """Nothing more is done by itself; a person may ask for it."""
    left = replace(record, status=Status.EXHAUSTED, reason=reason, note=note, next_look_at=None)
    return left.telling(reason, text, why=why)

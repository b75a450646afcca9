"""The turns that a record of remediation takes, and what a decision has at hand."""

from dataclasses import dataclass, replace
from datetime import datetime

from fleetmend.core import holds, incidents, ownership
from fleetmend.core.model import (
    GROUP_TAG,
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
from fleetmend.core.remediation import (
    CONCERN,
    Memory,
    RemediationPolicy,
    Sighting,
    to_detail,
    without_ours,
)
from fleetmend.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Case:
    """One instance on its way to a decision."""

    subject: str
    seen: Sighting
    instance: Instance
    found: Record | None
    memory: Memory
    rules: Rules
    policy: RemediationPolicy
    now: datetime
    intent_id: str

    @property
    def record(self) -> Record:
        """What is recorded, or what stands where nothing is."""
        return self.found or Record(CONCERN, self.subject, Status.CLOSED)

    @property
    def name(self) -> str:
        """How people know it: its id, with its name where it has one."""
        called = self.instance.tags.get("Name")
        return f"{self.subject} ({called})" if called else self.subject

    def shows_by(self, act: str) -> datetime | None:
        """When the last change of this kind must show in EC2's answers; None if it is past."""
        latest = max((one.at for one in self.memory.changes if one.act == act), default=None)
        by = latest and latest + self.policy.settle
        return by if by and self.now < by else None


def remembering(record: Record, memory: Memory) -> Record:
    """The record with this memory."""
    return replace(record, detail=to_detail(memory))


def plan(record: Record, act: str, note: str, case: Case) -> Decision:
    """Write down what is about to be done."""
    until = case.now + case.policy.intent_lifetime
    intent = Intent(case.intent_id, act, IntentState.PLANNED, case.now, until)
    return incidents.planned(record, intent, act, note)


def waits(
    record: Record,
    reason: str,
    note: str,
    then: datetime | None = None,
    sent: Intent | None = None,
) -> Decision:
    """Still open, and looked at again then; None leaves that to the next run."""
    kept = replace(
        record, status=Status.OPEN, reason=reason, note=note, next_look_at=then, intent=sent
    )
    return Decision(reason, kept)


def tried(record: Record) -> int:
    """How many tries in a row came to nothing, of those that were sent."""
    failed = 0
    for attempt in reversed(record.attempts):
        if attempt.result is Result.ACCEPTED:
            break
        failed += attempt.result.spends
    return failed


def refusal(
    instance: Instance, memory: Memory, seen: Sighting, record: Record, case: Case
) -> tuple[str, str, datetime | None] | None:
    """Why nothing at all is changed: code, sentence, and when to look again.

    A group is none of these: its members may be given tags. Whose tags belong to somebody else
    gets none from us, and a quarantine is evidence, tags included.
    """
    tags, policy = without_ours(instance.tags, memory), case.policy
    for recorded in (record.hold, seen.hold):
        hold = holds.in_force(tags, recorded, case.now, policy.hold_windows)
        if hold:
            until = f"{hold.until:%Y-%m-%dT%H:%M:%SZ}"
            return "held", f"held until {until} by {hold.by}: {hold.reason}", hold.until
    owner = other_owner(instance, policy)
    return (owner.code, owner.sentence, None) if owner else None


def other_owner(instance: Instance, policy: RecoveryPolicy) -> ownership.Owner | None:
    """Who else looks after it, its group left out."""
    kept = {key: value for key, value in instance.tags.items() if key != GROUP_TAG}
    return ownership.owner(replace(instance, tags=kept), policy)


def stop_refusal(instance: Instance) -> tuple[str, str] | None:
    """Why an instance whose grace is over is not stopped, though it may be given tags."""
    if instance.group:
        return "in-group", f"it belongs to the group {instance.group}, which would replace it"
    if instance.lifecycle != "normal":
        return instance.lifecycle, f"a {instance.lifecycle} instance is EC2's to stop and start"
    if instance.state != "running":
        return "not-running", f"it is {instance.state} already, by somebody else's hand"
    return None


def failed(record: Record, attempt: Attempt, most: int, doing: str) -> Record:
    """The record after a try came to nothing: left to the next run, or given up after `most`."""
    record = replace(record, attempts=(*record.attempts, attempt))
    why = incidents.cause(attempt)
    if tried(record) < most:
        kept = replace(record, reason=attempt.result.value, note=why, next_look_at=None)
        if attempt.result.deferred:
            return kept
        key = f"attempt-{len(record.attempts)}-failed"
        return kept.telling("attempt-failed", f"{record.subject}: {doing} failed", why=why, key=key)
    left = replace(record, status=Status.EXHAUSTED, reason="exhausted", note=why, next_look_at=None)
    return left.telling("exhausted", f"{record.subject}: {doing} is given up", why=why)

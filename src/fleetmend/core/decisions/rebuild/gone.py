"""An instance that is terminated: rebuilt where that is asked for, and left where it was meant."""

from dataclasses import replace
from datetime import datetime

from fleetmend.core import holds, incidents
from fleetmend.core.blueprint import Blueprint, unequal
from fleetmend.core.decisions.rebuild import turns
from fleetmend.core.decisions.rebuild.alive import is_healthy, not_cared_for
from fleetmend.core.decisions.rebuild.turns import ATTACH, DOING, LAUNCH, Case
from fleetmend.core.model import Decision, Record, Result, Status
from fleetmend.core.rebuilding import (
    Copy,
    Memory,
    Plan,
    attachable,
    current,
    is_ours,
    lacking,
)

_FINAL = frozenset({"rebuilt", "expired"})


def decide(case: Case, intent_id: str) -> Decision:
    """Gates first: what was meant stays gone, and what is in doubt is asked about."""
    kept, record = case.memory.blueprint, case.record
    if kept is None and record.status is Status.OPEN:
        return _unknown(case)
    if kept is None or record.status is Status.REFUSED or _is_final(record):
        return Decision(record.reason or "unknown", case.found)
    if record.status is Status.EXHAUSTED:
        return _left(case)
    asked = case.memory.asked or record.reason == "retry"
    case = replace(case, memory=replace(case.memory, asked=asked, ended=True))
    made = current(case.memory, case.seen)
    record = incidents.opened(record, "terminated", case.now)
    launched = record.intent is not None and record.intent.action == LAUNCH and made is not None
    record = turns.remembering(turns.concluded(record, issued=launched), case.memory)
    if made or case.memory.rebuilt:
        return _rebuilding(case, record, kept, made, intent_id)
    refusal = _meant(case, record)
    if refusal:
        return incidents.refused(record, *refusal)
    doubt = "" if asked else _doubt(case)
    if doubt:
        text = f"{case.name} was terminated and is not rebuilt"
        return Decision("unsure", turns.exhausted(record, "unsure", doubt, text, why=doubt))
    return _launch(case, record, kept, intent_id)


def _unknown(case: Case) -> Decision:
    """A person asked for it, and nobody knows what it was like: its record was unreadable."""
    why = "no blueprint of it is kept"
    left = incidents.closed(case.record, "no-blueprint", why)
    told = left.telling("gone", f"{case.name} is gone and cannot be rebuilt", why=why)
    return Decision("no-blueprint", told)


def begins(record: Record | None, memory: Memory) -> bool:
    """Whether what has this record, and is gone, has only just been found to be gone."""
    if record is None or _is_final(record) or memory.plan or memory.rebuilt:
        return False
    return record.status in {Status.CLOSED, Status.OPEN} and record.reason != "retry"


def _is_final(record: Record) -> bool:
    return record.status is Status.CLOSED and record.reason in _FINAL


def _left(case: Case) -> Decision:
    """Given up, or in doubt: a person may still ask for it, for a while."""
    since = case.record.opened_at
    if since is None or case.now - since <= case.policy.offer_window:
        return Decision("exhausted", case.found)
    note = f"nobody asked for it within {case.policy.offer_window}"
    return Decision("expired", incidents.closed(case.record, "expired", note))


def _meant(case: Case, record: Record) -> tuple[str, str] | None:
    """Why it stays gone: code and sentence.

    What EC2 still shows of a terminated instance has its last tags, until they fade.
    """
    instance, tags = case.seen.instance, case.memory.blueprint and case.memory.blueprint.tags
    shown = instance.tags if instance and instance.tags else tags or {}
    found = [holds.in_force(shown, hold, case.now) for hold in (record.hold, case.seen.hold)]
    hold = next((one for one in found if one), None)
    if hold:
        return "held", f"terminated while held by {hold.by}: {hold.reason}"
    if instance and instance.tags:
        other = not_cared_for(instance, case)
        if other:
            return other
    if case.policy.terminated != "rebuild":
        return "not-asked", "the setting `terminated` says alert"
    return None


def _doubt(case: Case) -> str:
    """Why nobody can know whether it was meant, or nothing."""
    instance, most = case.seen.instance, case.policy.most_at_once
    if instance is None:
        return "EC2 knows it no more, so nobody can tell whether it still asked for it at the end"
    if not instance.tags:
        return "EC2 shows its tags no more, so nobody can tell whether it still asked for it"
    if case.seen.fellows > most:
        return f"{case.seen.fellows} were terminated together, which looks meant"
    return ""


def _launch(case: Case, record: Record, kept: Blueprint, intent_id: str) -> Decision:
    state = case.seen.instance.state if case.seen.instance else "terminated"
    if state != "terminated":
        # Its address, and the volumes that outlive it, are free only at the end.
        record = replace(record, reason=state, note=f"the instance is {state}")
        return Decision(state, incidents.look(record, case.now, case.policy.transition_look))
    quiet = (record.opened_at or case.now) + case.policy.settle
    if case.now < quiet and not case.memory.asked:
        # Its fellows may still be on their way: many together look meant.
        record = replace(record, reason="settling", note="waits for others that went with it")
        return Decision("settling", replace(record, next_look_at=quiet))
    waiting = turns.held(record, case, {}) or turns.waits(record, DOING[LAUNCH], case)
    if waiting:
        return waiting
    plan = case.memory.plan or _plan(case, kept)
    record = turns.remembering(record, replace(case.memory, plan=plan))
    return turns.plan(record, LAUNCH, case, intent_id)


def _plan(case: Case, kept: Blueprint) -> Plan:
    newest = case.seen.image if case.policy.source == "newest" else ""
    snapshots = {
        disk.device: case.seen.snapshots[disk.volume]
        for disk in kept.disks
        if disk.ends and disk.device != kept.root and disk.volume in case.seen.snapshots
    }
    private = bool(kept.private_address) and not case.memory.crowded
    # An image of the instance brings all its volumes; snapshots are for the launch image.
    return Plan(newest or kept.image, {} if newest else snapshots, private)


# --- once it is launched ---------------------------------------------------------------------


def _rebuilding(
    case: Case, record: Record, kept: Blueprint, made: Copy | None, intent_id: str
) -> Decision:
    """A launch is done when the new instance is healthy and has what the old one left behind."""
    memory, policy, now = case.memory, case.policy, case.now
    since = record.attempts[-1].at if record.attempts else record.opened_at or now
    if made is None:
        return _vanished(case, record, since)
    if made.instance.id != memory.rebuilt:
        memory = replace(memory, rebuilt=made.instance.id)
        case = replace(case, memory=memory)
        record = turns.remembering(record, memory)
    record = _twice(case, record)
    if not is_healthy(made.instance):
        return _verifying(case, record, made, since)
    free = attachable(memory, case.seen, made.shape)
    short = lacking(memory, made.shape)
    waiting = [piece for piece in short if piece.id in case.seen.pieces and piece not in free]
    held = turns.held(record, case, made.instance.tags) if free else None
    if held:
        return held
    if free and turns.waits(record, DOING[ATTACH], case) is None:
        return turns.plan(record, ATTACH, case, intent_id)
    if (free and record.spent < policy.max_attempts) or (
        waiting and now - since <= policy.verify_window
    ):
        return Decision("attaching", incidents.look(record, now, policy.verify_look))
    return _rebuilt(case, record, kept, made)


def _vanished(case: Case, record: Record, since: datetime) -> Decision:
    """It was launched and is not seen: not yet, or it was terminated again."""
    dead = any(copy.instance.id == case.memory.rebuilt for copy in case.seen.copies)
    if not dead and case.now - since <= case.policy.verify_window:
        return Decision("launched", incidents.look(record, case.now, case.policy.transition_look))
    made = case.memory.rebuilt
    memory = replace(case.memory, launch=case.memory.launch + 1, rebuilt="", plan=None)
    last = record.attempts[-1] if record.attempts else None
    if last:
        message = f"{made} was launched, and terminated again"
        fallen = replace(last, result=Result.FELL_BACK, code="", message=message)
        record = replace(record, attempts=(*record.attempts[:-1], fallen))
        record = turns.failed(record, DOING[LAUNCH], case.policy, case.now)
    look = incidents.look(record, case.now, case.policy.transition_look)
    record = record if record.status is Status.EXHAUSTED else look
    return Decision("fell-back", turns.remembering(record, memory))


def _twice(case: Case, record: Record) -> Record:
    """Tell of a second instance of the same rebuild: it can only come of a frozen run."""
    others = sorted(
        copy.instance.id
        for copy in case.seen.copies
        if is_ours(case.seen.id, copy)
        and copy.instance.state in {"pending", "running"}
        and copy.instance.id != case.memory.rebuilt
    )
    if not others:
        return record
    text = f"{case.name} was rebuilt twice: {case.memory.rebuilt}, and {', '.join(others)}"
    return record.telling("twice", text, why="a run was frozen for longer than it may take")


def _verifying(case: Case, record: Record, made: Copy, since: datetime) -> Decision:
    checks = made.instance.checks
    said = ", ".join(f"{check.name} {check.status}" for check in checks) or "no status checks yet"
    record = replace(
        record, reason="verifying", note=f"{made.instance.id} is {made.instance.state}"
    )
    late = case.now - since > case.policy.verify_window
    if late or any(check.status == "impaired" for check in checks):
        text = f"{case.name} was rebuilt as {made.instance.id}, which is {made.instance.state}"
        record = record.telling("unverified", f"{text} and not healthy", why=said)
    return Decision("verifying", incidents.look(record, case.now, case.policy.verify_look))


def _rebuilt(case: Case, record: Record, kept: Blueprint, made: Copy) -> Decision:
    differs = unequal(kept, made.shape)
    remarks = [f"{name} was {was!s}, is {now!s}" for name, (was, now) in differs.items()]
    remarks += [f"{piece} could not be attached" for piece in lacking(case.memory, made.shape)]
    remarks += [f"the volume at {device} is empty" for device in _empty(case, kept)]
    if kept.redacted > 0:
        remarks.append(f"{kept.redacted} secrets of its user data were redacted: put them in")
    if kept.redacted < 0:
        remarks.append("its user data was no text and was not kept")
    said = "; ".join(remarks) if remarks else "all as its blueprint says"
    text = f"{case.name} was terminated and is rebuilt as {made.instance.id}, healthy: {said}"
    note = f"as {made.instance.id}: {said}"
    closed = incidents.closed(record, "rebuilt", note).telling("rebuilt", text)
    return Decision("rebuilt", closed)


def _empty(case: Case, kept: Blueprint) -> list[str]:
    """Devices whose volume was made new: neither an image of the instance nor a snapshot had it."""
    plan = case.memory.plan
    if plan is None or plan.image != kept.image:
        return []
    return [
        disk.device
        for disk in kept.disks
        if disk.ends and disk.device != kept.root and disk.device not in plan.snapshots
    ]

"""What a person asked to take back: tags whose value is still ours, and stops whose hold is."""

from dataclasses import replace

from fleetmend.core import holds, incidents
from fleetmend.core.decisions.remediation import turns
from fleetmend.core.decisions.remediation.turns import Case
from fleetmend.core.model import Decision, Hold, IntentState, Record, Status
from fleetmend.core.remediation import CONCERN, STOP, UNDO, Undo


def decide(case: Case) -> Decision:
    """See the package. It is not bounded: a person asked, and named what they mean."""
    undo = case.memory.undo or Undo("", "")
    meant = [one for one in case.memory.changes if undo.means(one)]
    record = replace(case.record, status=Status.OPEN)
    if not meant:
        return _nothing(case, undo)
    if case.record.status is Status.EXHAUSTED:
        return Decision("exhausted", case.record)
    standing = [one for one in case.memory.ours(case.instance.tags) if undo.means(one)]
    if not standing:
        return _undone(case, record, undo)
    soon = case.now + case.policy.transition_look
    sent = case.record.intent
    shows = sent is not None and sent.action == UNDO and sent.state is IntentState.ISSUED
    if shows and sent and case.now - sent.planned_at < case.policy.settle:
        return turns.waits(record, "undoing", "waiting for EC2 to show it", soon, sent)
    if any(one.act == STOP for one in standing) and case.instance.state == "stopping":
        return turns.waits(record, "undoing", "it is still stopping", soon)
    listed = ", ".join("the stop" if one.act == STOP else one.key for one in standing)
    return turns.plan(record, UNDO, f"taking back {listed}, as {undo.by} asked", case)


def _nothing(case: Case, undo: Undo) -> Decision:
    what = f"the run {undo.run}" if undo.run else CONCERN
    kept = turns.remembering(case.record, replace(case.memory, undo=None))
    note = f"nothing of it was changed by {what}"
    return Decision("nothing-to-undo", replace(kept, reason="nothing-to-undo", note=note))


def _undone(case: Case, record: Record, undo: Undo) -> Decision:
    """All is taken back that was still ours; it is left alone until a person lets go of it."""
    rest = tuple(one for one in case.memory.changes if not undo.means(one))
    release = f"fleetmend release {case.subject} --concern {CONCERN}"
    reason = f"undone; to let remediation change it again: {release}"
    kept = replace(case.memory, changes=rest, notices={}, stopped_at=None, undo=None)
    record = turns.remembering(record, kept)
    record = replace(record, hold=Hold(holds.FOREVER, undo.by, reason))
    text = f"{case.name}: what was changed is taken back. {reason}"
    record = record.telling("undone", text, key=f"undone-{case.now:%Y%m%dT%H%M%S}")
    return Decision("undone", incidents.closed(record, "undone", f"undone by {undo.by}"))

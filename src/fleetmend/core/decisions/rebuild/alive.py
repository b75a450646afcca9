"""An instance that is there: its blueprint is kept; what drifted from it is put back or told."""

from dataclasses import replace

from fleetmend.core import holds, incidents, ownership
from fleetmend.core.blueprint import Blueprint
from fleetmend.core.decisions.rebuild import turns
from fleetmend.core.decisions.rebuild.turns import ATTACH, DOING, RESTORE, Case
from fleetmend.core.model import Decision, Instance, Record, Status
from fleetmend.core.rebuilding import Memory, attachable, lacking, restorable

MANAGED = ("ManagedBy", "fleetmend")
"""The tag of what the installation itself made (components/tagging.py): its engine makes that
again and takes it away; a rebuild would resurrect what `fleetmend down` removed."""


def decide(case: Case, intent_id: str) -> Decision:
    """Keep the blueprint of what is healthy and whole; take care of what is not whole."""
    instance, shape = case.seen.instance, case.seen.shape
    if instance is None or shape is None:
        return Decision("unknown", case.found)
    other = not_cared_for(instance, case)
    if other:
        return _let_go(case, *other)
    if case.memory.blueprint and lacking(case.memory, shape):
        return _drifted(case, instance, shape, intent_id)
    if not is_healthy(instance):
        return Decision("unhealthy", _watched(case))
    return _keep(case, shape, "kept")


def not_cared_for(instance: Instance, case: Case) -> tuple[str, str] | None:
    """Why no blueprint is kept of it: code and sentence."""
    selector = case.policy.selector
    if not selector.matches(instance.tags):
        return "out-of-scope", f"it does not carry {selector.key}={selector.value}"
    owner = ownership.owner(instance, case.policy)
    if owner:
        return owner.code, owner.sentence
    if instance.lifecycle != "normal":
        return instance.lifecycle, f"a {instance.lifecycle} instance comes and goes with its offer"
    if instance.tags.get(MANAGED[0]) == MANAGED[1]:
        return "managed", "the installation made it, and its engine makes it again"
    return None


def is_healthy(instance: Instance) -> bool:
    """Running, and every status check that AWS reports says ok; none reported is doubt."""
    verdicts = {check.status for check in instance.checks}
    return instance.state == "running" and bool(verdicts) and verdicts <= {"ok", "not-applicable"}


def _let_go(case: Case, code: str, note: str) -> Decision:
    """Forget its blueprint: whatever becomes of it is not ours."""
    if case.memory.blueprint is None and case.record.status is Status.CLOSED:
        return Decision(code, case.found)
    left = incidents.closed(case.record, code, note)
    return Decision(code, replace(left, reason=code, note=note, detail={}))


def _keep(case: Case, shape: Blueprint, reason: str) -> Decision:
    """The blueprint as it stands now; an unchanged one costs no write."""
    record, over = case.record, case.record.status is not Status.CLOSED
    if not over and case.memory == Memory(blueprint=shape):
        return Decision(reason, case.found)
    record = turns.concluded(record, issued=False)
    record = incidents.closed(record, reason, "")
    if over and any(alert.kind == "drifted" for alert in record.alerts) and reason == "kept":
        record = record.telling("mended", f"{case.name} has again all that it had")
    record = replace(record, reason=reason, note="", next_look_at=None)
    return Decision(reason, turns.remembering(record, Memory(blueprint=shape)))


def _watched(case: Case) -> Record | None:
    """Nothing is kept of what is ill; an incident that is open goes on when it is well."""
    if case.record.status is not Status.OPEN:
        return case.found
    return incidents.look(case.record, case.now, case.policy.verify_look)


def _drifted(case: Case, instance: Instance, shape: Blueprint, intent_id: str) -> Decision:
    """Something that hung on it hangs there no more."""
    if case.record.status is Status.EXHAUSTED and not _is_over(case):
        return Decision("exhausted", case.found)
    if holds.in_force(instance.tags, case.record.hold, case.now, case.policy.hold_windows):
        return Decision("held", case.found)
    if _is_over(case) and is_healthy(instance):
        return _keep(case, shape, "accepted")
    lost = lacking(case.memory, shape)
    record = incidents.opened(turns.concluded(case.record, issued=False), "drifted", case.now)
    record = replace(record, reason="drifted", note=f"missing: {', '.join(map(str, lost))}")
    attach = attachable(case.memory, case.seen, shape)
    restore = restorable(case.memory, case.seen, shape)
    act = {"alert": "", "reattach": ATTACH if attach else ""}.get(
        case.policy.drift, ATTACH if attach else RESTORE if restore else ""
    )
    hours = case.policy.drift_window.total_seconds() / 3600
    then = f"{DOING[act]}, by itself" if act else "nothing, as the setting `drift` says"
    then += f"; what is still missing after {hours:g} h counts as meant."
    what = ", ".join(f"{piece} ({_standing(case, piece.id)})" for piece in lost)
    record = record.telling("drifted", f"{case.name} has lost {what}", done=then.capitalize())
    if not act:
        over = (record.opened_at or case.now) + case.policy.drift_window
        look = max(over, case.now + case.policy.verify_look) if over <= case.now else over
        return Decision("drifted", replace(record, next_look_at=look))
    return turns.waits(record, DOING[act], case) or turns.plan(record, act, case, intent_id)


def _is_over(case: Case) -> bool:
    since = case.record.opened_at
    opened = case.record.status in {Status.OPEN, Status.EXHAUSTED}
    return opened and since is not None and case.now - since > case.policy.drift_window


def _standing(case: Case, piece: str) -> str:
    if piece in case.seen.pieces:
        return case.seen.pieces[piece]
    return "exists no more, there is a snapshot" if piece in case.seen.snapshots else "no more"

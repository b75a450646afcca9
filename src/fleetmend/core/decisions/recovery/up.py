"""An instance that runs, or is on its way up: started is not recovered."""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.decisions.recovery import ailing, turns, typechange
from fleetmend.core.decisions.recovery.ailing import REBOOT, STOP
from fleetmend.core.decisions.recovery.mass import FREE, Brake
from fleetmend.core.model import Decision, Instance, Record, RecoveryPolicy, Status


def running(
    record: Record | None,
    seen: Instance,
    policy: RecoveryPolicy,
    now: datetime,
    intent_id: str,
    *,
    brake: Brake = FREE,
) -> Decision:
    """Started is not recovered: every status check that AWS reports must be ok.

    `not-applicable` is EC2's word for a check that does not exist for this instance. No check
    reported yet is doubt (EC2 DescribeInstanceStatus fills in after the boot).
    """
    if ailing.is_ailing(seen) and policy.impaired != ailing.OFF:
        known = record or Record(turns.CONCERN, seen.id, Status.CLOSED)
        return ailing.ailing(known, seen, policy, now, intent_id, brake=brake)
    if record is None or record.status is Status.CLOSED:
        return Decision("running", record)
    record = typechange.told(record, seen)
    if record.status is Status.REFUSED and not record.alerts:
        return Decision("running", turns.closed(record, "running", "it runs, not by our doing"))
    verdicts = {check.name: check.status for check in seen.checks}
    said = ailing.said(seen)
    if verdicts and set(verdicts.values()) <= {"ok", "not-applicable"}:
        return _recovered(record, seen, said)
    if record.status is Status.REFUSED:  # left alone: only its end is told
        return Decision("verifying", record)
    record = replace(record, reason="verifying", note=f"running; status checks: {said}")
    since = record.attempts[-1].at if record.attempts else record.opened_at or now
    if "impaired" in verdicts.values():
        record = record.telling(
            "impaired",
            f"{record.subject} runs but a status check fails",
            why=said,
        )
    elif now - since > policy.verify_window:
        record = record.telling(
            "unverified",
            f"{record.subject} runs but its status checks do not say ok",
            why=f"status checks: {said}",
        )
    return Decision("verifying", turns.look(record, now, policy.verify_look))


def _recovered(record: Record, seen: Instance, said: str) -> Decision:
    if not record.spent and not record.alerts:
        closed = turns.closed(record, "running", "it came back by itself, or somebody started it")
        return Decision("running", closed)
    closed = turns.closed(record, "recovered", f"running, every status check is ok ({said})")
    return Decision(
        "recovered",
        closed.telling("recovered", f"{record.subject} runs again{_by(record, seen)}: {said}"),
    )


def _by(record: Record, seen: Instance) -> str:
    """What of ours went before."""
    moved = bool(record.issued(STOP))
    tries = f"{record.spent} attempt{'' if record.spent == 1 else 's'}"
    did = [
        *(["a reboot"] if record.issued(REBOOT) else []),
        *(["a move to another host"] if moved else []),
        *(["a change of its type"] if typechange.changed(record, seen) else []),
        *([tries] if record.spent > moved else []),
    ]
    return f" after {' and '.join(did)}" if did else ", not by our doing"


def pending(record: Record | None, policy: RecoveryPolicy, now: datetime) -> Decision:
    """A start is under way, ours or somebody else's."""
    if record is None or record.status in {Status.CLOSED, Status.REFUSED}:
        return Decision("pending", record)
    return Decision(
        "pending", turns.look(replace(record, reason="pending"), now, policy.transition_look)
    )

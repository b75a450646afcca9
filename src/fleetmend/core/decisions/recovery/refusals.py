"""Why a stopped instance in scope is left alone."""

from datetime import datetime

from fleetmend.core import holds, ownership
from fleetmend.core.model import Instance, Record, RecoveryPolicy

ROOTLESS = "no-root-volume"


def refusal(
    record: Record, seen: Instance, policy: RecoveryPolicy, now: datetime
) -> tuple[str, str, datetime | None] | None:
    """Why an instance in scope is left alone: code, sentence, and when to look again.

    Whatever of Fleetmend stops an instance on purpose leaves a hold, so it needs no rule of its
    own. Spot: a stopped spot instance is EC2's to start (EC2 User Guide, "Spot Instance
    interruptions"). In a group: Auto Scaling replaces what stops. Without its root volume EC2
    refuses every start (EC2 User Guide, "Troubleshoot starting and stopping an instance").
    """
    hold = holds.in_force(seen.tags, record.hold, now, policy.hold_windows)
    if hold:
        return "held", holds.sentence(hold), hold.until
    owner = ownership.owner(seen, policy)
    if owner:
        return owner.code, owner.sentence, None
    if seen.lifecycle != "normal":
        return seen.lifecycle, f"a {seen.lifecycle} instance is started by EC2, not by us", None
    if seen.rootless:
        return ROOTLESS, "its root volume is not attached: EC2 would refuse every start", None
    return None

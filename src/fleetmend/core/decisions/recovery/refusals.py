"""Why a stopped instance in scope is left alone."""

from datetime import datetime

from fleetmend.core import holds
from fleetmend.core.model import Instance, Record


def refusal(
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

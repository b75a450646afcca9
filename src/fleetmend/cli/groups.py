"""The groups in health's scope, as a status shows them: how many are well, and what is done."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleetmend.cli.output import coloured, escape, table
from fleetmend.core.declared import HEALTH
from fleetmend.core.groups import SUSPENDABLE, HealthPolicy
from fleetmend.core.health_watch import symptoms

if TYPE_CHECKING:
    from fleetmend.aws.installation import Entry, Installation
    from fleetmend.core.groups import Group

CONCERN = "health"


def grouped(installation: "Installation") -> list[dict[str, Any]]:
    """One row for each group in scope, by name; none where health is not installed."""
    if CONCERN not in installation.facts.queues:
        return []
    given = json.dumps(installation.policy(CONCERN))
    policy = HEALTH.parse(given, CONCERN, [])  # the function itself tells of what it cannot take
    return [
        _row(group, policy, installation.record(CONCERN, group.name))
        for group in installation.groups()
    ]


def group_table(rows: list[dict[str, Any]]) -> object:
    """The rows as people read them."""
    cells = [
        [
            escape(row["group"]),
            f"{row['healthy']} of {row['desired']}",
            str(row["ill"]),
            ", ".join(row["zones"]),
            coloured(row["status"]),
            escape(row["what"]),
        ]
        for row in rows
    ]
    return table("group", "healthy", "ill", "zones", "record", "what", rows=cells)


def _row(group: "Group", policy: HealthPolicy, entry: "Entry | None") -> dict[str, Any]:
    ill = symptoms(group, policy, datetime.now(UTC)).ill
    record = entry.record if entry else None
    if entry and entry.unreadable:
        status, what = "unreadable", entry.unreadable
    elif record and record.is_open:
        status, what = record.status.value, record.note or record.reason
    else:
        status, what = "healthy", ""
    return {
        "group": group.name,
        "desired": group.desired,
        "healthy": len(group.serving) - len(ill),
        "ill": len(ill),
        "zones": sorted({member.zone for member in group.serving}),
        "suspended": SUSPENDABLE in group.suspended,
        "status": status,
        "reason": record.reason if record else "",
        "what": what,
    }

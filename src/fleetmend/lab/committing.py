"""What remediation goes by, a report over the fleet as it is, and what its records say of runs."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.compliance_report import finish
from fleetmend.core.compliance_run import advance
from fleetmend.core.ports import Archive
from fleetmend.core.remediation import CONCERN, from_detail
from fleetmend.core.rules import Rules
from fleetmend.core.standings import Branch, Plan, begin, named


def commit(
    archive: Archive,
    branch: Branch,
    rules: Rules,
    instances: Iterable[Resource],
    *,
    now: datetime,
    word: str,
) -> None:
    """Judge these instances by the rules and commit the run.

    Args:
        archive: the ledger's bucket.
        branch: where the instances are.
        rules: by which they are judged.
        instances: every one that is not terminated.
        now: what the run is dated.
        word: makes the run's name unlike that of any other.
    """
    plan = begin(archive, Plan(named(now, word), now.date(), rules, (branch,)))

    def listed(kind: str, _: str) -> Iterator[Batch]:
        yield Batch(list(instances) if kind == "instance" else [], "")

    nonces = (f"{k:032x}" for k in range(1000))
    advance(archive, plan, branch, listed, nonce=lambda: next(nonces), enough=lambda: False)
    finish(archive, plan, now + timedelta(seconds=1))


def last_run(archive: Archive) -> str:
    """The last run that changed something, as the records say; empty where none did."""
    bodies = (archive.get(key) for key in archive.list(f"records/{CONCERN}/i-"))
    memories = (from_detail(json.loads(body).get("detail") or {}) for body in bodies if body)
    return max((one.run for memory in memories for one in memory.changes), default="")

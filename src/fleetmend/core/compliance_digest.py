"""The weekly digest of compliance: where things stand, and where they stood a week before.

People hear of changes by themselves; a digest is for whoever wants the whole once a week, also
when nothing changed. It is told by the first run that ends on the chosen day or later, so that a
day without a run costs nobody the week's.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fleetmend.core import history
from fleetmend.core.ports import Archive
from fleetmend.core.standings import Plan
from fleetmend.core.times import DAYS

WEEK = timedelta(days=7)

NAMED = 5
"""Rules, owners and missing branches that a digest names."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One week's: `week` is the day it is due, which makes it the same whoever tells it."""

    week: date
    text: str
    why: str

    @property
    def key(self) -> str:
        """Where it stands that it was told."""
        return f"{history.DIGESTS}{self.week}.json"


def owed(archive: Archive, plan: Plan, summary: Mapping[str, Any]) -> Digest | None:
    """The digest that this run is to tell, or None where none is due or it was told.

    Raises:
        PortError: the archive did not answer.
    """
    if plan.digest not in DAYS:
        return None
    week = due(plan.day, DAYS.index(plan.digest))
    digest = Digest(week, _text(week, plan.day, summary), _why(summary))
    return None if archive.get(digest.key) else digest


def told(archive: Archive, plan: Plan, digest: Digest) -> None:
    """Write down that it was told, so that later runs of the week are silent.

    Written after the telling: a run that ends in between tells twice, by the same fact.

    Raises:
        PortError: the archive did not answer.
    """
    body = {"run": plan.run, "text": digest.text, "why": digest.why}
    archive.put(digest.key, (json.dumps(body, sort_keys=True) + "\n").encode(), once=True)


def due(today: date, weekday: int) -> date:
    """The last day that was this weekday (Monday is 0), today included."""
    return today - timedelta(days=(today.weekday() - weekday) % 7)


def _text(week: date, today: date, summary: Mapping[str, Any]) -> str:
    standing = (
        f"week of {week}: {_percent(summary['rate'])} of {summary['judged']} resources comply, "
        f"{summary['violating']} do not"
    )
    before = _before(today, summary["trend"])
    if before is None:
        return f"{standing}; there is no report from a week before"
    return (
        f"{standing}; on {before['day']} it was {_percent(before['rate'])}, {before['violating']}"
    )


def _before(today: date, trend: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The newest point of the trend that is a week old or older."""
    until = (today - WEEK).isoformat()
    old = [point for point in trend if str(point["day"]) <= until]
    return max(old, key=lambda point: str(point["day"]), default=None)


def _why(summary: Mapping[str, Any]) -> str:
    parts = [
        f"{what}: {', '.join(f'{name} {count}' for name, count in list(counts.items())[:NAMED])}"
        for what, counts in (
            ("broken rules", summary["by_rule"]),
            ("most to mend", summary["by_owner"]),
        )
        if counts
    ]
    missing = [f"{one['account']}/{one['region']}" for one in summary["branches"] if one["failure"]]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        parts.append(f"not examined: {', '.join(missing[:NAMED])}{more}")
    return "; ".join(parts)


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"

"""The end of a run of compliance: what it came to, committed, and told to people.

The manifest is written last of all that engines read, and once: a run that ends twice is committed
as it was first. The summary is what people, alerts and metrics are made from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.core import history
from fleetmend.core.compliance import Tally
from fleetmend.core.compliance_page import page
from fleetmend.core.kinds import AlertKind
from fleetmend.core.ports import Archive
from fleetmend.core.standings import Branch, Plan, Standing, as_json, standing_of

TREND_DAYS = 90
"""Days that the latest report's plot looks back."""

EXAMPLES = 20
"""Changes that the summary names one by one."""

Summary = Mapping[str, Any]
"""What stands in `latest/compliance.json`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended: `summary` is the report for people, `alerts` are (kind, what, why)."""

    summary: Summary
    alerts: tuple[tuple[AlertKind, str, str], ...]


def rows_of(plan: Plan, branch: Branch, standing: Standing) -> list[dict[str, object]]:
    """A branch's lines of the manifest: one for each part, or one that says why there is none."""

    def row(part: str, state: str, failure: str, tally: Tally) -> dict[str, object]:
        return {
            "run": plan.run,
            "part": part,
            "account": branch.account,
            "region": branch.region,
            "state": state,
            "failure": failure,
            "rules": plan.rules.version,
            "judged": tally.judged,
            "violating": tally.violating,
            "findings": tally.by_rule.total(),
        }

    if not standing.done or standing.failure:
        why = standing.failure or "it was not finished"
        return [row("", "failed", why, Tally())]
    return [row(part.name, "ok", "", part.tally) for part in standing.parts]


def finish(archive: Archive, plan: Plan, now: datetime) -> Finished:
    """Commit a run and write the report for people; the same again when it is called again.

    Raises:
        PortError: the archive did not answer. Nothing of the run is seen until the manifest
            stands; the report for people follows it.
    """
    standings = {branch: standing_of(archive, plan, branch) for branch in plan.branches}
    rows = [row for branch, one in standings.items() for row in rows_of(plan, branch, one)]
    archive.put(history.manifest_key(plan.day, plan.run), history.packed(rows), once=True)
    before = _latest(archive)
    summary = _summary(plan, standings, before, now)
    if str(before.get("run", "")) <= plan.run:  # a newer run's report stays
        archive.put(f"{history.LATEST}.html", page(summary).encode())
        archive.put(f"{history.LATEST}.json", as_json(summary))
    return Finished(summary, tuple(_alerts(summary)))


def _latest(archive: Archive) -> Mapping[str, Any]:
    """The last report, or nothing where there is none that can be read: a new one replaces it."""
    body = archive.get(f"{history.LATEST}.json")
    try:
        read: object = json.loads(body) if body else {}
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", read) if isinstance(read, dict) else {}


def _summary(
    plan: Plan, standings: Mapping[Branch, Standing], before: Mapping[str, Any], now: datetime
) -> Summary:
    good = {name: one for name, one in standings.items() if one.done and not one.failure}
    total = Tally()
    for one in good.values():
        total.add(one.tally)
    examples = [f"{text} ({name.name})" for name, one in good.items() for text in one.examples]
    return {
        "schema": 1,
        "run": plan.run,
        "day": plan.day.isoformat(),
        "finished_at": now.isoformat(timespec="seconds"),
        "rules": plan.rules.version,
        "complete": len(good) == len(standings),
        "judged": total.judged,
        "violating": total.violating,
        "rate": round(total.rate, 6),
        "by_rule": _ranked(total.by_rule),
        "by_owner": dict(list(_ranked(total.by_owner).items())[:50]),
        "by_severity": dict(total.by_severity),
        "broken": sum(one.broken for one in good.values()),
        "fixed": sum(one.fixed for one in good.values()),
        "examples": examples[:EXAMPLES],
        "branches": _branches(plan, standings, before),
        "trend": _trend(plan, total, before),
    }


def _ranked(counts: Mapping[str, int]) -> dict[str, int]:
    """The most first, and by name where there are as many: not by the order of pages."""
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _branches(
    plan: Plan, standings: Mapping[Branch, Standing], before: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Every branch with its newest run that succeeded: this one, or the one it had before."""
    known = {(one.get("account"), one.get("region")): one for one in before.get("branches", [])}
    told: list[Mapping[str, Any]] = []
    for branch, one in standings.items():
        old = known.get((branch.account, branch.region), {})
        failed = one.failure or ("" if one.done else "it was not finished")
        told.append(
            {
                "account": branch.account,
                "region": branch.region,
                "failure": failed,
                "judged": one.tally.judged if not failed else 0,
                "violating": one.tally.violating if not failed else 0,
                "last_run": str(old.get("last_run", "")) if failed else plan.run,
                "last_day": str(old.get("last_day", "")) if failed else plan.day.isoformat(),
            }
        )
    return told


def _trend(plan: Plan, total: Tally, before: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One point a day, the last run's; what is older than the plot is dropped."""
    since = (plan.day - timedelta(days=TREND_DAYS)).isoformat()
    points = {str(one["day"]): one for one in before.get("trend", []) if str(one["day"]) > since}
    points[plan.day.isoformat()] = {
        "day": plan.day.isoformat(),
        "judged": total.judged,
        "violating": total.violating,
        "rate": round(total.rate, 6),
    }
    return [points[day] for day in sorted(points)]


def _alerts(summary: Summary) -> Sequence[tuple[AlertKind, str, str]]:
    """What people are told: only what changed, and what could not be seen."""
    told: list[tuple[AlertKind, str, str]] = []
    if summary["broken"] or summary["fixed"]:
        text = (
            f"{summary['broken']} findings are new and {summary['fixed']} are gone: "
            f"{summary['violating']} of {summary['judged']} resources violate"
        )
        told.append(("changed", text, "; ".join(summary["examples"][:5])))
    failed = [one for one in summary["branches"] if one["failure"]]
    if failed:
        why = "; ".join(f"{one['account']}/{one['region']}: {one['failure']}" for one in failed[:5])
        text = (
            f"{len(failed)} of {len(summary['branches'])} accounts and regions could not be "
            "examined"
        )
        told.append(("incomplete", text, why))
    return told

"""Asking the installed controller for something, and waiting for its report."""

import time
from typing import Any, cast
from uuid import uuid4

from fleetmend.cli.failures import Exit, Failure
from fleetmend.cli.output import as_json, coloured, escape, out, table, working
from fleetmend.cli.target import Target

_POLL = 0.5

Report = dict[str, Any]


def ask(target: Target, concern: str, message: dict[str, object], *, wait: float) -> Report | None:
    """Put a message on the controller's queue and wait for what it reports.

    Args:
        target: whom to ask.
        concern: whose queue.
        message: what is asked, without `run`, which is added here.
        wait: seconds to wait at most; 0 does not wait, and returns None.

    Raises:
        Failure: no report came in time.
    """
    run = f"cli-{uuid4().hex[:12]}"
    target.installation.send(concern, {**message, "run": run})
    if not wait:
        return None
    until = time.monotonic() + wait
    with working(f"waiting for the {concern} controller (run {run})"):
        while time.monotonic() < until:
            report = target.installation.report(concern, run)
            if report is not None:
                return report
            time.sleep(_POLL)
    raise Failure(
        f"the controller has not reported within {wait:g} s; what was asked is still on its queue",
        f"later: fleetmend status; its log is /aws/lambda/… of {target.installation.facts.name}",
    )


def subjects_of(report: Report) -> list[Report]:
    """What became of each that the report is about."""
    return cast("list[Report]", report.get("subjects") or [])


def show(target: Target, report: Report | None, *, machine: bool) -> Exit:
    """Print a report; the exit code says whether it is complete."""
    if report is None:
        if machine:
            as_json({"asked": True, "report": None})
        else:
            out.print("asked; nobody waited for the report")
        return Exit.FINE
    subjects = subjects_of(report)
    problems = cast("list[str]", report.get("problems") or [])
    incomplete = bool(problems) or any(item.get("failure") for item in subjects)
    if machine:
        as_json(report)
        return Exit.REFUSED if incomplete else Exit.FINE
    plan = " (plan: nothing was done)" if report.get("plan") else ""
    by = escape(str(report.get("by")))
    out.print(f"mode [bold]{report.get('mode')}[/]{plan}, asked by {by}")
    if subjects:
        rows = [_row(target, item) for item in subjects]
        out.print(table("subject", "decision", "status", "attempts", "what", rows=rows))
    else:
        out.print("nothing needed looking at")
    for problem in problems:
        out.print(f"[red]problem:[/] {escape(problem)}")
    return Exit.REFUSED if incomplete else Exit.FINE


def _row(target: Target, item: Report) -> list[str]:
    outcome = cast("Report | None", item.get("outcome"))
    said = f"{outcome.get('result')} {outcome.get('code') or ''}".strip() if outcome else ""
    what = "; ".join(filter(None, [said, str(item.get("note") or item.get("reason") or "")]))
    failure = str(item.get("failure") or "")
    return [
        target.called(str(item.get("subject"))),
        escape(str(item.get("decision") or "-")),
        coloured(str(item.get("status") or "-")),
        str(item.get("spent", 0)),
        f"[red]{escape(failure)}[/]" if failure else escape(what),
    ]

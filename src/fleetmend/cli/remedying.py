"""What remediation would do by a rules file, and taking back what it did: comply --plan, undo."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from fleetmend.cli import options, target
from fleetmend.cli.asking import ask, show
from fleetmend.cli.failures import Exit, Failure
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out, table
from fleetmend.cli.target import Target
from fleetmend.core.compliance import Finding
from fleetmend.core.decisions import remediation
from fleetmend.core.events import INSTANCES
from fleetmend.core.remediation import (
    CONCERN,
    KIND,
    STOP,
    MemoryUnreadable,
    RemediationPolicy,
    Sighting,
    Undo,
    from_detail,
)
from fleetmend.core.remedy_sources import sources
from fleetmend.core.rules import Rules
from fleetmend.core.telling import is_notice

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Planned:
    """What would come of one instance first: the act, or why there is none."""

    id: str
    act: str
    reason: str
    note: str


def planned(rules: Rules, region: str, found: Iterable[Finding]) -> list[Planned]:
    """What remediation would do first about these, by its own decisions; AWS is only read.

    It begins without a record, as after the first report, and is not bounded.

    Raises:
        PortError: AWS did not answer.
    """
    from fleetmend.aws.installation import connect  # noqa: PLC0415 -- boto3
    from fleetmend.aws.remedying import DryRunRemedies, Ec2Remedies  # noqa: PLC0415

    wanted = {rule.name for rule in rules.rules if rule.remedies}
    ids = sorted({one.id for one in found if one.kind == KIND and one.rule in wanted})
    if not ids:
        return []
    now = datetime.now(UTC)
    real = Ec2Remedies(connect(region), clock=lambda: now, remaining=timedelta)
    port = DryRunRemedies(real)
    there = port.observe(ids)
    source = sources(port, rules, there.values(), len(ids))
    result: list[Planned] = []
    for name, instance in sorted(there.items()):
        values, unsure = source.values(instance)
        seen = Sighting(name, now, instance, values=values, unsure=unsure, run="plan")
        decision = remediation.decide(name, seen, None, RemediationPolicy(), now, "-", rules=rules)
        note = decision.record.note if decision.record else ""
        result.append(Planned(name, decision.act, decision.reason, note))
    return result


def show_planned(found: list[Planned] | None) -> None:
    """Print a plan for people; None where nobody asked for one."""
    if found is None:
        return
    if not found:
        out.print("remediation would do nothing: no rule that is broken names a remedy")
        return
    rows = [[one.id, one.act or "-", one.reason, escape(one.note)] for one in found]
    out.print(table("instance", "remediation would", "because", "what", rows=rows))


def machine(found: list[Planned] | None) -> dict[str, object]:
    """A plan as a part of a JSON document."""
    return {} if found is None else {"remedies": [asdict(one) for one in found]}


def plan(whom: Target, *, machine: bool) -> Exit:
    """What the installed controller would do now, with all that it remembers."""
    message: dict[str, object] = {"fleetmend": "run", "plan": True, "by": whom.speaker(None)}
    return show(whom, ask(whom, CONCERN, message, wait=120), machine=machine)


@app.command(
    epilog=examples(
        "fleetmend undo i-0123456789abcdef0 --plan", "fleetmend undo 20260314T050000Z-1a2b3c4d"
    )
)
def undo(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SUBJECT", help="A run, as its alerts name it, or an instance id."
        ),
    ],
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be taken back, do nothing.")
    ] = False,
    by: options.By = None,
    wait: options.Wait = 60,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Take back what remediation changed: tags whose value is still its own, and stops.

    What was stopped is started again and its hold goes. What is taken back is left alone from then
    on, until it is released.
    """
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    subject = whom.subject(what)
    named = subject if INSTANCES.pattern.fullmatch(subject) else ""
    if plan:
        raise typer.Exit(_show_undo(whom, named, "" if named else what, machine=json))
    about = {"subject": named} if named else {"of": what}
    message: dict[str, object] = {"fleetmend": "undo", **about, "by": whom.speaker(by)}
    raise typer.Exit(show(whom, ask(whom, CONCERN, message, wait=wait), machine=json))


def _show_undo(whom: Target, subject: str, run: str, *, machine: bool) -> Exit:
    """Print what an undo would take back, by the records and by the tags as they are now."""
    from fleetmend.aws.installation import connect  # noqa: PLC0415 -- boto3
    from fleetmend.aws.remedying import Ec2Remedies  # noqa: PLC0415

    one = whom.installation.record(CONCERN, subject) if subject else None
    every = [] if subject else whom.installation.records(CONCERN)
    entries = [one] if one else [entry for entry in every if not is_notice(entry.subject)]
    asked, now = Undo(run, ""), datetime.now(UTC)
    port = Ec2Remedies(
        connect(whom.installation.facts.region), clock=lambda: now, remaining=timedelta
    )
    there = port.observe([entry.subject for entry in entries])
    rows: list[dict[str, str]] = []
    for entry in entries:
        try:
            memory = from_detail(entry.record.detail) if entry.record else None
        except MemoryUnreadable as error:
            raise Failure(f"the record of {entry.subject} cannot be read: {error}") from error
        instance = there.get(entry.subject)
        standing = memory.ours(instance.tags) if memory and instance else ()
        for change in memory.changes if memory else ():
            if asked.means(change):
                back = "started and released" if change.act == STOP else "taken off"
                becomes = back if change in standing else "left: it is somebody else's now"
                tag = f"{change.key}={change.value}"
                rows.append(
                    {"id": entry.subject, "tag": tag, "run": change.run, "becomes": becomes}
                )
    if machine:
        as_json({"undo": rows})
    elif rows:
        shown = [[escape(text) for text in row.values()] for row in rows]
        out.print(table("instance", "tag", "run", "would be", rows=shown))
    else:
        out.print("there is nothing to take back")
    return Exit.FINE

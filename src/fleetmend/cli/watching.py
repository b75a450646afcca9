"""What is going on, and what happened: status, incidents."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleetmend.cli import options, target
from fleetmend.cli.failures import Exit, Failure
from fleetmend.cli.groups import group_table, grouped
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, coloured, escape, moment, out, table, working
from fleetmend.cli.target import Target
from fleetmend.core.model import Instance, Record, Status

if TYPE_CHECKING:
    from fleetmend.aws.installation import Entry

app = typer.Typer()


@app.command(epilog=examples("fleetmend status", "fleetmend status -e prod --json"))
def status(
    *,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Show what is going on: the mode, what is down, and what is being done about it.

    Exit code 1 says that something is exhausted or cannot be read, and waits for a person.
    """
    from fleetmend.aws.installation import in_force  # noqa: PLC0415 -- boto3

    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    installation = whom.installation
    with working(f"looking at {installation.facts.name}"):
        modes = installation.modes()
        down = {instance.id: instance for instance in installation.stopped()}
        subjects = sorted({*down, *installation.open("recovery")})
        entries = {name: installation.record("recovery", name) for name in subjects}
        groups = grouped(installation)
    rows = [
        _standing(whom, name, down.get(name), entries[name])
        for name in subjects
        if name in down or _is_open(entries[name])
    ]
    stuck = {"exhausted", "unreadable"}
    waiting = any(row["status"] in stuck for row in (*rows, *groups))
    effective = {name: in_force(modes, name) for name in installation.facts.queues}
    if json:
        as_json(
            {
                "installation": installation.facts.name,
                "lab": whom.lab,
                "mode": effective,
                "subjects": rows,
                "groups": groups,
            }
        )
    else:
        shown = ", ".join(f"{name} [bold]{mode}[/]" for name, mode in sorted(effective.items()))
        out.print(f"{escape(installation.facts.name)}: {shown}")
        if rows:
            out.print(_standings(rows))
        else:
            out.print("[green]nothing in scope is down, no incident is open[/]")
        if groups:
            out.print(group_table(groups))
    raise typer.Exit(Exit.FINDINGS if waiting else Exit.FINE)


@app.command(
    epilog=examples(
        "fleetmend incidents",
        "fleetmend incidents i-0123456789abcdef0",
        "fleetmend incidents --concern rebuild",
    )
)
def incidents(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[SUBJECT]", help="An instance id or a group; all if left out."),
    ] = None,
    *,
    concern: options.Whose = "recovery",
    would: Annotated[
        bool, typer.Option("--would", help="What observe and plans would have done instead.")
    ] = False,
    most: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Writes shown of one subject.")
    ] = 50,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Show what happened: every record there is, or one subject's from its first write on."""
    known = target.concern(concern)
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    if subject:
        _one(whom, known, whom.subject(subject), would=would, most=most, machine=json)
        return
    with working(f"reading the records of {whom.installation.facts.name}"):
        entries = whom.installation.records(known, would=would)
    if json:
        as_json([entry.as_json() for entry in entries])
        return
    if not entries:
        out.print("there has been no incident")
        return
    rows = [_listed(whom, entry) for entry in sorted(entries, key=_newest_first)]
    columns = ("subject", "status", "reason", "attempts", "opened", "what")
    out.print(table(*columns, rows=rows))


def _one(
    whom: Target, concern: str, subject: str, *, would: bool, most: int, machine: bool
) -> None:
    now = whom.installation.record(concern, subject, would=would)
    if now is None:
        raise Failure(
            f"there is no record of {whom.called(subject)}",
            "a healthy instance, or one out of scope, has none; fleetmend incidents lists all",
            code=Exit.WRONG_USE,
        )
    before = [] if would else whom.installation.versions(concern, subject, most=most)
    if machine:
        as_json({**now.as_json(), "history": [entry.as_json() for entry in reversed(before)]})
        return
    out.print(f"[bold]{whom.called(subject)}[/]")
    if now.record:
        _print_record(now.record)
    else:
        out.print(f"[red]the record cannot be read:[/] {escape(now.unreadable)}")
    rows = [_written(entry) for entry in reversed(before)]
    if rows:
        out.print(table("written", "status", "reason", "attempts", "what", rows=rows))


def _print_record(record: Record) -> None:
    out.print(f"{coloured(record.status)}: {escape(record.note or record.reason)}")
    out.print(f"opened {moment(record.opened_at)}, next look {moment(record.next_look_at)}")
    if record.hold:
        until, by = moment(record.hold.until), escape(record.hold.by)
        out.print(f"held until {until} by {by}: {escape(record.hold.reason)}")
    for number, attempt in enumerate(record.attempts, 1):
        said = escape(f"{attempt.code} {attempt.message}".strip())
        did = f"{attempt.act or 'try'} {number}, {moment(attempt.at)}"
        out.print(f"  {did}: {attempt.result.value} {said}".rstrip())
    for alert in record.alerts:
        state = "told" if alert.delivered else "[red]owed[/]"
        out.print(f"  alert {alert.kind} ({state}): {escape(alert.text)}")


def _standing(
    whom: Target, name: str, seen: Instance | None, entry: "Entry | None"
) -> dict[str, Any]:
    """One line of the status: where the instance stands, and where its record."""
    record = entry.record if entry else None
    if entry and entry.unreadable:
        standing, what = "unreadable", entry.unreadable
    elif record and (record.is_open or record.status is not Status.CLOSED):
        standing, what = record.status.value, record.note or record.reason
    else:
        standing, what = "noticed", "not looked at yet: a sweep comes every two minutes"
    look = record.next_look_at if record else None
    return {
        "subject": name,
        "name": whom.names.get(name) or (seen.tags.get("Name", "") if seen else ""),
        "state": seen.state if seen else "up",
        "status": standing,
        "reason": record.reason if record else "",
        "attempts": record.spent if record else 0,
        "next_look_at": look,
        "what": what,
    }


def _standings(rows: list[dict[str, Any]]) -> object:
    cells = [
        [
            f"{row['subject']} {escape(row['name'])}".strip(),
            coloured(row["state"]),
            coloured(row["status"]),
            str(row["attempts"]),
            _away(row["next_look_at"]),
            escape(row["what"]),
        ]
        for row in rows
    ]
    return table("subject", "state", "record", "attempts", "next look", "what", rows=cells)


def _away(look: datetime | None) -> str:
    """How far away the next look is."""
    from fleetmend.lab.words import in_words  # noqa: PLC0415

    if look is None:
        return "-"
    seconds = (look - datetime.now(UTC)).total_seconds()
    return "now" if seconds <= 0 else f"in {in_words(round(seconds))}"


def _is_open(entry: "Entry | None") -> bool:
    return bool(entry and (entry.unreadable or (entry.record and entry.record.is_open)))


def _newest_first(entry: "Entry") -> float:
    return -entry.written_at.timestamp() if entry.written_at else 0.0


def _listed(whom: Target, entry: "Entry") -> list[str]:
    record = entry.record
    if record is None:
        return [whom.called(entry.subject), "[red]unreadable[/]", "", "", "", entry.unreadable]
    return [
        whom.called(entry.subject),
        coloured(record.status),
        escape(record.reason),
        str(record.spent),
        moment(record.opened_at),
        escape(record.note),
    ]


def _written(entry: "Entry") -> list[str]:
    record = entry.record
    if record is None:
        return [moment(entry.written_at), "[red]unreadable[/]", "", "", escape(entry.unreadable)]
    return [
        moment(record.written_at),
        coloured(record.status),
        escape(record.reason),
        str(record.spent),
        escape(record.note),
    ]

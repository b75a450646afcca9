"""What operators say: run, mode, hold, release, retry."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from fleetmend.cli import options, target
from fleetmend.cli.asking import ask, show, subjects_of
from fleetmend.cli.failures import Failure, wrong
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out, table
from fleetmend.cli.scanning import scan
from fleetmend.core.compliance import CONCERN as COMPLIANCE
from fleetmend.core.model import Mode

app = typer.Typer()

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="An instance id, or a group's name.")
]


@app.command(epilog=examples("fleetmend run recovery --plan", "fleetmend run compliance -e prod"))
def run(
    concern: options.Concern,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Decide only, do nothing.")] = False,
    by: options.By = None,
    wait: options.Wait = 120,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Ask the installed controller for a run now, and show what it did.

    Compliance shows its report: exit code 1 says that a rule of severity error is broken.
    """
    known = target.concern(concern, target.SWITCHED)
    if known == COMPLIANCE and plan:
        raise wrong("a run of compliance only reads", "leave --plan out")
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    if known == COMPLIANCE:
        raise typer.Exit(scan(whom, by=whom.speaker(by), wait=wait, machine=json))
    message: dict[str, object] = {"fleetmend": "run", "plan": plan, "by": whom.speaker(by)}
    report = ask(whom, known, message, wait=wait)
    raise typer.Exit(show(whom, report, machine=json))


@app.command(epilog=examples("fleetmend mode", "fleetmend mode recovery observe"))
def mode(
    concern: Annotated[
        str | None, typer.Argument(metavar="[CONCERN]", help="The concern; all if left out.")
    ] = None,
    word: Annotated[
        str | None, typer.Argument(metavar="[off|observe|act]", help="What it may do from now on.")
    ] = None,
    *,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Show or set the kill switch. Of the mode for all and a concern's own the stricter wins."""
    from fleetmend.aws.installation import ALL, in_force  # noqa: PLC0415 -- boto3

    if concern in set(Mode) and word is None:
        concern, word = ALL, concern
    if concern is not None and concern != ALL:
        target.concern(concern, target.SWITCHED)
    if concern and word is None:
        raise wrong(f"set {concern} to what?", f"fleetmend mode {concern} off|observe|act")
    if word is not None and word not in set(Mode):
        raise wrong(f"{word!r} is no mode", "one of off, observe, act")
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    if concern and word:
        whom.installation.set_mode(concern, Mode(word))
    modes = whom.installation.modes()
    concerns = [name for name in modes if name != ALL]
    effective = {name: in_force(modes, name) for name in concerns}
    if json:
        as_json({"set": modes, "in_force": effective})
        return
    rows = [[ALL, modes.get(ALL, "missing: observe"), ""]]
    rows += [[name, modes[name], effective[name]] for name in concerns]
    out.print(table("concern", "set to", "in force", rows=rows))


@app.command(
    epilog=examples(
        "fleetmend hold i-0123456789abcdef0 --until +2h --reason 'disk being replaced'",
        "fleetmend hold i-0123456789abcdef0 --until 2030-01-31T18:00Z --reason freeze",
    )
)
def hold(
    subject: Subject,
    *,
    until: Annotated[
        str, typer.Option(metavar="TIME", help="ISO 8601 time, or +30m, +2h, +3d from now.")
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands in the record.")],
    concern: options.Whose = "recovery",
    by: options.By = None,
    wait: options.Wait = 60,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Say "leave this alone until then"."""
    moment = _until(until, datetime.now(UTC))
    known = target.concern(concern)
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    message: dict[str, object] = {
        "fleetmend": "hold",
        "subject": whom.told_of(known, subject),
        "until": moment.isoformat(timespec="seconds"),
        "by": whom.speaker(by),
        "reason": reason,
    }
    report = ask(whom, known, message, wait=wait)
    if report is not None and not json:
        out.print(f"{escape(subject)} is held until {moment:%Y-%m-%d %H:%M:%S} UTC")
    code = show(whom, report, machine=json)
    if report and any(one.get("decision") == "gone" for one in subjects_of(report)):
        raise Failure(
            f"EC2 knows no {subject} here ({whom.installation.facts.region}): nothing is held",
            f"see whether the id is right; if not: fleetmend release {subject}",
        )
    raise typer.Exit(code)


@app.command(epilog=examples("fleetmend release i-0123456789abcdef0"))
def release(
    subject: Subject,
    *,
    concern: options.Whose = "recovery",
    by: options.By = None,
    wait: options.Wait = 60,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Take a hold back. A hold that is a tag on the instance is taken back by removing the tag."""
    known = target.concern(concern)
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    message: dict[str, object] = {
        "fleetmend": "release",
        "subject": whom.told_of(known, subject),
        "by": whom.speaker(by),
    }
    report = ask(whom, known, message, wait=wait)
    raise typer.Exit(show(whom, report, machine=json))


@app.command(epilog=examples("fleetmend retry i-0123456789abcdef0", "fleetmend retry --all"))
def retry(
    subject: Annotated[
        str | None, typer.Argument(metavar="[SUBJECT]", help="An instance id, or a group's name.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything whose attempts are used up.")
    ] = False,
    concern: options.Whose = "recovery",
    by: options.By = None,
    wait: options.Wait = 60,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Try again what is exhausted, with a fresh budget. What is not exhausted is not changed."""
    if (subject is None) == (not everything):
        raise wrong("try what again?", "give one SUBJECT, or --all")
    known = target.concern(concern)
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    message: dict[str, object] = {"fleetmend": "retry", "by": whom.speaker(by)}
    message |= {"subject": whom.told_of(known, subject)} if subject else {"all": True}
    report = ask(whom, known, message, wait=wait)
    raise typer.Exit(show(whom, report, machine=json))


def _until(given: str, now: datetime) -> datetime:
    """The end of a hold: a time, or a length from now.

    Raises:
        Failure: it is neither, or it is over.
    """
    from fleetmend.lab.words import seconds  # noqa: PLC0415

    try:
        if given.startswith("+"):
            return now + timedelta(seconds=seconds(given[1:]))
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise wrong(
            f"--until {given!r} is no time: {error}",
            "write an ISO 8601 time such as 2030-01-31T18:00Z, or +2h",
        ) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment <= now:
        raise wrong(f"--until {given} is over already", "give a time that is still to come")
    return moment

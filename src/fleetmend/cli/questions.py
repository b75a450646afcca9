"""Questions to the history of compliance: query."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fleetmend.cli import options, target
from fleetmend.cli.failures import wrong
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, note, out, table, working
from fleetmend.core import history

if TYPE_CHECKING:
    from fleetmend.aws.athena import Answer
    from fleetmend.cli.target import Target

app = typer.Typer()

_POLL = 0.5
_KEPT = Path(".fleetmend/reports")
"""Where reports of buckets are kept between questions: they never change."""


@app.command(
    epilog=examples(
        "fleetmend query worst-owners",
        "fleetmend query 'SELECT rule, count(*) FROM latest GROUP BY rule' --from reports",
        "fleetmend query trend -e prod --engine athena --json",
    )
)
def query(
    question: Annotated[
        str | None,
        typer.Argument(
            metavar="[SQL|NAME]",
            help="SQL over findings, runs and latest; or a question by name. None: lists them.",
        ),
    ] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DIR|s3://BUCKET",
            help="Where the reports are. Default: the installation's ledger bucket.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        Literal["duckdb", "athena"],
        typer.Option(metavar="duckdb|athena", help="Who answers: this machine, or Athena."),
    ] = "duckdb",
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="How long to wait for Athena.")
    ] = 120,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Ask the history of compliance in SQL, the same on this machine and on Athena.

    Only runs that were committed are seen.
    """
    if question is None:
        _list(machine=json)
        return
    named = history.NAMED.get(question)
    sql = named.sql if named else question
    if engine == "athena" and source:
        raise wrong("Athena reads an installation's reports", "leave --from or --engine out")
    from fleetmend.aws.athena import QuestionRefused  # noqa: PLC0415 -- boto3

    try:
        if source and not source.startswith("s3://"):
            answer = _desk(Path(source), sql)
        elif source:
            answer = _bucket(source.removeprefix("s3://").strip("/"), region, lab, sql)
        else:
            whom = target.find(environment=environment, project=project, region=region, lab=lab)
            answer = _installed(whom, engine, sql, wait)
    except QuestionRefused as error:
        raise wrong(str(error), error.remedy) from error
    _show(answer, machine=json)


def _list(*, machine: bool) -> None:
    if machine:
        as_json({name: {"meaning": one.meaning, "sql": one.sql} for name, one in named()})
        return
    rows = [[f"[bold]{name}[/]", one.meaning] for name, one in named()]
    out.print(table("name", "what it answers", rows=rows))


def named() -> list[tuple[str, history.Question]]:
    """The questions that have names."""
    return sorted(history.NAMED.items())


def _desk(folder: Path, sql: str) -> "Answer":
    from fleetmend.console.history import ask  # noqa: PLC0415 -- duckdb

    if not (folder / history.RUNS).is_dir():
        raise wrong(f"there are no reports in {folder}", "fleetmend comply --rules FILE --out DIR")
    return ask(folder, sql)


def _bucket(bucket: str, region: str | None, lab: bool | None, sql: str) -> "Answer":  # noqa: FBT001
    from fleetmend.aws.archive import S3Archive  # noqa: PLC0415 -- boto3
    from fleetmend.aws.installation import connect  # noqa: PLC0415
    from fleetmend.console.history import ask, fetch  # noqa: PLC0415 -- duckdb

    if "/" in bucket:
        raise wrong(f"s3://{bucket} is more than a bucket", "reports lie at fixed places in one")
    client = connect(target.region(region, lab=lab))("s3")
    with working(f"fetching what is new in s3://{bucket}"):
        folder = fetch(S3Archive(client, bucket), _KEPT / bucket)
    return ask(folder, sql)


def _installed(whom: "Target", engine: str, sql: str, wait: float) -> "Answer":
    facts = whom.installation.facts
    if engine == "duckdb":
        return _bucket(facts.ledger_bucket, facts.region, whom.lab, sql)
    from fleetmend.aws.athena import ask  # noqa: PLC0415 -- boto3
    from fleetmend.aws.installation import connect  # noqa: PLC0415

    until = time.monotonic() + wait

    def waited() -> bool:
        time.sleep(_POLL)
        return time.monotonic() < until

    with working("asking Athena"):
        return ask(
            connect(facts.region)("athena"),
            history.whole(sql),
            database=history.database(facts.project, facts.suffix),
            workgroup=history.workgroup(facts.project, facts.suffix),
            wait=waited,
        )


def _show(answer: "Answer", *, machine: bool) -> None:
    if machine:
        as_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    rows = [["" if cell is None else escape(str(cell)) for cell in row] for row in answer.rows]
    out.print(table(*answer.columns, rows=rows))
    note(f"{len(rows)} row{'' if len(rows) == 1 else 's'}")

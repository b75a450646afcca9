"""Tag rules and what came of them: comply, query."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from fleetmend.cli import options, remedying, target
from fleetmend.cli.failures import Exit, Failure
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out, table, working
from fleetmend.core.compliance import Batch, Finding, Tally, kinds
from fleetmend.core.history import LATEST
from fleetmend.core.rules import Rules, Severity, told

if TYPE_CHECKING:
    from fleetmend.cli.target import Target

app = typer.Typer()

SHOWN = 50
"""Findings that are listed one by one for people; `--json` has them all."""

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


@app.command(
    epilog=examples(
        "fleetmend comply --rules examples/rules/required-tags.yaml",
        "fleetmend comply --rules rules.yaml --out reports",
        "fleetmend comply --rules rules.yaml --plan",
        "fleetmend comply -e prod",
        "fleetmend comply -e prod --plan",
    )
)
def comply(
    *,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            metavar="FILE",
            help="Judge now, by these rules (docs/compliance.md). Default: show the installed "
            "controller's last report.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Add the report to the history in this folder, which `query` reads.",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Show also what remediation would do: by --rules, or as installed."
        ),
    ] = False,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Judge every resource of a region by the rules of a file. Nothing in AWS is changed.

    Exit code 1 says that a rule of severity error is broken, 3 that the report is incomplete.
    """
    if rules is None:
        whom = target.find(environment=environment, project=project, region=region, lab=lab)
        raise typer.Exit(remedying.plan(whom, machine=json) if plan else last(whom, machine=json))
    from fleetmend.components.rules_file import load  # noqa: PLC0415 -- pydantic

    known = load(rules)
    where = target.region(region, lab=lab)
    with (
        working(f"judging {', '.join(kinds(known))} in {where}"),
        tempfile.TemporaryDirectory() as passing,
    ):
        found, tally = _judge(known, where, folder or Path(passing))
        remedies = remedying.planned(known, where, found) if plan else None
    if json:
        as_json(_machine(known, where, found, tally) | remedying.machine(remedies))
    else:
        _show(found, tally)
        remedying.show_planned(remedies)
        if folder:
            out.print(f"The report: [bold]{escape(str(folder))}/reports/latest/compliance.html[/]")
    broken = tally.by_severity[Severity.ERROR.value]
    raise typer.Exit(Exit.FINDINGS if broken else Exit.FINE)


def last(whom: "Target", *, machine: bool) -> Exit:
    """Show the last report of an installation; the exit code says what it came to."""
    from fleetmend.aws.archive import S3Archive  # noqa: PLC0415 -- boto3
    from fleetmend.aws.installation import connect  # noqa: PLC0415

    facts = whom.installation.facts
    body = S3Archive(connect(facts.region)("s3"), facts.ledger_bucket).get(f"{LATEST}.json")
    if body is None:
        raise Failure(
            f"{facts.name} has no report of compliance",
            "install it (deployCompliance), or judge from here: fleetmend comply --rules FILE",
        )
    summary: dict[str, Any] = loads(body)
    if machine:
        as_json(summary)
    else:
        out.print(f"run {summary['run']}, finished {summary['finished_at']}")
        if summary["by_rule"]:
            out.print(table("rule", "broken by", rows=_counted(Counter(summary["by_rule"]))))
            out.print(table("owner", "findings", rows=_counted(Counter(summary["by_owner"]))))
        for one in summary["branches"]:
            if one["failure"]:
                where = f"{one['account']}/{one['region']}"
                out.print(f"[red]not examined:[/] {where}: {escape(one['failure'])}")
        _rate(summary["judged"], summary["violating"], summary["rate"])
    if not summary["complete"]:
        return Exit.REFUSED
    broken = summary["by_severity"].get(Severity.ERROR.value, 0)
    return Exit.FINDINGS if broken else Exit.FINE


def _judge(rules: Rules, region: str, folder: Path) -> tuple[list[Finding], Tally]:
    """A run of one branch, by the same way that the controller goes."""
    from fleetmend.aws import installation, inventory  # noqa: PLC0415 -- botocore
    from fleetmend.console.folder import FolderArchive  # noqa: PLC0415
    from fleetmend.core.compliance_report import finish  # noqa: PLC0415
    from fleetmend.core.compliance_run import advance, findings_of  # noqa: PLC0415
    from fleetmend.core.standings import Branch, Plan, begin, named  # noqa: PLC0415

    now = datetime.now(UTC)
    branch = Branch(installation.account(installation.connect(region)), region)
    archive = FolderArchive(folder)
    run = named(now, uuid4().hex)
    plan = begin(archive, Plan(run, now.date(), rules, (branch,)))
    client = inventory.scanner(region)

    def scan(kind: str, token: str) -> Iterator[Batch]:
        return inventory.scan(client, kind, token=token)

    standing = advance(archive, plan, branch, scan, nonce=lambda: uuid4().hex, enough=lambda: False)
    finish(archive, plan, datetime.now(UTC))
    if standing.failure:
        raise Failure(standing.failure)
    order = list(Severity)
    found = sorted(
        findings_of(archive, plan, branch, standing),
        key=lambda one: (order.index(one.severity), one.name),
    )
    return found, standing.tally


def _machine(rules: Rules, region: str, found: list[Finding], tally: Tally) -> dict[str, object]:
    return {
        "region": region,
        "rules": rules.version,
        "judged": tally.judged,
        "violating": tally.violating,
        "rate": round(tally.rate, 6),
        "by_rule": dict(tally.by_rule.most_common()),
        "by_owner": dict(tally.by_owner.most_common()),
        "findings": [
            {
                "kind": one.kind,
                "id": one.id,
                "rule": one.rule,
                "key": one.key,
                "severity": one.severity.value,
                "problem": one.problem.value,
                "found": one.found,
                "expected": one.expected,
                "owner": one.owner,
                "since": one.since.isoformat(),
            }
            for one in found
        ],
    }


def _show(found: list[Finding], tally: Tally) -> None:
    if found:
        rows = [_row(one) for one in found[:SHOWN]]
        out.print(table("resource", "severity", "rule", "what", "owner", rows=rows))
        if len(found) > SHOWN:
            out.print(f"… and {len(found) - SHOWN} more; --json lists them all")
        out.print(table("rule", "broken by", rows=_counted(tally.by_rule)))
        out.print(table("owner", "findings", rows=_counted(tally.by_owner)))
    _rate(tally.judged, tally.violating, tally.rate)


def _rate(judged: int, violating: int, rate: float) -> None:
    out.print(f"[bold]{judged - violating} of {judged}[/] resources comply ({100 * rate:.1f} %)")


def _counted(counts: Counter[str]) -> list[list[str]]:
    return [[escape(name), str(count)] for name, count in counts.most_common(10)]


def _row(one: Finding) -> list[str]:
    colour = _COLOURS[one.severity.value]
    return [
        one.id,
        f"[{colour}]{one.severity.value}[/]",
        escape(one.rule),
        escape(told(one)),
        escape(one.owner),
    ]

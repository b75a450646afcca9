"""Tag rules: comply."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleetmend.cli import options, target
from fleetmend.cli.failures import Exit
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out, table, working
from fleetmend.core.compliance import Finding, Tally, examine, kinds
from fleetmend.core.rules import Rules, Severity

if TYPE_CHECKING:
    from fleetmend.aws.clients import Client

app = typer.Typer()

SHOWN = 50
"""Findings that are listed one by one for people; `--json` has them all."""

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


@app.command(epilog=examples("fleetmend comply --rules examples/rules/required-tags.yaml"))
def comply(
    *,
    rules: Annotated[
        Path, typer.Option("--rules", metavar="FILE", help="The rules (docs/compliance.md).")
    ],
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Judge every resource of a region by the rules of a file. Nothing is changed or recorded.

    Exit code 1 says that a rule of severity error is broken.
    """
    from fleetmend.aws.inventory import scanner  # noqa: PLC0415 -- botocore
    from fleetmend.components.rules_file import load  # noqa: PLC0415 -- pydantic

    known = load(rules)
    where = target.region(region, lab=lab)
    with working(f"judging {', '.join(kinds(known))} in {where}"):
        found, tally = _judge(scanner(where), known)
    if json:
        as_json(_machine(known, where, found, tally))
    else:
        _show(found, tally)
    broken = tally.by_severity[Severity.ERROR.value]
    raise typer.Exit(Exit.FINDINGS if broken else Exit.FINE)


def _judge(client: "Client", rules: Rules) -> tuple[list[Finding], Tally]:
    from fleetmend.aws.inventory import scan  # noqa: PLC0415 -- botocore

    found: list[Finding] = []
    tally = Tally()
    today = datetime.now(UTC).date()
    for kind in kinds(rules):
        for batch in scan(client, kind):
            found += examine(rules, batch.resources, tally, today)
    return sorted(found, key=lambda one: (list(Severity).index(one.severity), one.name)), tally


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
    out.print(
        f"[bold]{tally.judged - tally.violating} of {tally.judged}[/] resources comply "
        f"({100 * tally.rate:.1f} %)"
    )


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


def told(one: Finding) -> str:
    """What is wrong with a tag, as a sentence."""
    match one.problem.value:
        case "missing":
            return f"no tag {one.key}"
        case "near-key":
            return f"{one.found!r} instead of {one.key!r}"
        case "near-value":
            return f"{one.key}={one.found!r} is nearly {one.expected}"
        case "empty":
            return f"{one.key} is empty; {one.expected} would do"
        case _:
            return f"{one.key}={one.found!r} is not {one.expected}"

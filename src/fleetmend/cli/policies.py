"""What operators set without a deployment: `fleetmend policy`."""

import json
from typing import Annotated, Any

import typer

from fleetmend.cli import options, target
from fleetmend.cli.failures import wrong
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out, table
from fleetmend.core.declared import BY_CONCERN
from fleetmend.core.fields import DEPLOYED, Declared, plain

app = typer.Typer()

EVERYTHING = "all"


@app.command(
    epilog=examples(
        "fleetmend policy recovery",
        "fleetmend policy recovery max_attempts=5 mass_stop=pace",
        "fleetmend policy recovery --clear max_attempts",
    )
)
def policy(
    concern: options.Concern,
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]...", help="What is to be so from now on."),
    ] = None,
    *,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Let what was deployed be in force again; may be repeated, and `all` is all.",
            show_default=False,
        ),
    ] = None,
    environment: options.Environment = None,
    project: options.Project = "fleetmend",
    region: options.Region = None,
    lab: options.Lab = None,
    json: options.Json = False,
) -> None:
    """Show or override a concern's policy. No deployment takes back what is set here.

    Values are JSON or plain text, durations in seconds. What a function would not take is refused.
    """
    known = target.concern(concern, target.SWITCHED)
    changes, cleared = _changes(fields or []), set(clear or [])
    table_of = BY_CONCERN[known]
    whom = target.find(environment=environment, project=project, region=region, lab=lab)
    deployed = whom.installation.deployed(known)
    kept = {} if EVERYTHING in cleared else whom.installation.overrides(known)
    _refuse_unknown(cleared - {EVERYTHING}, table_of)
    overrides = {name: value for name, value in kept.items() if name not in cleared} | changes
    if changes or cleared:
        _refuse(table_of, deployed, kept, overrides)
        whom.installation.override(known, overrides)
    rows = _rows(table_of, deployed, overrides)
    if json:
        as_json({"concern": known, "overrides": overrides, "fields": rows})
        return
    cells = [[row["field"], _said(row["value"]), row["from"]] for row in rows]
    out.print(table("field", "in force", "from", rows=cells))


def _changes(given: list[str]) -> dict[str, object]:
    changes: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise wrong(f"{text!r} is no assignment", "write FIELD=VALUE, such as max_attempts=5")
        try:
            changes[name] = json.loads(value)
        except ValueError:
            changes[name] = value
    return changes


def _refuse_unknown(names: set[str], declared: Declared[Any]) -> None:
    unknown = sorted(names - set(declared.fields))
    if unknown:
        known = ", ".join(sorted(declared.fields))
        raise wrong(f"there is no field {', '.join(unknown)}", f"there are: {known}")


def _refuse(
    declared: Declared[Any],
    deployed: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """Refuse what the function would not take; old mistakes stand in nobody's way."""
    old = _problems(declared, deployed, before)
    new = [problem for problem in _problems(declared, deployed, after) if problem not in old]
    if new:
        raise wrong("; ".join(new), "nothing was changed")


def _problems(
    declared: Declared[Any], deployed: dict[str, Any], overrides: dict[str, Any]
) -> list[str]:
    problems: list[str] = []
    base = declared.parse(json.dumps(deployed), "deployed", [])
    declared.parse(json.dumps(overrides), "policy", problems, over=base, fixed=DEPLOYED)
    return problems


def _rows(
    declared: Declared[Any], deployed: dict[str, Any], overrides: dict[str, Any]
) -> list[dict[str, Any]]:
    """One row for each field: its value as it was given, and who gave it."""

    def row(name: str) -> dict[str, Any]:
        for values, source in ((overrides, "operator"), (deployed, "deployment")):
            if name in values:
                return {"field": name, "value": values[name], "from": source}
        value = plain(getattr(declared.default, name))
        return {"field": name, "value": value, "from": "default"}

    return [row(name) for name in sorted(declared.fields)]


def _said(value: object) -> str:
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

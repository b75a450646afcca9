"""The infrastructure: judged, exported, planned, brought up and taken down."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fleetmend.cli import options, program
from fleetmend.cli.failures import Exit, Failure
from fleetmend.cli.leaving import Leaving
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, err, escape, out, working

if TYPE_CHECKING:
    from fleetmend.deploy.check import Finding
    from fleetmend.deploy.engine import Engine

app = typer.Typer()
export = typer.Typer(no_args_is_help=True, help="The same program for other tools.")

EngineName = Annotated[
    Literal["auto", "pulumi", "terraform", "tofu"],
    typer.Option(
        "--engine",
        metavar="auto|pulumi|terraform|tofu",
        help="auto takes the first that is installed, in this order.",
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--folder", metavar="DIR", help="Terraform's configuration and state; keep it safe."
    ),
]
FOLDER = Path("deployed")

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


@app.command(
    epilog=examples(
        "fleetmend check --config infra/Pulumi.dev.yaml",
        "fleetmend check --set environmentSuffix=dev --set region=us-east-1 --strict",
    )
)
def check(
    *,
    config: program.Config = None,
    given: program.Given = None,
    source: program.Source = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    json: options.Json = False,
) -> None:
    """Judge the planned resources before anything exists (docs/checks.md lists the rules).

    Exit code 1 says that there are errors, with --strict also that there are warnings.
    """
    from fleetmend.deploy.check import check as judged  # noqa: PLC0415 -- not for every command

    with working("capturing the resources and judging them"):
        graph = program.read(config, given, source, judging=True).captured()
        findings = judged(graph)
    counts = Counter(str(finding.severity) for finding in findings)
    if json:
        counted = {name: counts[name] for name in _STYLES}
        found = [finding.as_json() for finding in findings]
        as_json({"resources": len(graph.nodes), "counts": counted, "findings": found})
    else:
        for finding in sorted(findings, key=lambda one: list(_STYLES).index(one.severity)):
            _print_finding(finding)
        told = ", ".join(f"{counts[name]} {name}" for name in _STYLES if counts[name])
        out.print(f"{len(graph.nodes)} resources: {told or '[green]nothing found[/]'}")
    failed = counts["error"] or (strict and counts["warning"])
    raise typer.Exit(Exit.FINDINGS if failed else Exit.FINE)


@export.command(epilog=examples("fleetmend export terraform out/terraform --config dev.yaml"))
def terraform(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    *,
    config: program.Config = None,
    given: program.Given = None,
    source: program.Source = None,
    json: options.Json = False,
) -> None:
    """Write the program as Terraform JSON that `terraform apply` takes (docs/export.md)."""
    from fleetmend.deploy.export import export as exported  # noqa: PLC0415

    with working("capturing the resources and writing Terraform JSON"):
        report = exported(program.read(config, given, source).captured(), folder)
    if json:
        as_json(
            {
                "out": str(report.out),
                "files": report.files,
                "resources": report.resources,
                "data_sources": report.data_sources,
                "outputs": report.outputs,
                "secrets": report.secrets,
                "left_out": report.left_out,
            }
        )
        return
    out.print(f"{report.resources} resources and {report.data_sources} data sources in {folder}:")
    for file in report.files:
        out.print(f"  {escape(file)}")
    for line in report.left_out:
        out.print(f"[yellow]left out:[/] {escape(line)}")


@app.command(epilog=examples("fleetmend plan --config infra/Pulumi.dev.yaml"))
def plan(
    *,
    config: program.Config = None,
    given: program.Given = None,
    source: program.Source = None,
    engine: EngineName = "auto",
    folder: Folder = FOLDER,
    json: options.Json = False,
) -> None:
    """Show what `up` would do, through Pulumi, Terraform or OpenTofu."""
    what = program.read(config, given, source)
    _drive("plan", _engine(what, engine, folder), machine=json)


@app.command(epilog=examples("fleetmend up --config infra/Pulumi.dev.yaml"))
def up(
    *,
    config: program.Config = None,
    given: program.Given = None,
    source: program.Source = None,
    engine: EngineName = "auto",
    folder: Folder = FOLDER,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: options.Json = False,
) -> None:
    """Make the infrastructure as the settings say. One that fails says how to go on or back."""
    chosen = _engine(program.read(config, given, source), engine, folder)
    _ask(f"Change AWS with {chosen.name}?", yes=yes, machine=json)
    _drive("up", chosen, machine=json)


@app.command(
    epilog=examples(
        "fleetmend down --config infra/Pulumi.dev.yaml",
        "fleetmend down --config infra/Pulumi.dev.yaml --purge",
    )
)
def down(
    *,
    config: program.Config = None,
    given: program.Given = None,
    source: program.Source = None,
    engine: EngineName = "auto",
    folder: Folder = FOLDER,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Delete recovery points, snapshots and images too; refused in production.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: options.Json = False,
) -> None:
    """Remove the infrastructure, and list what remains and why."""
    what = program.read(config, given, source)
    leaving = Leaving(what, purge=purge)
    chosen = _engine(what, engine, folder)
    _ask(leaving.question(chosen.name), yes=yes, machine=json)
    purged = leaving.clear()
    lines = _driven("down", chosen, machine=json)
    remaining = leaving.remains()
    if json:
        as_json({**_told(chosen, lines), "purged": purged, "remains": remaining})
        return
    for name in purged:
        out.print(f"purged: {escape(name)}")
    for line in remaining:
        out.print(f"remains: {escape(line)}")
    out.print(f"[bold]{chosen.changes}[/]")


def _engine(
    what: program.Program,
    name: Literal["auto", "pulumi", "terraform", "tofu"],
    folder: Path,
) -> "Engine":
    from fleetmend.deploy.engine import Deployment, EngineError, choose  # noqa: PLC0415

    deployment = Deployment(
        program=what.declare,
        config=what.config,
        folder=folder,
        project=what.project,
        stack=what.stack,
        secret_keys=what.secrets,
    )
    try:
        return choose(deployment, prefer=name)
    except EngineError as error:
        raise Failure(str(error), error.remedy, code=Exit.WRONG_USE) from error


def _drive(doing: Literal["plan", "up"], engine: "Engine", *, machine: bool) -> None:
    """Let the engine work, and tell what came of it."""
    lines = _driven(doing, engine, machine=machine)
    if machine:
        as_json(_told(engine, lines))
    else:
        out.print(f"[bold]{engine.changes}[/]")


def _driven(doing: Literal["plan", "up", "down"], engine: "Engine", *, machine: bool) -> list[str]:
    """Let the engine work; its lines are shown as they come, and given."""
    from fleetmend.deploy.engine import EngineError  # noqa: PLC0415

    lines: list[str] = []
    steps = {"plan": engine.plan, "up": engine.up, "down": engine.down}
    try:
        with working(f"{engine.name}: {doing}"):
            for line in steps[doing]():
                lines.append(line)
                if not machine:
                    out.print(escape(line))
    except EngineError as error:
        there = "".join(f"\n  exists: {name}" for name in error.exists)
        raise Failure(f"{error}{there}", error.remedy) from error
    return lines


def _told(engine: "Engine", lines: list[str]) -> dict[str, object]:
    changes = engine.changes
    counted = {"add": changes.add, "change": changes.change, "remove": changes.remove}
    return {"engine": engine.name, "changes": counted, "lines": lines}


def _ask(question: str, *, yes: bool, machine: bool) -> None:
    if yes:
        return
    if machine or not err.is_terminal:
        raise Failure(
            "nobody is there to be asked", "give --yes if you are sure", code=Exit.WRONG_USE
        )
    if not typer.confirm(question, err=True):
        raise Failure("nothing was done", code=Exit.WRONG_USE)


def _print_finding(finding: "Finding") -> None:
    style = _STYLES[finding.severity]
    rule = escape(f"[{finding.rule}]")
    out.print(f"[{style}]{finding.severity}[/] {escape(finding.resource)} [dim]{rule}[/]")
    out.print(f"  {escape(finding.message)}")
    if finding.value:
        out.print(f"  at fault: {escape(finding.value)}")
    if finding.accepted:
        out.print(f"  accepted: {escape(finding.accepted)}")
    elif finding.remedy:
        out.print(f"  remedy: {escape(finding.remedy)}")

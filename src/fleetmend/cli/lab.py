"""The lab: the embedded AWS, and scenarios played in it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fleetmend.cli import options
from fleetmend.cli.failures import Exit, wrong
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, note, out, table, working

if TYPE_CHECKING:
    from fleetmend.cli.playing import World

app = typer.Typer(
    no_args_is_help=True,
    help="The embedded AWS, and scenarios played in it.",
    epilog=examples("fleetmend lab run scenarios/demo.yaml --world sim"),
)


@app.command(
    epilog=examples(
        "fleetmend lab run scenarios/demo.yaml",
        "fleetmend lab run scenarios/demo.yaml --world emulator --speed 20 --json",
    )
)
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario (docs/lab.md).")],
    *,
    world: Annotated[
        Literal["sim", "emulator"],
        typer.Option(
            metavar="sim|emulator",
            help="In virtual time, or over the wire against the embedded AWS.",
        ),
    ] = "sim",
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=1,
            max=200,
            help="Scenario seconds per real second, instead of the file's; emulator only.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Instead of the file's seed.", show_default=False),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Write the HTML report too.", show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Play a scenario and judge it. Exit code 1 says that an expectation did not hold."""
    from fleetmend.cli import playing  # noqa: PLC0415 -- the lab takes a second to import
    from fleetmend.lab import report  # noqa: PLC0415
    from fleetmend.lab.judge import result  # noqa: PLC0415
    from fleetmend.lab.scenario import load  # noqa: PLC0415

    where: World = world
    scenario = load(file)
    history, found = playing.play(scenario, where, speed=speed, seed=seed, quiet=json)
    written = None
    if html:
        written = report.write(html, scenario, history, found)
    if json:
        as_json(result(history, found))
    else:
        playing.told(scenario, history, found)
        if written:
            out.print(f"\nThe report: [bold]{escape(str(written))}[/]")
    held = all(verdict.held for verdict in found)
    raise typer.Exit(Exit.FINE if held else Exit.FINDINGS)


@app.command(epilog=examples("fleetmend lab up", "fleetmend lab up scenarios/demo.yaml --speed 20"))
def up(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A scenario whose fleet to make; the demo's if none."
        ),
    ] = None,
    *,
    speed: Annotated[
        float, typer.Option(metavar="N", min=1, max=200, help="How much faster time goes by.")
    ] = 1.0,
    json: options.Json = False,
) -> None:
    """Start an embedded AWS with an installation and a fleet, and leave it running.

    While it runs, the other commands talk to it, and so does any AWS tool with its variables.
    The scenario's timeline is not played: break things yourself.
    """
    from fleetmend.cli import playing  # noqa: PLC0415 -- the lab takes a second to import
    from fleetmend.cli.building import built  # noqa: PLC0415
    from fleetmend.lab import emulator  # noqa: PLC0415
    from fleetmend.lab.scenario import load  # noqa: PLC0415

    running = emulator.find()
    if running:
        raise wrong(f"a lab is up already (process {running.pid})", "fleetmend lab down")
    scenario = load(file) if file else playing.shipped("demo")
    with (
        working("starting the lab"),
        built(scenario.region, scenario.concern) as build,
    ):
        state = emulator.up(
            graph=build.graph,
            artifact=build.artifact,
            scenario=scenario,
            speed=speed,
            tell=note,
        )
    if json:
        as_json(asdict(state))
        return
    rows = [[escape(name), identity] for name, identity in state.fleet.items()]
    out.print(table("instance", "id", rows=rows))
    for name, value in state.environment.items():
        out.print(f"export {name}={value}")
    out.print("\nnext: fleetmend status; it runs until: fleetmend lab down")


@app.command(epilog=examples("fleetmend lab down"))
def down(*, json: options.Json = False) -> None:
    """Stop the lab that `lab up` started; nothing of it is kept."""
    from fleetmend.lab import emulator  # noqa: PLC0415 -- the lab takes a second to import

    ended = emulator.down()
    if json:
        as_json({"ended": ended})
    else:
        out.print("the lab is down" if ended else "no lab was running")

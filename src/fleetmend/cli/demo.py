"""The demo: the main job, nothing needed but Python."""

from pathlib import Path
from typing import Annotated

import typer

from fleetmend.cli import options
from fleetmend.cli.failures import Exit
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out

app = typer.Typer()

SPEED = 20.0
"""Slow enough that a cold start of the function (a second) is not minutes of scenario time."""


@app.command(epilog=examples("fleetmend demo", "fleetmend demo --speed 10 --out out/slow"))
def demo(
    *,
    speed: Annotated[
        float, typer.Option(metavar="N", min=1, max=60, help="Scenario seconds per real second.")
    ] = SPEED,
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the report goes.")
    ] = Path("out/demo"),
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also save the last view as an SVG.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Break a small fleet on the embedded AWS, watch it heal, and write a report.

    Needs no AWS account and no Docker: everything runs on this machine and ends with it.
    """
    from fleetmend.cli import playing  # noqa: PLC0415 -- the lab takes a second to import
    from fleetmend.lab import report  # noqa: PLC0415
    from fleetmend.lab.judge import result  # noqa: PLC0415

    scenario = playing.shipped("demo")
    history, found = playing.play(scenario, "emulator", speed=speed, seed=None, quiet=json)
    written = report.write(folder / "report.html", scenario, history, found, speed=speed)
    if picture:
        playing.picture(scenario, history, found, picture)
    if json:
        as_json({**result(history, found), "report": str(written)})
    else:
        playing.told(scenario, history, found)
        out.print(f"\nThe report with its timeline: [bold]{escape(str(written))}[/]")
    held = all(verdict.held for verdict in found)
    raise typer.Exit(Exit.FINE if held else Exit.FINDINGS)

"""The demo: the main job, nothing needed but Python."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fleetmend.cli import options
from fleetmend.cli.failures import Exit
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out

app = typer.Typer()

SCENES = ("demo", "demo-health")
"""The shipped scenarios that are played, one after the other."""


@app.command(epilog=examples("fleetmend demo", "fleetmend demo --speed 10 --out out/slow"))
def demo(
    *,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=1,
            max=60,
            help="Scenario seconds per real second, instead of the scenes' own.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the reports go.")
    ] = Path("out/demo"),
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also save the last view as an SVG.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Break small fleets on the embedded AWS, watch them heal, and write reports.

    First instances stop, then instances of groups fall ill: one, and many at once.

    Needs no AWS account and no Docker: everything runs on this machine and ends with it.
    """
    from fleetmend.cli import playing  # noqa: PLC0415 -- the lab takes a second to import
    from fleetmend.lab import report  # noqa: PLC0415
    from fleetmend.lab.judge import result  # noqa: PLC0415

    scenes: list[playing.Scene] = []
    results: list[dict[str, Any]] = []
    for name in SCENES:
        scenario = playing.shipped(name)
        history, found = playing.play(scenario, "emulator", speed=speed, seed=None, quiet=json)
        scenes.append((scenario, history, found))
        file = folder / f"{scenario.concern}.html"
        written = report.write(file, scenario, history, found)
        results.append({**result(history, found), "report": str(written)})
        if not json:
            playing.told(scenario, history, found)
            out.print(f"\nThe report with its timeline: [bold]{escape(str(written))}[/]\n")
    if picture:
        playing.picture(scenes, picture)
    held = all(verdict.held for _, _, found in scenes for verdict in found)
    if json:
        as_json({"held": held, "scenes": results})
    raise typer.Exit(Exit.FINE if held else Exit.FINDINGS)

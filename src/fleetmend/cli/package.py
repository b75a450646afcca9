"""The Lambda artifact as a file."""

from pathlib import Path
from typing import Annotated

import typer

from fleetmend.cli import options
from fleetmend.cli.options import examples
from fleetmend.cli.output import as_json, escape, out, working

app = typer.Typer()


@app.command(epilog=examples("fleetmend package --out dist"))
def package(
    *,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it goes.")],
    json: options.Json = False,
) -> None:
    """Make the one Lambda artifact, the same bytes wherever it is made.

    It holds the functions and their pure-Python dependencies, pinned: one zip for all functions,
    any architecture, any supported runtime.
    """
    from fleetmend.deploy import package as packaging  # noqa: PLC0415

    with working("packaging"):
        made = packaging.package(folder)
    if json:
        as_json({"path": str(made.path), "bytes": made.size, "sha256": made.sha256})
        return
    out.print(f"{escape(str(made.path))}\n{made.size} bytes\nSHA-256 {made.sha256}")

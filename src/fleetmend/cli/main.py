"""The command `fleetmend`: its commands, and how it ends."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import fleetmend
from fleetmend.cli import (
    complying,
    demo,
    infrastructure,
    lab,
    operating,
    output,
    package,
    policies,
    questions,
    remedying,
    watching,
)
from fleetmend.cli.failures import Exit, explained
from fleetmend.cli.options import examples

app = typer.Typer(
    name="fleetmend",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("fleetmend demo", "fleetmend status", "fleetmend COMMAND --help"),
)
for part in (
    demo.app,
    watching.app,
    operating.app,
    policies.app,
    complying.app,
    remedying.app,
    questions.app,
    infrastructure.app,
    package.app,
):
    app.add_typer(part)
app.add_typer(infrastructure.export, name="export")
app.add_typer(lab.app, name="lab")


def _version(asked: bool) -> None:  # noqa: FBT001 -- Typer calls it so
    if asked:
        output.out.print(f"fleetmend {fleetmend.__version__}")
        raise typer.Exit


@app.callback()
def fleetmend_options(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works anywhere.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep an EC2 fleet running, reversible and accountable.

    Exit codes: 0 fine, 1 findings, 2 wrong use, 3 AWS refused or a result is incomplete.
    """
    del debug, version  # main and _version have seen to them


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; an error is a sentence with its remedy."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    rest = [word for word in given if word != "--debug"]
    try:
        app(rest, prog_name="fleetmend")
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- told as a sentence below
        if debug:
            output.err.print_exception()
        failure = explained(error)
        output.failed(failure, machine="--json" in rest)
        sys.exit(failure.code)
    sys.exit(Exit.FINE)

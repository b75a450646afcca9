"""The page `docs/cli.md`, made from the commands themselves.

`python -m fleetmend.cli.reference docs/cli.md` writes it; a test keeps it the same.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import typer
from rich.text import Text

from fleetmend.cli.main import app

_HEAD = """\
# Command line

This page is generated: `python -m fleetmend.cli.reference docs/cli.md`.

Every command has `--help` with an example, and `--json` where it prints a result. Results go to
standard output, everything else to standard error. `--debug` anywhere shows the traceback behind
an error.

| exit code | means |
|---|---|
| 0 | fine |
| 1 | findings: an expectation that did not hold, an error in `check`, one who waits in `status` |
| 2 | wrong use: an unknown option, a file that cannot be used, settings that are wrong |
| 3 | AWS refused or did not answer, or a result is incomplete |

Commands that speak to an installation take the running lab of the current folder if there is one
(and say so), else the installation named by `--environment`, `--project` and `--region`. They find
its parts by one parameter, `/{project}/{suffix}/installation`. None of them acts on instances
itself: they read, set a parameter, or put a message on the controller's queue.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, groups left out, in the order of `--help`."""
    yield from _below("fleetmend", cast("Any", typer.main.get_command(app)))


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands())])


def examples(command: Any) -> list[str]:  # noqa: ANN401 -- Typer's command class is private
    """The command lines shown at the end of a command's help."""
    plain = Text.from_markup(command.epilog or "").plain
    return [line[2:] for line in plain.splitlines() if line.startswith("$ ")]


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, each in inner.items():
        yield from _below(f"{name} {word}", each)


def _section(name: str, command: Any) -> str:  # noqa: ANN401
    given = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(_place(p) for p in given)])
    lines = [f"## `{usage}`", "", " ".join((command.help or "").split()), ""]
    rows = [(_place(p), p.help or "") for p in given] + [_option(p) for p in options]
    if rows:
        lines += ["| | |", "|---|---|"]
        lines += [f"| `{_cell(left)}` | {_cell(right)} |" for left, right in rows]
        lines.append("")
    return "\n".join([*lines, "```", *examples(command), "```", ""])


def _cell(text: str) -> str:
    """Text that breaks no table: GitHub's Markdown wants bars escaped, inside code as well."""
    return " ".join(text.split()).replace("|", "\\|")


def _place(parameter: Any) -> str:  # noqa: ANN401
    return str(parameter.metavar or parameter.name.upper())


def _option(parameter: Any) -> tuple[str, str]:  # noqa: ANN401
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    metavar = "" if parameter.is_flag else f" {_place(parameter)}"
    told = [parameter.help or ""]
    if parameter.required:
        told.append("Required.")
    elif parameter.show_default and parameter.default not in (None, False):
        told.append(f"Default: {_shown(parameter.default)}.")
    return f"{names}{metavar}", " ".join(told)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")

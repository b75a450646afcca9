"""What commands print: results on standard output, everything else on standard error."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fleetmend.cli.failures import Failure

WIDE = 160
"""Columns where there is no terminal that says how many it has."""

TALL = 50
"""Lines where there is no terminal."""

out = Console(
    highlight=False,
    soft_wrap=not sys.stdout.isatty(),
    width=None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", WIDE)),
    height=None if sys.stdout.isatty() else TALL,  # with both, Rich asks no terminal
)
"""For results; piped, lines are not wrapped, so that they can be searched."""

err = Console(stderr=True, highlight=False)
"""For progress, notes and errors, so that a pipe gets results alone."""

COLOURS = {
    "healthy": "green",
    "running": "green",
    "recovered": "green",
    "closed": "green",
    "pending": "yellow",
    "open": "yellow",
    "stopping": "yellow",
    "refused": "cyan",
    "stopped": "red",
    "exhausted": "red",
    "impaired": "red",
    "terminated": "red",
}
"""One colour for a state or a status wherever it is shown."""


def coloured(word: str) -> str:
    """A state or a status in its colour, as Rich markup."""
    colour = COLOURS.get(word)
    return f"[{colour}]{escape(word)}[/]" if colour else escape(word)


def as_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def note(text: str) -> None:
    """Say something beside the result."""
    err.print(escape(text), style="dim")


def failed(failure: Failure, *, machine: bool) -> None:
    """Print a failure; for machines as a JSON document on standard output too."""
    if machine:
        error = {"message": failure.sentence, "remedy": failure.remedy, "exit": int(failure.code)}
        as_json({"error": error})
    err.print(f"[bold red]error:[/] {escape(failure.sentence)}", soft_wrap=True)
    if failure.remedy:
        err.print(f"[bold]remedy:[/] {escape(failure.remedy)}", soft_wrap=True)


def table(*columns: str, rows: Iterable[Iterable[str]], title: str = "") -> Table:
    """A plain table; cells are Rich markup."""
    made = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        made.add_row(*row)
    return made


@contextlib.contextmanager
def working(doing: str) -> Generator[Callable[[str], None]]:
    """Show that something takes its time: a spinner on a terminal, one line elsewhere.

    What it gives says how far it has come, each time that there is something new to say.
    """
    if err.is_terminal:
        with err.status(escape(doing)) as status:
            yield lambda how_far: status.update(escape(f"{doing}: {how_far}"))
    else:
        note(doing)
        yield note


def moment(at: datetime | None) -> str:
    """A time for people, always UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "-"

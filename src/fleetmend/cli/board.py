"""A story on the terminal: who stands where, what happened, who was told."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fleetmend.cli.output import coloured
from fleetmend.lab.history import Event, History
from fleetmend.lab.judge import Verdict
from fleetmend.lab.report import clock, spoken_figures
from fleetmend.lab.story import Life, Story, is_news, named, sentence

_MARKS = {
    "fault": ("✗", "red"),
    "state": ("·", "dim"),
    "call": ("→", "blue"),
    "alert": ("✉", "magenta"),
    "record": ("□", "cyan"),
    "run": ("!", "yellow"),
}
"""One mark and colour for each kind of event."""

_CHROME = 11
"""Lines that the live view needs beside its tables."""


def live(story: Story, now: float, console: Console) -> RenderableType:
    """The whole view at one moment, as tall as the terminal allows."""
    room = max(6, console.height - len(story.lives) - _CHROME)
    alerts = story.alerts[-min(4, room // 3) :]
    return Group(
        _headline(story, now),
        instances(story),
        Panel(happenings(story, room - len(alerts)), title="what happens", title_align="left"),
        Panel(delivered(alerts), title="alerts delivered", title_align="left"),
    )


def instances(story: Story) -> RenderableType:
    """Who was touched, who was not, and why."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name in ("instance", "state", "touched", "starts"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", no_wrap=True, ratio=1)
    for life in story.lives.values():
        table.add_row(
            escape(life.name),
            coloured(life.state),
            "[blue]yes[/]" if life.touched else "no",
            _starts(life),
            escape(life.why) if life.troubles or life.touched else "[dim]nothing is wrong[/]",
        )
    return table


def happenings(story: Story, most: int) -> RenderableType:
    """The last things that happened, oldest first, one line each."""
    news = [event for event in story.events if is_news(event)]
    return Group(*(line(event) for event in news[-most:])) if news else Text("nothing yet")


def line(event: Event) -> Text:
    """One event as a line that is cut at the terminal's edge."""
    mark, style = _MARKS[event.kind]
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{clock(event.at):>7} ", style="dim")
    text.append(f"{mark} ", style=style)
    text.append(sentence(event).replace("\n", " "), style=style if event.kind == "fault" else "")
    return text


def delivered(alerts: Iterable[Event]) -> RenderableType:
    """Alerts, a line each."""
    lines = [
        Text(f"{clock(alert.at):>7} ✉ {_first_line(alert)}", no_wrap=True, overflow="ellipsis")
        for alert in alerts
    ]
    return Group(*lines) if lines else Text("none yet", style="dim")


def figures(history: History) -> RenderableType:
    """The figures people ask for first."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for words, value in spoken_figures(history):
        table.add_row(words, f"[bold]{value}[/]")
    return table


def verdicts(found: Sequence[Verdict]) -> RenderableType:
    """What was expected, and whether it held."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for verdict in found:
        mark = "[green]held[/]" if verdict.held else "[bold red]broken[/]"
        table.add_row(mark, escape(verdict.expect), f"[dim]{escape(verdict.detail)}[/]")
    return table


def _headline(story: Story, now: float) -> RenderableType:
    end = story.scenario.end
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    grid.add_row(
        f"[bold]{escape(story.scenario.name)}[/]",
        ProgressBar(total=end, completed=min(now, end)),
        f"{clock(now)} of {clock(end)}",
    )
    return grid


def _starts(life: Life) -> str:
    refused = len(life.starts) - life.issued
    return f"{life.issued}" + (f" [dim](+{refused} refused)[/]" if refused else "")


def _first_line(alert: Event) -> str:
    return f"{alert.what}: {named(alert).splitlines()[0] if named(alert) else ''}"

"""Playing a scenario for somebody who watches, and saying what came of it."""

import contextlib
import io
import re
from collections.abc import Generator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group, RenderableType
from rich.live import Live

import fleetmend
from fleetmend.cli import board
from fleetmend.cli.building import built
from fleetmend.cli.failures import wrong
from fleetmend.cli.output import err, escape, note, out, working
from fleetmend.lab import emulator, live, sim
from fleetmend.lab.history import History
from fleetmend.lab.judge import Verdict, judge
from fleetmend.lab.report import clock
from fleetmend.lab.scenario import Scenario, load
from fleetmend.lab.story import Story, is_news, sentence

_LEFT_OUT = "not installed:"
"""What the lab leaves out is counted in a line of its own; one line for each helps nobody."""

World = Literal["sim", "emulator"]

_WHO = "Who was touched, who was not, and why"
_FIGURES = "Figures, in scenario time"
_PICTURED = (_WHO, _FIGURES)

Scene = tuple[Scenario, History, Sequence[Verdict]]
"""A scenario, what came of it, and what the judge said."""

PICTURE_WIDTH = 118
"""Columns of a saved picture: what fits a page."""


def shipped(name: str) -> Scenario:
    """A scenario that comes with Fleetmend."""
    packaged = Path(str(files(fleetmend) / "scenarios"))
    folder = packaged if packaged.is_dir() else Path(fleetmend.__file__).parents[2] / "scenarios"
    return load(folder / f"{name}.yaml")


def play(
    scenario: Scenario, world: World, *, speed: float | None, seed: int | None, quiet: bool
) -> tuple[History, list[Verdict]]:
    """Play a scenario and judge it; unless quiet, it can be watched meanwhile.

    `speed` goes before the scenario's own, for the emulator; a higher one is warned of.

    Raises:
        Failure: the scenario is not meant for that world.
        PortError: the embedded AWS failed.
    """
    if world not in scenario.worlds:
        fit = ", ".join(scenario.worlds)
        raise wrong(f"{scenario.name!r} is not meant for the {world} world", f"--world {fit}")
    if world == "sim":
        with working(f"playing {scenario.name!r} in virtual time"):
            history = sim.play(scenario, seed=seed)
        return history, judge(scenario, history)
    if seed is not None:
        scenario = scenario.model_copy(update={"seed": seed})
    if speed is not None and speed > scenario.speed:
        note(
            f"{scenario.name!r} is made for {scenario.speed:g} times the speed of time at most: "
            f"at {speed:g}, what covers real time may be too long for it"
        )
    speed = speed or scenario.speed
    history = _emulated(scenario, speed, quiet=quiet)
    return history, judge(scenario, history, tolerance=emulator.tolerance(speed))


def told(scenario: Scenario, history: History, found: Sequence[Verdict]) -> None:
    """Print who was touched and who not and why, the alerts, the figures and the verdicts."""
    story = Story(scenario).tell(history.events)
    for title, part in summary(story, history, found):
        out.print(f"\n[bold]{title}[/]")
        out.print(part)


def summary(
    story: Story, history: History, found: Sequence[Verdict]
) -> list[tuple[str, RenderableType]]:
    """The parts of what is said at the end, with their titles."""
    parts: list[tuple[str, RenderableType]] = [
        (_WHO, board.instances(story)),
        ("Alerts delivered", board.delivered(story.alerts)),
        (_FIGURES, board.figures(history)),
    ]
    return [*parts, ("Expectations", board.verdicts(found))] if found else parts


def picture(scenes: Sequence[Scene], file: Path) -> None:
    """Save what the terminal shows at the end of each play as one SVG.

    Raises:
        OSError: the file cannot be written.
    """
    console = Console(record=True, width=PICTURE_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print("[bold]$ make demo[/]")
    for scenario, history, found in scenes:
        story = Story(scenario).tell(history.events)
        news = [event for event in story.events if is_news(event) and event.kind != "state"]
        console.print(f"\n[bold]{escape(scenario.name)}[/]\n")
        console.print(Group(*map(board.line, news)))
        for title, part in summary(story, history, found):
            if title in _PICTURED:
                console.print(f"\n[bold]{title}[/]")
                console.print(part)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Rich names a font on another host; a picture that is to work offline names none.
    style = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    style = style.replace("Fira Code", "DejaVu Sans Mono")
    file.write_text(console.export_svg(title="fleetmend demo", code_format=style), encoding="utf-8")


def _emulated(scenario: Scenario, speed: float, *, quiet: bool) -> History:
    with contextlib.ExitStack() as stack:
        with working("packaging the Lambda artifact and capturing the installation's resources"):
            build = stack.enter_context(built(scenario.region, scenario.concern))
        watcher = stack.enter_context(_watcher(scenario, quiet=quiet))
        return live.play(
            scenario,
            graph=build.graph,
            artifact=build.artifact,
            speed=speed,
            tell=watcher.tell,
            seen=watcher.seen,
        )


class Watcher:
    """Looks on and says nothing; what others build on."""

    def tell(self, line: str) -> None:
        """One step of the preparation."""

    def seen(self, history: History, now: float) -> None:
        """What has happened so far, and the scenario time."""


class Lines(Watcher):
    """Prints what happens line by line, each once, for a log or a pipe."""

    def __init__(self) -> None:
        self._printed: set[tuple[float, str, str, str]] = set()

    def tell(self, line: str) -> None:
        """Print it."""
        if not line.startswith(_LEFT_OUT):
            note(line)

    def seen(self, history: History, now: float) -> None:
        """Print what is new; what lies in the last moment may still get company."""
        for event in history.events:
            key = (event.at, event.kind, event.what, event.subject)
            if event.at < now and is_news(event) and key not in self._printed:
                self._printed.add(key)
                err.print(f"{clock(event.at):>7}  {escape(sentence(event))}", soft_wrap=True)


class Screen(Watcher):
    """Shows the whole story on a terminal."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.live = Live(console=err, refresh_per_second=6)

    def tell(self, line: str) -> None:
        """Print it above the view."""
        if not line.startswith(_LEFT_OUT):
            self.live.console.print(escape(line), style="dim")

    def seen(self, history: History, now: float) -> None:
        """Draw it anew."""
        story = Story(self._scenario).tell(history.events)
        self.live.update(board.live(story, now, err))


@contextlib.contextmanager
def _watcher(scenario: Scenario, *, quiet: bool) -> Generator[Watcher]:
    """Whoever shows the play: nobody, a terminal, or the lines of a log."""
    if quiet:
        yield Watcher()
    elif not err.is_terminal:
        yield Lines()
    else:
        screen = Screen(scenario)
        with screen.live:
            yield screen

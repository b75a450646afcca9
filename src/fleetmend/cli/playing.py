"""Playing a scenario for somebody who watches, and saying what came of it."""

import contextlib
import threading
import time
from collections.abc import Generator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

from rich.console import Console, RenderableType
from rich.live import Live

import fleetmend
from fleetmend.cli import board
from fleetmend.cli.building import built
from fleetmend.cli.failures import wrong
from fleetmend.cli.output import err, escape, note, out, working
from fleetmend.lab import emulator, sim
from fleetmend.lab.history import Event, History
from fleetmend.lab.judge import Verdict, judge
from fleetmend.lab.report import clock
from fleetmend.lab.scenario import Scenario, load
from fleetmend.lab.story import Story, is_news, sentence

World = Literal["sim", "emulator"]

PICTURE_WIDTH = 118
"""Columns of a saved picture: what fits a page."""


def shipped(name: str) -> Scenario:
    """A scenario that comes with Fleetmend."""
    packaged = Path(str(files(fleetmend) / "scenarios"))
    folder = packaged if packaged.is_dir() else Path(fleetmend.__file__).parents[2] / "scenarios"
    return load(folder / f"{name}.yaml")


def play(
    scenario: Scenario, world: World, *, speed: float, seed: int | None, quiet: bool
) -> tuple[History, list[Verdict]]:
    """Play a scenario and judge it; unless quiet, it can be watched meanwhile.

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
        ("Who was touched, who was not, and why", board.instances(story)),
        ("Alerts delivered", board.delivered(story.alerts)),
        ("Figures, in scenario time", board.figures(history)),
    ]
    return [*parts, ("Expectations", board.verdicts(found))] if found else parts


def picture(scenario: Scenario, history: History, found: Sequence[Verdict], file: Path) -> None:
    """Save what the terminal shows at the end of a play as an SVG.

    Raises:
        OSError: the file cannot be written.
    """
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=PICTURE_WIDTH, file=nowhere, force_terminal=True)
        console.print("[bold]$ make demo[/]\n")
        story = Story(scenario).tell(history.events)
        console.print(board.happenings(story, len(story.events)))
        for title, part in summary(story, history, found):
            console.print(f"\n[bold]{title}[/]")
            console.print(part)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(console.export_svg(title="fleetmend demo"), encoding="utf-8")


def _emulated(scenario: Scenario, speed: float, *, quiet: bool) -> History:
    with contextlib.ExitStack() as stack:
        with working("packaging the Lambda artifact and capturing the installation's resources"):
            build = stack.enter_context(built(scenario.region))
        watcher = stack.enter_context(_watcher(scenario, speed, quiet=quiet))
        return emulator.play(
            scenario,
            graph=build.graph,
            artifact=build.artifact,
            speed=speed,
            tell=watcher.tell,
            watch=watcher.watch,
        )


class Watcher:
    """Looks on and says nothing; what others build on."""

    def tell(self, line: str) -> None:
        """One step of the preparation."""

    def watch(self, event: Event) -> None:
        """One event, about when it happens; called from another thread."""


class Lines(Watcher):
    """Prints what happens line by line, for a log or a pipe."""

    def tell(self, line: str) -> None:
        """The world also tells its timeline, indented; that comes as events."""
        if not line.startswith(" "):
            note(line)

    def watch(self, event: Event) -> None:
        """Print it if it is news."""
        if is_news(event):
            err.print(f"{clock(event.at):>7}  {escape(sentence(event))}", soft_wrap=True)


class Screen(Watcher):
    """Shows the whole story on a terminal, redrawn several times a second."""

    def __init__(self, scenario: Scenario, speed: float) -> None:
        self._scenario = scenario
        self._speed = speed
        self._events: list[Event] = []
        self._began: float | None = None
        self._lock = threading.Lock()
        self.live = Live(console=err, refresh_per_second=6, get_renderable=self.drawn)

    def tell(self, line: str) -> None:
        """Print it above the view."""
        if not line.startswith(" "):
            self.live.console.print(escape(line), style="dim")

    def watch(self, event: Event) -> None:
        """Take it into the story."""
        with self._lock:
            self._events.append(event)
            if self._began is None:
                self._began = time.monotonic() - event.at / self._speed

    def drawn(self) -> RenderableType:
        """The view at this moment. Events may come out of order by a moment: they are sorted."""
        with self._lock:
            events = sorted(self._events, key=lambda event: event.at)
            began = self._began
        if began is None:
            return ""
        now = (time.monotonic() - began) * self._speed
        story = Story(self._scenario).tell(events)
        return board.live(story, min(now, self._scenario.end), err)


@contextlib.contextmanager
def _watcher(scenario: Scenario, speed: float, *, quiet: bool) -> Generator[Watcher]:
    """Whoever shows the play: nobody, a terminal, or the lines of a log."""
    if quiet:
        yield Watcher()
    elif not err.is_terminal:
        yield Lines()
    else:
        screen = Screen(scenario, speed)
        with screen.live:
            yield screen

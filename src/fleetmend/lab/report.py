"""A play of a scenario as one HTML file that opens anywhere: offline, on paper, in the dark.

The timeline is drawn by plotly, whose script the file carries, so that every mark says what it
is under the pointer. The tables below it say the same without any script.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import jinja2

from fleetmend.lab import story as told
from fleetmend.lab.history import HEALTHY, Event, History
from fleetmend.lab.judge import Verdict
from fleetmend.lab.scenario import Scenario
from fleetmend.lab.story import Life, Story
from fleetmend.lab.words import in_words

TALLEST = 60
"""Rows of the plot. A larger fleet shows those that something happened to, the first ones."""

_STATES = {
    HEALTHY: ("healthy", "#2f9e6b"),
    "running": ("running, checks not ok yet", "#8fcfae"),
    "pending": ("pending", "#e6c229"),
    "stopping": ("stopping", "#f0a35e"),
    "stopped": ("stopped", "#d1495b"),
    "impaired": ("impaired", "#a23b72"),
    "shutting-down": ("shutting down", "#8d99ae"),
    "terminated": ("terminated", "#5c677d"),
}
"""State → its words in the legend and its colour, told apart by the colour-blind as well."""

_MARK = "#5b7db8"
"""Marks stand out on a bright page and on a dark one."""

_AXIS = {"gridcolor": "rgba(128,128,128,.25)", "zeroline": False}
_FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#8a8f98"}


def write(
    file: Path,
    scenario: Scenario,
    history: History,
    verdicts: Sequence[Verdict],
) -> Path:
    """Write the report and return where it is.

    Args:
        file: where to; folders are made.
        scenario: what was played.
        history: what came of it.
        verdicts: what the judge said.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html(scenario, history, verdicts), encoding="utf-8")
    return file


def html(scenario: Scenario, history: History, verdicts: Sequence[Verdict]) -> str:
    """The report as text."""
    story = Story(scenario).tell(history.events)
    lives = [life for life in story.lives.values() if life.troubles or life.touched or life.status]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fleetmend.lab"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["clock"] = clock
    return environment.get_template("report.html.jinja").render(
        history=history,
        speed=history.figures.get("speed", 1.0),
        held=all(verdict.held for verdict in verdicts),
        verdicts=verdicts,
        lives=story.lives.values(),
        untold=len(lives) - TALLEST,
        figures=list(spoken_figures(history)),
        alerts=story.alerts,
        timeline=[(event, told.sentence(event)) for event in history.events],
        news=told.is_news,
        named=told.named,
        states={state: colour for state, (_, colour) in _STATES.items()},
        plots=[
            _drawn(timeline_figure(lives[:TALLEST] or list(story.lives.values()), history), "time"),
            _drawn(calls_figure(history), "calls", again=True),
        ],
    )


def clock(seconds: float) -> str:
    """A moment of scenario time as `m:ss`, or `h:mm:ss` from an hour on."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def timeline_figure(lives: Sequence[Life], history: History) -> dict[str, Any]:
    """A row for each instance: its states as bars, what happened to it as marks.

    The figure is plotly's JSON: `data` and `layout`. Times on the x axis are minutes.
    """
    end = max([history.end, *(event.at for event in history.events)])
    bars = [
        _bars(state, lives, end)
        for state in _STATES
        if any(stretch.state == state for life in lives for stretch in life.stretches)
    ]
    marks = [
        _marks("breaks", "x-thin", [(life, e) for life in lives for e in life.troubles]),
        _marks(
            "start accepted",
            "triangle-up",
            [(life, e) for life in lives for e in life.starts if not e.detail.get("error")],
        ),
        _marks(
            "start refused",
            "triangle-down-open",
            [(life, e) for life in lives for e in life.starts if e.detail.get("error")],
        ),
        _marks("alert", "diamond", [(life, e) for life in lives for e in life.alerts]),
    ]
    return {
        "data": [*bars, *(mark for mark in marks if mark["x"])],
        "layout": {
            "barmode": "overlay",
            "height": 170 + 34 * len(lives),
            "margin": {"l": 10, "r": 10, "t": 10, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": _FONT,
            "hovermode": "closest",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            "xaxis": {
                **_AXIS,
                "title": {"text": "minutes of scenario time"},
                "range": [0, end / 60],
            },
            "yaxis": {**_AXIS, "autorange": "reversed", "automargin": True, "type": "category"},
        },
    }


def calls_figure(history: History) -> dict[str, Any]:
    """The calls to AWS over time, added up, a line for each operation."""
    calls = history.of("call")
    operations = sorted({event.what for event in calls})
    lines: list[dict[str, Any]] = []
    for operation in operations:
        times = [event.at / 60 for event in calls if event.what == operation]
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "line": {"shape": "hv", "width": 1.5},
                "name": f"{operation} ({len(times)})",
                "x": [0.0, *times],
                "y": list(range(len(times) + 1)),
            }
        )
    return {
        "data": lines,
        "layout": {
            "height": 340,
            "margin": {"l": 10, "r": 10, "t": 10, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": _FONT,
            "xaxis": {
                **_AXIS,
                "title": {"text": "minutes of scenario time"},
                "rangemode": "tozero",
            },
            "yaxis": {**_AXIS, "title": {"text": "calls"}, "automargin": True},
        },
    }


def _bars(state: str, lives: Sequence[Life], end: float) -> dict[str, Any]:
    words, colour = _STATES[state]
    rows = [
        (life.name, stretch.start, stretch.end if stretch.end is not None else end)
        for life in lives
        for stretch in life.stretches
        if stretch.state == state
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": words,
        "marker": {"color": colour},
        "width": 0.5,
        "y": [name for name, _, _ in rows],
        "base": [start / 60 for _, start, _ in rows],
        "x": [(until - start) / 60 for _, start, until in rows],
        "hovertext": [
            f"{name}: {words}<br>{clock(start)} to {clock(until)}, {in_words(round(until - start))}"
            for name, start, until in rows
        ],
        "hoverinfo": "text",
    }


def _marks(words: str, symbol: str, marked: Iterable[tuple[Life, Event]]) -> dict[str, Any]:
    pairs = list(marked)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words,
        "marker": {
            "symbol": symbol,
            "size": 11,
            "color": _MARK,
            "line": {"width": 2, "color": _MARK},
        },
        "x": [event.at / 60 for _, event in pairs],
        "y": [life.name for life, _ in pairs],
        "hovertext": [f"{clock(event.at)} {_escaped(told.sentence(event))}" for _, event in pairs],
        "hoverinfo": "text",
    }


def _escaped(text: str) -> str:
    """Plotly reads tags in its labels; text from AWS or a scenario must not become one."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _drawn(figure: dict[str, Any], name: str, *, again: bool = False) -> str:
    """The figure as HTML; plotly's script comes with the first one."""
    import plotly.io  # noqa: PLC0415 -- half a second that only a report is worth

    draw = cast("Any", plotly.io).to_html
    return str(
        draw(
            figure,
            full_html=False,
            include_plotlyjs=not again,
            div_id=name,
            config={"displaylogo": False, "responsive": True},
        )
    )


def spoken_figures(history: History) -> Iterable[tuple[str, str]]:
    """The figures people ask for first: words and value."""
    figures = history.figures
    spoken = {
        "stopped": "instances stopped",
        "recovered": "times recovered",
        "first_attempt_p50": "stop → first attempt, median",
        "first_attempt_max": "stop → first attempt, longest",
        "recovered_p50": "stop → healthy, median",
        "recovered_max": "stop → healthy, longest",
        "calls ec2:StartInstances": "StartInstances calls",
        "calls autoscaling:SetInstanceHealth": "SetInstanceHealth calls",
        "calls autoscaling:SuspendProcesses": "SuspendProcesses calls",
        "alerts": "alerts delivered",
        "calls": "calls to AWS in all",
    }
    for key, words in spoken.items():
        if key in figures:
            value = figures[key]
            timed = key.startswith(("first_", "recovered_"))
            yield words, in_words(round(value, 1)) if timed else f"{value:g}"

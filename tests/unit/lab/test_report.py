"""The report draws what the history holds."""

from dataclasses import replace
from itertools import pairwise

from fleetmend.lab import report, sim
from fleetmend.lab.history import Event, History
from fleetmend.lab.judge import Verdict
from fleetmend.lab.scenario import loads
from fleetmend.lab.story import Story

SCENARIO = loads(
    """
name: one of two stops
fleet:
  instances:
    - {count: 2, name: api, tags: {Auto-Recover: "true"}}
timeline:
  - {at: 5s, stop: api-1}
  - {at: 5m, end: true}
""",
    "two.yaml",
)


def drawn(history: History) -> dict[str, dict]:
    story = Story(SCENARIO).tell(history.events)
    figure = report.timeline_figure(list(story.lives.values()), history)
    return {trace["name"]: trace for trace in figure["data"]}


def test_states_are_bars_that_fill_the_time_of_each_instance():
    history = sim.play(SCENARIO)
    traces = drawn(history)
    for name in ("api-1", "api-2"):
        spans = sorted(
            (base, base + length)
            for trace in traces.values()
            if trace["type"] == "bar"
            for row, base, length in zip(trace["y"], trace["base"], trace["x"], strict=True)
            if row == name
        )
        assert spans[0][0] == 0
        assert abs(spans[-1][1] - SCENARIO.end / 60) < 1e-9
        assert all(abs(one[1] - two[0]) < 1e-9 for one, two in pairwise(spans))
    assert "api-2" not in traces["stopped"]["y"]


def test_what_happened_is_marked_on_the_instance_it_happened_to():
    traces = drawn(sim.play(SCENARIO))
    for words in ("breaks", "start accepted", "alert"):
        assert traces[words]["y"] == ["api-1"]
    assert "start refused" not in traces


def test_text_from_outside_does_not_become_markup():
    history = sim.play(SCENARIO)
    detail = {"subjects": ["api-1"], "error": "<b onclick=x>"}
    refused = Event(290.0, "call", "api-1", "ec2:StartInstances", detail)
    (text,) = drawn(replace(history, events=(*history.events, refused)))["start refused"][
        "hovertext"
    ]
    assert "<b" not in text
    shown = report.html(SCENARIO, history, [Verdict("<i>x</i>", held=False, detail="<u>y</u>")])
    assert "<i>x</i>" not in shown
    assert "Not every expectation held." in shown


def test_calls_are_added_up():
    history = sim.play(SCENARIO)
    lines = report.calls_figure(history)["data"]
    assert sum(line["y"][-1] for line in lines) == len(history.of("call"))


def test_the_clock():
    assert [report.clock(t) for t in (0, 9.6, 61, 3599.4, 3600, 36061)] == [
        "0:00", "0:10", "1:01", "59:59", "1:00:00", "10:01:01",
    ]  # fmt: skip

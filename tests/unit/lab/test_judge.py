# ruff: noqa: E501 -- a table reads best with one case a line
"""Expectations against made-up histories: each holds and breaks for the right reason."""

import pytest

from fleetmend.lab.history import Event, History, measure, percentile
from fleetmend.lab.judge import judge, result
from fleetmend.lab.scenario import Fleet, Instances, Scenario
from fleetmend.lab.vocabulary import general, recovery
from fleetmend.lab.words import Expectation

START = "ec2:StartInstances"


def state(at: float, what: str, name: str = "api-1") -> Event:
    return Event(at, "state", name, what)


def call(at: float, *names: str, error: str = "", what: str = START) -> Event:
    return Event(at, "call", "", what, {"subjects": list(names), "error": error})


def record(at: float, status: str, **detail: object) -> Event:
    return Event(at, "record", "api-1", status, detail)


STOP = Event(10, "fault", "", "stop", {"subjects": ["api-1", "api-2"]})
HEALED = (
    STOP,
    state(10, "stopping"),
    state(30, "stopped"),
    call(35, "api-1", "api-2"),
    state(36, "pending"),
    state(40, "running"),
    state(85, "healthy"),
)
UP = (state(30, "stopped", "api-2"), state(85, "healthy", "api-2"))
ALERT = Event(90, "alert", "api-1", "recovered", {"fact": "f"})


def held(expectation: Expectation, *events: Event, tolerance: float = 0.0) -> bool:
    scenario = Scenario(
        name="x",
        fleet=Fleet(instances=(Instances(name="api", count=2),)),
        expect=(expectation,),
    )
    ordered = tuple(sorted(events, key=lambda event: event.at))
    history = History("x", "sim", 1, ordered, measure(ordered))
    (verdict,) = judge(scenario, history, tolerance=tolerance)
    assert verdict.expect == expectation.told()
    assert verdict.detail
    return verdict.held


@pytest.mark.parametrize(
    ("expectation", "good", "bad"),
    [
        (recovery.Recovered(subject="api"), (*HEALED, *UP), HEALED),
        (recovery.Recovered(subject="api-1"), HEALED, ()),
        (recovery.Recovered(subject="api-1"), HEALED, (*HEALED, state(99, "stopped"))),
        (recovery.Recovered(subject="api-1", within=75), HEALED, (STOP, state(86, "healthy"))),
        (recovery.Untouched(subject="api-1"), (call(1, "api-2"),), (call(1, "api-1", error="X"),)),
        (recovery.Attempts(subject="api-1", exactly=1), HEALED, (*HEALED, call(99, "api-1"))),
        (recovery.Attempts(subject="api-1", at_most=1), (call(1, "api-1", error="X"),) * 3 , (call(1, "api-1"),) * 2),
        (recovery.Attempts(subject="api", at_least=1), HEALED, (call(1, "api-2"),)),
        (recovery.Alerts(about="api-1", exactly=1), (ALERT,), ()),
        (recovery.Alerts(about="api-1", kind="exhausted", exactly=0), (ALERT,), (Event(1, "alert", "api-1", "exhausted"),)),
        (recovery.Alerts(about="api-1", says="was x", exactly=1), (Event(1, "alert", "api-1", "r", {"text": "it was x."}),), (ALERT,)),
        (recovery.Spaced(subject="api-1", at_least=300), (call(0, "api-1"), call(300, "api-1")), (call(0, "api-1"), call(299, "api-1"))),
        (recovery.NotStartedBefore(subject="api-1", at=35), HEALED, (call(34, "api-1"),)),
        (recovery.FirstAttempt(subject="api-1", within=5), HEALED, (state(1, "stopped"), call(7, "api-1"))),
        (recovery.FirstAttempt(subject="api-1", within=5), HEALED, (state(1, "stopped"),)),
        (recovery.Exhausted(subject="api-1"), (record(1, "open"), record(2, "exhausted")), (record(2, "exhausted"), record(3, "open"))),
        (recovery.Refused(subject="api-1", reason="held"), (record(1, "refused", reason="held"),), (record(1, "refused", reason="spot"),)),
        (recovery.Refused(subject="api-1"), (record(1, "refused"), record(2, "set-aside", aside="k")), ()),
        (recovery.SetAside(subject="api-1"), (record(1, "set-aside", aside="k"),), (record(1, "open"),)),
        (recovery.Would(subject="api-1"), (record(1, "refused", would=True),), (record(1, "open"),)),
        (general.State(subject="api-1", at_end="healthy"), HEALED, (*HEALED, state(99, "stopped"))),
        (general.MaxCalls(service="ec2", operation="StartInstances", at_most=1), HEALED, (*HEALED, call(99, error="X"))),
        (general.MaxCalls(at_most=1), HEALED, (*HEALED, call(99, what="s3:GetObject"))),
        (general.CrashedRuns(exactly=0), HEALED, (Event(1, "run", "", "crashed"),)),
    ],
)  # fmt: skip
def test_each_expectation_holds_and_breaks(
    expectation: Expectation, good: tuple[Event, ...], bad: tuple[Event, ...]
) -> None:
    assert held(expectation, *good)
    assert not held(expectation, *bad)


def test_tolerance_widens_times_and_nothing_else() -> None:
    late = (STOP, state(86, "healthy"))
    assert held(recovery.Recovered(subject="api-1", within=75), *late, tolerance=1)
    close = (call(0, "api-1"), call(299, "api-1"))
    assert held(recovery.Spaced(subject="api-1", at_least=300), *close, tolerance=1)
    assert not held(recovery.Attempts(subject="api-1", exactly=1), *close, tolerance=1)


def test_figures_are_counted_from_stopped() -> None:
    figures = measure((*HEALED, *UP, ALERT))
    assert figures["stopped"] == 2
    assert figures["first_attempt_max"] == 5
    assert figures["recovered"] == 2
    assert figures["recovered_p50"] == 55
    assert figures["calls ec2:StartInstances"] == 1
    assert figures["alerts"] == 1


def test_percentiles_by_nearest_rank() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95


def test_the_result_is_what_the_command_line_prints() -> None:
    scenario = Scenario(
        name="x",
        fleet=Fleet(instances=(Instances(name="api"),)),
        expect=(recovery.Untouched(subject="api"),),
    )
    history = History("x", "sim", 3, HEALED, measure(HEALED))
    body = result(history, judge(scenario, history))
    assert set(body) == {
        "scenario", "world", "seed", "held", "expectations", "timeline", "figures"
    }  # fmt: skip
    assert body["held"] is False
    assert body["expectations"] == [
        {
            "expect": "untouched api",
            "held": False,
            "detail": "ec2:StartInstances named api-1 at 35s",
        }
    ]
    assert body["timeline"][0]["what"] == "stop"

"""The alerts of what was stopped name the caller, once CloudTrail knows him; nobody else asks."""

from pathlib import Path

from fleetmend.lab import sim
from fleetmend.lab.scenario import load

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "recovery"


def test_alerts_say_who_stopped_it_and_healthy_ones_ask_nothing():
    history = sim.play(load(SCENARIOS / "who-stopped.yaml"))
    (grave,) = history.of("alert", "exhausted")
    assert "user/ana called StopInstances at " in grave.detail["who"]
    asked = history.of("call", "cloudtrail:LookupEvents")
    told = [one for one in history.of("alert") if one.what != "recovered"]
    assert len(asked) == len(told)


def test_nobody_asks_where_it_is_not_set():
    assert not sim.play(load(SCENARIOS / "exhausted.yaml")).of("call", "cloudtrail:LookupEvents")

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


def test_the_one_page_of_a_mass_stop_says_how_many_and_who():
    history = sim.play(load(SCENARIOS / "mass-stop-who.yaml"))
    (page,) = history.of("alert", "mass-stop")
    assert page.detail["text"].startswith("16 of 24 instances stopped")
    assert "user/budget-bot (16 instances)" in page.detail["who"]


def test_the_news_of_a_rebuilt_instance_says_who_terminated_it():
    history = sim.play(load(SCENARIOS / "rebuild-who.yaml"))
    (news,) = history.of("alert", "rebuilt")
    assert "user/ana called TerminateInstances at " in news.detail["who"]


def test_nobody_asks_where_it_is_not_set():
    assert not sim.play(load(SCENARIOS / "exhausted.yaml")).of("call", "cloudtrail:LookupEvents")

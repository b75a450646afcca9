"""The alerts of what was stopped name the caller, once CloudTrail knows him; nobody else asks."""

from pathlib import Path

import pytest

from fleetmend.lab import sim
from fleetmend.lab.judge import judge
from fleetmend.lab.scenario import load, loads

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


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("autoscaling.amazonaws.com", "autoscaling.amazonaws.com called StopInstances at"),
        ("deploy/run-7", "assumed-role/deploy/run-7 called StopInstances at"),
    ],
)
def test_a_stop_by_a_service_or_a_role_is_told_as_theirs(by, said):
    text = (SCENARIOS / "who-stopped.yaml").read_text(encoding="utf-8")
    played = text.replace("by: ana", f"by: {by}")
    scenario = loads(played.replace("who: user/ana called StopInstances", f"who: {said}"))
    verdicts = judge(scenario, sim.play(scenario))
    assert [verdict for verdict in verdicts if not verdict.held] == []


def test_a_judge_sees_who_is_not_named():
    text = (SCENARIOS / "who-stopped.yaml").read_text(encoding="utf-8")
    scenario = loads(text.replace("who: user/ana", "who: user/bo"))
    assert not judge(scenario, sim.play(scenario))[0].held


def test_nobody_asks_where_it_is_not_set():
    assert not sim.play(load(SCENARIOS / "who-unasked.yaml")).of("call", "cloudtrail:LookupEvents")

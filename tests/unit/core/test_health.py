"""The decisions of health: a small world of one group, looked at minute by minute."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import operators
from fleetmend.core.decisions.health import decide
from fleetmend.core.events import Retry
from fleetmend.core.groups import Group, HealthPolicy, Member, outage
from fleetmend.core.health_memory import Breaker, Memory, Replacing, from_detail, to_detail
from fleetmend.core.model import Check, Outcome, Result, Status
from tests.unit.core.one_group import ILL, OUTAGE, START, WELL, World


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_one_ill_instance_is_replaced_after_three_samples(size):
    world = World(size)
    world.change(["i-0"], checks=ILL)
    world.look(2)
    assert world.acts == []
    world.look()
    assert world.acts == ["replace i-0"]
    world.look(2)
    assert world.acts == ["replace i-0"], "marked is not yet replaced, and not marked twice"
    world.replace_marked()
    world.look(6)
    assert [alert.kind for alert in world.record.alerts] == ["replaced"]
    assert world.record.status is Status.CLOSED


def test_a_healthy_group_has_no_record():
    world = World(6)
    world.look(3)
    assert world.record is None


def test_flapping_below_the_threshold_is_nothing():
    world = World(6)
    for _ in range(5):
        world.change(["i-0"], checks=ILL)
        world.look(2)
        world.change(["i-0"], checks=WELL)
        world.look()
    assert world.acts == []


def test_nothing_within_grace():
    world = World(6)
    world.change(["i-0"], checks=ILL, launched_at=START + timedelta(minutes=1))
    world.look(5)
    assert world.acts == []
    world.look(4)
    assert world.acts == ["replace i-0"]


def test_two_looks_in_one_minute_are_one_sample():
    world = World(6)
    world.change(["i-0"], checks=ILL)
    world.look()
    for _ in range(5):
        world.now -= timedelta(seconds=55)
        world.look()
    assert world.acts == []


def test_an_outage_suspends_at_once_and_replaces_nothing():
    world = World(10)
    sick = ["i-0", "i-1", "i-2", "i-3"]
    world.change(sick, checks=ILL)
    world.look(5)
    assert world.acts == ["suspend"]
    assert [alert.kind for alert in world.record.alerts] == ["outage"]
    assert "4 of 10" in world.record.alerts[0].text
    world.change(sick, marked=True)
    world.change(sick, checks=WELL)
    world.look(2)
    assert world.acts == ["suspend"], "one good sample is not the end of an outage"
    world.look(4)
    assert world.acts == ["suspend", "reset", "resume"], "marks go before the resume"
    assert world.record.status is Status.CLOSED


def test_a_whole_zone_is_named():
    world = World(10, zones=5)
    world.change(["i-0", "i-5"], checks=ILL)
    world.look()
    assert world.acts == ["suspend"]
    assert "z-0" in world.record.alerts[0].text


def test_a_suspension_ends_even_if_the_outage_and_its_marks_do_not():
    world = World(10)
    sick = ["i-0", "i-1", "i-2", "i-3"]
    world.change(sick, checks=ILL)
    world.look()
    for _ in range(60):
        world.change(sick, marked=True)
        world.look()
    assert world.acts == ["suspend", "reset", "reset", "reset", "resume"]
    kinds = [alert.kind for alert in world.record.alerts]
    assert kinds[:2] == ["outage", "suspension-over"]
    assert set(kinds[2:]) == {"late"}, "Auto Scaling may replace now, and here it never does"
    assert world.reasons[-1] == "outage"


def test_somebody_else_s_suspension_is_left_alone():
    world = World(6)
    world.group = replace(world.group, suspended=frozenset({"ReplaceUnhealthy"}))
    world.change(["i-0"], checks=ILL)
    assert world.look(5) == "suspended"
    world.change([f"i-{n}" for n in range(5)], checks=ILL)
    world.look(3)
    assert world.acts == []


REFUSALS = [
    ({"refreshing": True}, "refreshing"),
    ({"suspended": frozenset({"Launch"})}, "suspended"),
    ({"tags": {"Auto-Heal": "true", "fleetmend:hold-until": "2027-01-01"}}, "held"),
    ({"desired": 14}, "below-floor"),
]


@pytest.mark.parametrize(("facts", "reason"), REFUSALS)
def test_refusals(facts, reason):
    world = World(6)
    world.group = replace(world.group, **facts)
    world.change(["i-0"], checks=ILL)
    assert world.look(4) == reason
    assert world.acts == []


def test_a_lifecycle_hook_blocks_and_a_warm_pool_does_not():
    world = World(6)
    extra = Member("i-9", "z-0", "Warmed:Pending:Wait")
    world.group = replace(world.group, members=(*world.group.members, extra))
    world.change(["i-0"], checks=ILL)
    world.change(["i-9"], lifecycle="Pending:Wait")
    assert world.look(4) == "hook-running"
    world.change(["i-9"], lifecycle="Warmed:Pending:Wait")
    world.look()
    assert world.acts == ["replace i-0"]


def test_the_floor_counts_what_is_in_flight():
    """Six wanted, floor three; three well, one in flight: taking another leaves too few."""
    world = World(
        7, policy=HealthPolicy(max_replacements=5, outage_threshold=0.9, healthy_floor=0.75)
    )
    world.change(["i-0", "i-1", "i-2"], checks=ILL)
    world.look(6)
    assert world.acts == []  # 4 well, and 5 must remain
    world.change(["i-2"], checks=WELL)
    world.look(6)
    assert world.acts == ["replace i-0", "replace i-1"]


def test_no_more_in_flight_than_the_budget():
    world = World(20)
    world.change(["i-0", "i-2"], checks=ILL)
    world.look(6)
    assert world.acts == ["replace i-0"]
    assert world.look() == "budget"
    world.replace_marked()
    world.look(2)
    assert world.acts == ["replace i-0", "replace i-2"]


def test_a_mark_that_fails_is_told_once_and_tried_again():
    world = World(6)
    world.outcome = Outcome(Result.THROTTLED, "Throttling", "rate exceeded")
    world.change(["i-0"], checks=ILL)
    world.look(6)
    assert world.acts == ["replace i-0"] * 4
    assert [alert.kind for alert in world.record.alerts] == ["failed"]
    world.outcome = Outcome(Result.ACCEPTED)
    world.look()
    assert from_detail(world.record.detail).replacing


def test_a_suspension_that_failed_is_tried_again():
    world = World(10)
    world.outcome = Outcome(Result.REFUSED, "AccessDenied")
    world.change([f"i-{n}" for n in range(4)], checks=ILL)
    world.look(3)
    assert world.acts == ["suspend"] * 3


def test_a_crash_between_plan_and_mark_neither_forgets_nor_repeats():
    for marked in (False, True):
        world = World(6)
        world.change(["i-0"], checks=ILL)
        world.look(2)
        world.now += timedelta(minutes=1)
        seen = replace(world.group, observed_at=world.now)
        world.record = decide("web", seen, world.record, world.policy, world.now, "n").record
        world.change(["i-0"], marked=marked)
        world.look(1)
        assert world.reasons[-1] == "in-flight"
        world.look(2)
        assert world.acts == ([] if marked else ["replace i-0"])
        assert "i-0" in from_detail(world.record.detail).replacing


def test_a_crash_before_the_suspension_still_suspends():
    world = World(10)
    world.change([f"i-{n}" for n in range(4)], checks=ILL)
    world.now += timedelta(minutes=1)
    seen = replace(world.group, observed_at=world.now)
    world.record = decide("web", seen, None, world.policy, world.now, "n").record
    world.look(3)
    assert world.acts == ["suspend"]


@given(st.integers(1, 12), st.integers(0, 12), st.integers(1, 4))
def test_one_ill_alone_is_never_an_outage_unless_many_are(size, struck, zones):
    members = tuple(Member(f"i-{n}", f"z-{n % zones}", "InService") for n in range(size))
    group = Group("g", START, size, members)
    ill = {f"i-{n}": "ill" for n in range(min(struck, size))}
    said = outage(group, ill, HealthPolicy())
    if len(ill) < 2:
        assert not said
    elif len(ill) > 0.3 * size:
        assert said


def test_memory_survives_its_json():
    breaker = Breaker(START, START, "x", seen=True, calm=2, ending=True)
    memory = Memory(
        START,
        samples={"i-1": 2},
        noticed={"one-zone": 1},
        replacing={"i-2": Replacing(START, "why")},
        counted=("i-3",),
        breaker=breaker,
        asked=Breaker(START, START, "y"),
        spent=True,
        resets=1,
        target="i-1",
        why="ill",
        done={"i-0": 5},
    )
    assert from_detail(to_detail(memory)) == memory
    assert Memory(breaker=breaker) != memory


def test_a_memory_that_is_not_ours_stops_the_group_until_retry():
    world = World(6)
    world.change(["i-0"], checks=ILL)
    world.look()
    world.record = replace(world.record, detail={"samples": {"i-0": 99}})
    world.look(5)
    assert world.acts == []
    assert world.record.status is Status.EXHAUSTED
    assert [alert.kind for alert in world.record.alerts] == ["unreadable"]
    blank = replace(world.record, detail={})
    world.record = operators.apply(Retry("web", "ann"), world.record, blank, world.now)
    world.look(3)
    assert world.acts == ["replace i-0"]


def test_auto_scaling_s_own_marks_count_as_in_flight_and_are_verified():
    world = World(20)
    world.change(["i-0", "i-2"], checks=ILL)
    world.change(["i-0"], marked=True)
    world.look(4)
    assert world.acts == []
    assert world.reasons[-1] == "budget"
    world.replace_marked()
    world.look()
    assert [alert.kind for alert in world.record.alerts] == ["replaced"]
    assert world.acts == ["replace i-2"]


def test_a_successor_must_be_well_and_late_is_told_once():
    world = World(6)
    world.change(["i-0"], checks=ILL)
    world.look(3)
    world.replace_marked()
    world.change(["i-7"], checks=(Check("instance", "initializing"),))
    world.look(20)
    assert [alert.kind for alert in world.record.alerts] == ["late"]
    world.change(["i-7"], checks=WELL)
    world.look()
    assert [alert.kind for alert in world.record.alerts] == ["late", "replaced"]
    assert world.record.status is Status.CLOSED
    assert from_detail(world.record.detail).done["i-0"] > 900


def test_a_group_that_shrank_needs_no_successor():
    world = World(6)
    world.change(["i-0"], checks=ILL)
    world.look(3)
    left = tuple(m for m in world.group.members if m.id != "i-0")
    world.group = replace(world.group, members=left, desired=5)
    world.look()
    assert world.record.status is Status.CLOSED
    assert "its size again" in world.record.alerts[0].text


def test_retirements_are_served_one_by_one_and_are_no_outage():
    world = World(10)
    world.change(OUTAGE, retires_at=START + timedelta(hours=12))
    world.look(4)
    assert world.acts == ["replace i-0"]
    assert world.reasons[-1] == "budget"
    world = World(6)
    world.change(["i-0"], retires_at=START + timedelta(days=3))
    world.look(4)
    assert world.acts == []


def test_a_silent_agent_is_told_and_replaced_only_by_setting():
    for wanted in (False, True):
        world = World(6, policy=HealthPolicy(replace_silent_agents=wanted))
        world.change(["i-0"], agent_silent=True)
        world.look(4)
        assert world.acts == (["replace i-0"] if wanted else [])
        kinds = [alert.kind for alert in world.record.alerts]
        assert kinds == ([] if wanted else ["agent-silent"])
        world.change(["i-0"], agent_silent=False, marked=False)
        world.look()
        assert world.record.status is Status.CLOSED


def test_a_group_in_one_zone_is_told_where_it_may_use_more():
    for zones, told in ((("z-0",), []), (("z-0", "z-1"), ["one-zone"])):
        world = World(4, zones=1)
        world.group = replace(world.group, zones=zones)
        world.look(5)
        kinds = [alert.kind for alert in world.record.alerts] if world.record else []
        assert kinds == told


def test_mixed_instances_count_by_their_weight():
    world = World(3)
    world.change([m.id for m in world.group.members], weight=4)
    world.group = replace(world.group, desired=12)
    world.change(["i-0"], checks=ILL)
    world.look(3)
    assert world.acts == ["replace i-0"]


def test_standby_and_warm_instances_are_neither_ill_nor_counted():
    world = World(6)
    world.change(["i-0"], checks=ILL, lifecycle="Standby")
    world.change(["i-1"], checks=ILL, lifecycle="Warmed:Running")
    world.look(5)
    assert world.acts == []
    assert world.record is None


def test_a_stopped_member_is_ill_whatever_its_age():
    world = World(10)
    world.change(OUTAGE, state="stopped", checks=(), launched_at=START)
    world.look()
    assert world.acts == ["suspend"]

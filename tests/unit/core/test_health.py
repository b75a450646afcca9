"""The decisions of health: a small world of one group, looked at minute by minute."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.decisions.health import decide, learn
from fleetmend.core.groups import Group, HealthPolicy, Member, outage
from fleetmend.core.health_memory import Breaker, Memory, Replacing, from_detail, to_detail
from fleetmend.core.model import Check, Outcome, Result, Status

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_AGO = START - timedelta(days=1)
ILL = (Check("system", "ok"), Check("instance", "impaired"))
WELL = (Check("system", "ok"), Check("instance", "ok"))


class World:
    """A group whose controller looks once a minute; acts take effect as AWS's would."""

    def __init__(self, size, *, zones=2, policy=None):
        self.now = START
        self.policy = policy or HealthPolicy()
        self.record = None
        self.acts, self.reasons, self.serial = [], [], size
        self.group = Group(
            "web",
            self.now,
            size,
            tuple(
                Member(f"i-{n}", f"z-{n % zones}", "InService", launched_at=LONG_AGO, checks=WELL)
                for n in range(size)
            ),
            tags={"Auto-Heal": "true"},
        )
        self.outcome = Outcome(Result.ACCEPTED)

    def change(self, names, **facts):
        members = [replace(m, **facts) if m.id in names else m for m in self.group.members]
        self.group = replace(self.group, members=tuple(members))

    def look(self, times=1):
        for _ in range(times):
            self.now += timedelta(minutes=1)
            seen = replace(self.group, observed_at=self.now)
            decision = decide("web", seen, self.record, self.policy, self.now, f"n-{self.now}")
            self.reasons.append(decision.reason)
            self.record = decision.record
            if decision.act:
                self._act(decision.act)
        return self.reasons[-1]

    def _act(self, act):
        memory = from_detail(self.record.detail)
        self.acts.append(f"{act} {memory.target}".strip())
        if self.outcome.result is Result.ACCEPTED:
            if act == "replace":
                self.change([memory.target], marked=True)
            elif act == "suspend":
                self.group = replace(self.group, suspended=frozenset({"ReplaceUnhealthy"}))
            elif act == "reset":
                self.change([m.id for m in self.group.members], marked=False)
            elif act == "resume":
                self.group = replace(self.group, suspended=frozenset())
        self.record = learn(self.record, self.outcome, self.now)

    def replace_marked(self):
        fresh = []
        for member in self.group.members:
            if member.marked:
                self.serial += 1
                fresh.append(
                    replace(
                        member,
                        id=f"i-{self.serial}",
                        marked=False,
                        checks=WELL,
                        launched_at=self.now,
                    )
                )
            else:
                fresh.append(member)
        self.group = replace(self.group, members=tuple(fresh))


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
    assert world.acts == ["suspend", "reset", "resume"]
    assert [alert.kind for alert in world.record.alerts] == ["outage", "suspension-over"]


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
    memory = Memory(
        START,
        {"i-1": 2},
        {"i-2": Replacing(START, "why")},
        ("i-3",),
        Breaker(START, START, "x"),
        True,
    )
    assert from_detail(to_detail(memory)) == memory

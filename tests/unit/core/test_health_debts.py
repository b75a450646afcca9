"""A suspension past its time where nobody may act: told once, and nothing else is touched."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core.decisions.health import debts, decide
from tests.unit.core.one_group import ILL, World

WHY = "the mode is off"


def suspended(minutes):
    world = World(10)
    world.change([f"i-{n}" for n in range(4)], checks=ILL)
    world.look(2)
    world.now += timedelta(minutes=minutes)
    return world


def owned_up(world, **facts):
    seen = replace(world.group, observed_at=world.now, **facts)
    return debts.decide(seen, world.record, world.policy, world.now, WHY)


def test_it_is_told_once_when_its_time_is_over():
    world = suspended(40)
    decision = owned_up(world)
    (alert,) = [one for one in decision.record.alerts if one.kind == "stays-suspended"]
    assert (decision.act, alert.why) == ("", WHY)
    assert replace(decision.record, alerts=()) == replace(world.record, alerts=())
    world.record = decision.record
    assert owned_up(world).record == decision.record


@pytest.mark.parametrize(("minutes", "facts"), [(20, {}), (40, {"suspended": frozenset()})])
def test_before_that_or_when_it_was_resumed_nothing_is_told(minutes, facts):
    world = suspended(minutes)
    assert owned_up(world, **facts).record == world.record


def test_what_cannot_be_read_is_not_overdue():
    world = suspended(40)
    assert debts.overdue(world.record, world.now)
    assert debts.overdue(replace(world.record, detail={"breaker": 7}), world.now) is None
    assert debts.overdue(None, world.now) is None
    assert debts.decide(None, world.record, world.policy, world.now, WHY).record == world.record


def test_old_facts_and_live_intents_are_waited_for():
    world = suspended(40)
    old = replace(world.group, observed_at=world.now - timedelta(minutes=5))
    assert debts.decide(old, world.record, world.policy, world.now, WHY).stale
    seen = replace(world.group, observed_at=world.now)
    world.record = decide("web", seen, world.record, world.policy, world.now, "n").record
    assert owned_up(world).reason == "in-flight"

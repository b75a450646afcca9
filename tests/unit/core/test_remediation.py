"""What remediation decides, case by case, and what holds whatever is seen and recorded."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmend.core import holds
from fleetmend.core.decisions import remediation
from fleetmend.core.decisions.remediation import turns
from fleetmend.core.events import Release
from fleetmend.core.model import (
    Instance,
    IntentState,
    Mode,
    Record,
    Result,
    Status,
)
from fleetmend.core.operators import apply
from fleetmend.core.remediation import (
    CONCERN,
    FILL,
    HELD,
    STOP,
    UNDO,
    Memory,
    RemediationPolicy,
    from_detail,
    to_detail,
)
from fleetmend.core.rules import Remedy, Rules
from tests.unit.core.remedied import DAY, FILLS, GOOD, POLICY, RULES, STOPS, Story, stopped

from .strategies import NOW, instances, outcomes


@pytest.mark.parametrize(
    ("tags", "values", "filled"),
    [
        ({}, {}, "platform"),
        ({}, {"Owner": "shop"}, "shop"),
        ({"Owner": ""}, {}, None),
        ({"owner": "web"}, {}, None),
        ({"Owner": "web"}, {}, None),
    ],
    ids=["default", "source first", "empty is there", "a near miss is no absence", "there"],
)
def test_only_what_is_missing_is_filled_in(tags, values, filled):
    base = {"Backup": "yes", "CostCenter": "1234"}
    decision = Story(base | tags).look(values=values)
    if filled is None:
        assert not decision.act
        return
    assert decision.act == FILL
    (change,) = from_detail(decision.record.detail).changes
    assert (change.key, change.value, change.run) == ("Owner", filled, "r1")


def test_a_value_that_another_rule_about_the_tag_refuses_is_not_filled_in():
    strict = replace(STOPS, key="Owner", allowed=("shop",))
    decision = Story({}, Rules((FILLS, strict))).look()
    assert not decision.act


def test_a_source_that_was_not_asked_is_not_made_up_for_by_the_default():
    decision = Story(GOOD | {"Owner": ""}).look()
    assert not decision.act
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    assert story.look(unsure=frozenset({"Owner"})).reason == "bounded"


def test_a_fill_is_told_with_what_undoes_it_and_closes():
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    assert story.look().act == FILL
    story.hear()
    assert story.after(timedelta(seconds=15)).look("").reason == "complies"
    assert story.record.status is Status.CLOSED
    assert story.kinds() == ["filled"]
    assert "fleetmend undo r1" in story.record.alerts[0].text


@pytest.mark.parametrize("obeyed", [True, False])
def test_a_crash_between_intent_and_answer_is_settled_by_what_is_there(obeyed):
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    story.look()
    if obeyed:
        story.tags["Owner"] = "platform"
    assert story.after(timedelta(seconds=60)).look("").reason == "in-flight"
    later = story.after(timedelta(seconds=31)).look("")
    if obeyed:
        assert later.reason == "complies"
        assert "filled" in story.kinds(), "told although its answer was never heard"
        return
    assert later.reason == "filling"
    assert story.after(POLICY.settle).look("r2").act == FILL


def test_without_a_run_nothing_is_changed():
    story = Story({"Backup": "maybe", "CostCenter": "1234"})
    assert story.look("").reason == "bounded"
    story.tags["Owner"] = "web"
    assert story.look("").reason == "grace"
    assert story.after(8 * DAY).look("").reason == "bounded"


def test_the_owner_is_told_and_has_the_whole_grace():
    story = Story(GOOD | {"Backup": "maybe"})
    assert story.look().reason == "grace"
    (alert,) = story.record.alerts
    assert alert.text.startswith("web: i-1 breaks the rule backup: Backup='maybe' is not one of")
    assert "stopped after 2026-03-08 12:00 UTC" in alert.text
    assert story.after(7 * DAY - timedelta(seconds=1)).look().reason == "grace"
    decision = story.after(timedelta(seconds=1)).look("r9")
    assert decision.act == STOP
    (change,) = from_detail(decision.record.detail).changes
    assert (change.key, change.value) == (holds.TAG, HELD)


def test_whose_owner_was_never_reached_is_not_stopped():
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    story.record = replace(
        story.record, alerts=tuple(replace(a, delivered="") for a in story.record.alerts)
    )
    assert story.after(8 * DAY).look().reason == "grace"


def test_a_grace_that_was_lengthened_is_kept_to():
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    story.rules = Rules((replace(STOPS, grace=timedelta(days=30)), *RULES.rules[2:]))
    assert story.after(8 * DAY).look().reason == "grace"


def test_who_was_only_told_gets_a_grace_when_the_rule_begins_to_stop():
    telling = replace(STOPS, remedies=(Remedy.NOTIFY,), grace=timedelta())
    story = Story(GOOD | {"Backup": "maybe"}, Rules((telling,)))
    assert story.look().reason == "told"
    story.rules = RULES
    assert story.after(8 * DAY).look().reason == "grace"
    assert story.kinds() == ["violates", "violates"]


def test_what_was_mended_in_time_is_closed_and_begins_anew():
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    story.tags["Backup"] = "yes"
    assert story.after(DAY).look().reason == "complies"
    assert story.kinds() == ["violates", "mended"]
    story.tags["Backup"] = "maybe"
    assert story.after(8 * DAY).look().reason == "grace", "a grace of its own"


def test_undo_takes_back_what_is_still_ours_and_leaves_it_alone_then():
    rules = Rules((replace(FILLS, key="A", name="a"), replace(FILLS, key="B", name="b")))
    story = Story({}, rules)
    story.look()
    story.hear()
    story.after(DAY).look("r2")
    story.tags["A"] = "changed by hand"
    story.undo()
    assert story.after(DAY).look("").act == UNDO
    story.hear()
    assert story.tags == {"A": "changed by hand"}
    assert story.after(DAY).look("").reason == "undone"
    assert story.after(DAY).look("r3").reason == "held", "not filled in again"
    story.record = apply(Release("i-1", "ana"), story.record, story.record, story.now)
    assert story.after(DAY).look("r4").act == FILL


def test_undo_of_a_stop_starts_it_and_lets_go_of_it():
    story = stopped()
    story.after(timedelta(seconds=15)).look("")
    story.undo("r9")
    assert story.after(DAY).look("").act == UNDO
    story.hear()
    assert (story.state, holds.TAG in story.tags) == ("running", False)
    assert story.after(DAY).look("").reason == "undone"


def test_undo_of_a_run_leaves_other_runs_changes():
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    story.look("r1")
    story.hear()
    story.after(DAY).look("")
    story.undo("r2")
    assert story.look("").reason == "nothing-to-undo"
    assert story.tags["Owner"] == "platform"


def test_a_hold_of_somebody_else_in_its_place_is_neither_undone_nor_started():
    story = stopped()
    story.after(timedelta(seconds=15)).look("")
    story.tags[holds.TAG] = "2027-01-01T00:00Z"
    story.undo()
    assert story.after(DAY).look("").reason == "undone"
    assert story.state == "stopped"


def test_observe_says_what_would_be_done():
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    story.look()
    story.hear(Result.WOULD, obeyed=False)
    assert story.record.status is Status.REFUSED
    assert "Owner=platform" in story.record.note
    assert from_detail(story.record.detail).changes == ()


def test_the_act_is_checked_again_right_before():
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    story.look()
    record, memory = story.record, from_detail(story.record.detail)

    def again(tags: dict[str, str], **facts: Any) -> str:
        one = Instance("i-1", "running", story.now, tags=tags, **facts)
        seen = replace(story.sight(), instance=one)
        case = turns.Case("i-1", seen, one, record, memory, RULES, POLICY, story.now, "")
        return remediation.recheck(record, memory, case)

    assert again(story.tags) == ""
    assert again(story.tags | {"Owner": "x"}) == "Owner is there meanwhile"
    assert "quarantine" in again(story.tags | {"Quarantine": "x"})


def test_a_memory_comes_back_as_it_was_and_anything_else_is_refused():
    memory = from_detail(stopped().record.detail)
    assert from_detail(to_detail(memory)) == memory
    story = Story(GOOD)
    story.record = Record(CONCERN, "i-1", Status.OPEN, detail={"changes": [{"act": "terminate"}]})
    assert story.look().reason == "unreadable"
    assert story.record.status is Status.EXHAUSTED
    assert Memory() == from_detail({})


TAGS = st.dictionaries(
    st.sampled_from(["Owner", "owner", "Backup", "CostCenter", holds.TAG, "Quarantine"]),
    st.sampled_from(["", "web", "yes", "maybe", "1234", HELD, "2026-03-01T13:00:00Z"]),
)
STEPS = st.lists(
    st.tuples(
        TAGS,
        st.sampled_from(["running", "stopped", "stopping", "pending", "terminated"]),
        st.integers(0, 10 * 86400).map(lambda s: timedelta(seconds=s)),
        st.sampled_from(["", "r1", "r2"]),
        outcomes,
        st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(instances, TAGS, STEPS)
def test_whatever_happens_no_gate_is_passed_by(first, tags, steps):
    """No stop inside its grace, no key beside the rules', nothing held is touched."""
    story = Story(tags | dict(first.tags), lifecycle=first.lifecycle, operator=first.operator)
    told: dict[str, Any] = {}
    for changed, state, span, run, outcome, undoes in steps:
        story.tags, story.state = {**story.tags, **changed}, state
        story.after(span)
        if undoes:
            story.undo()
        before = from_detail(story.record.detail) if story.record else Memory()
        decision = story.look(run)
        if decision.record is None:
            continue
        memory = from_detail(decision.record.detail)
        for name, notice in memory.notices.items():
            told.setdefault(name, notice.at)
        if decision.act in {FILL, STOP}:
            assert run, "changed outside of a run"
            seen = {k: v for k, v in story.tags.items() if (k, v) != (holds.TAG, HELD)}
            assert not holds.in_force(seen, None, story.now)
            assert "Quarantine" not in story.tags
            fresh = [one for one in memory.changes if one not in before.changes]
            assert {one.run for one in fresh} == {run}
            allowed = {rule.key for rule in RULES.rules if Remedy.FILL in rule.remedies}
            keys = {one.key for one in fresh}
            assert keys <= (allowed if decision.act == FILL else {holds.TAG})
        if decision.act == FILL:
            assert not {one.key for one in fresh} & story.tags.keys(), "never overwritten"
        if decision.act == STOP:
            assert story.state == "running"
            assert "aws:autoscaling:groupName" not in story.tags
            assert story.now >= told["backup:stop"] + STOPS.grace
        if decision.act:
            assert decision.record.intent.state is IntentState.PLANNED
            story.hear(outcome.result, obeyed=outcome.result is Result.ACCEPTED)


@given(TAGS, st.sampled_from(["running", "stopped", "terminated"]))
def test_off_is_off_and_twice_is_once(tags, state):
    story = Story(tags)
    story.state = state
    if not story.look().act:
        before = story.record
        assert not story.look().act
        assert story.record == before
    off = RemediationPolicy(mode=Mode.OFF)
    decision = remediation.decide("i-1", story.sight(), None, off, NOW, "n", rules=RULES)
    assert (decision.act, decision.record) == ("", None)

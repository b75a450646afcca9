"""Whom remediation stops and whom not, and what comes of a stop."""

from datetime import timedelta

import pytest

from fleetmend.core import holds
from fleetmend.core.model import (
    Hold,
    Result,
    Status,
)
from fleetmend.core.remediation import (
    FILL,
    HELD,
    RELEASE,
    STOP,
    from_detail,
)
from tests.unit.core.remedied import DAY, GOOD, POLICY, Story, stopped


@pytest.mark.parametrize(
    ("facts", "tags", "more", "reason"),
    [
        ({}, {"aws:autoscaling:groupName": "web"}, {}, "in-group"),
        ({}, {"fleetmend:hold-until": "2027-01-01T00:00Z"}, {}, "held"),
        ({}, {"Quarantine": "x"}, {}, "quarantined"),
        ({}, {"karpenter.sh/nodepool": "x"}, {}, "karpenter"),
        ({}, {"Schedule": "office"}, {}, "scheduler"),
        ({"operator": "x"}, {}, {}, "managed"),
        ({"lifecycle": "spot"}, {}, {}, "spot"),
        ({}, {}, {"hold": Hold(holds.FOREVER, "ana", "disk")}, "held"),
    ],
)
def test_what_is_not_ours_to_stop_is_refused_with_a_reason(facts, tags, more, reason):
    story = Story(GOOD | {"Backup": "maybe"}, **facts)
    story.look()
    story.tags |= tags
    decision = story.after(8 * DAY).look(**more)
    assert (decision.act, decision.reason) == ("", reason)
    assert decision.record.status is Status.REFUSED


def test_a_members_tags_are_filled_in_and_a_quarantines_are_not():
    lacking = {"Backup": "yes", "CostCenter": "1234"}
    assert Story(lacking | {"aws:autoscaling:groupName": "web"}).look().act == FILL
    assert Story(lacking | {"quarantine": "x"}).look().reason == "quarantined"


def test_what_is_down_by_another_hand_gets_no_hold_of_ours():
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    story.state = "stopped"
    assert story.after(8 * DAY).look().reason == "not-running"


def test_a_stop_is_told_and_held_and_left():
    story = stopped()
    assert story.after(timedelta(seconds=15)).look("").reason == "stopped"
    assert story.record.is_open, "so that its mending is seen"
    assert story.kinds()[-1] == "stopped"
    hold = holds.in_force(story.tags, None, story.now)
    assert hold
    assert hold.until == holds.FOREVER, "recovery honours it"
    assert not story.after(30 * DAY).look().act
    story.tags["Backup"] = "yes"
    assert story.after(DAY).look().reason == "complies"
    assert "fleetmend undo i-1" in story.record.alerts[-1].text


def test_who_starts_it_again_has_the_last_word_and_the_hold_goes():
    story = stopped()
    story.after(timedelta(seconds=15)).look("")
    story.state = "running"
    assert story.after(DAY).look().act == RELEASE
    story.hear()
    assert story.after(DAY).look().reason == "started-again"
    assert not story.after(30 * DAY).look().act
    assert "started-again" in story.kinds()


@pytest.mark.parametrize(
    ("result", "made"), [(Result.UNKNOWN, "held"), (Result.THROTTLED, "held"), (Result.UNKNOWN, "")]
)
def test_a_stop_that_came_as_far_as_its_hold_is_tried_again(result, made):
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    story.after(8 * DAY).look("r9")
    story.hear(result, obeyed=False, made=made)
    story.tags[holds.TAG] = HELD
    assert story.after(timedelta(seconds=15)).look("r9").reason == "stopping"
    assert story.after(POLICY.settle).look("r10").act == STOP


def test_what_aws_refuses_is_given_up_after_three_tries_and_told():
    story = Story({"Backup": "yes", "CostCenter": "1234"})
    for _ in range(POLICY.max_attempts):
        assert story.after(DAY).look().act == FILL
        story.hear(Result.REFUSED, obeyed=False)
        assert from_detail(story.record.detail).changes == ()
    assert story.record.status is Status.EXHAUSTED
    assert story.after(DAY).look().reason == "exhausted"
    assert story.kinds()[-1] == "exhausted"


def test_a_stop_that_ec2_forbids_is_given_up_at_once_and_told():
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    assert story.after(8 * DAY).look("r9").act == STOP
    story.hear(Result.REFUSED, obeyed=False)
    assert story.record.status is Status.EXHAUSTED
    assert story.kinds()[-1] == "exhausted"
    assert from_detail(story.record.detail).changes == (), "its hold is off again"
    story.tags["Backup"] = "yes"
    assert story.after(DAY).look().reason == "complies", "and it begins anew"

"""Starting over real boto3 clients: what is sent, and what answers mean."""

from datetime import timedelta

import pytest

from fleetmend.aws.clients import LONGEST_CALL
from fleetmend.aws.ec2 import DryRunFleet
from fleetmend.core.model import Result, Selector
from tests.unit.aws.fleets import LATER, NOW, answered, ask, fleet, started
from tests.unit.aws.wire import client, ec2_error, lost, response

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_start_sends_one_call_and_believes_only_what_the_answer_names():
    made, asked = answered(started("i-1"))
    outcomes = made.start(ask("i-2", "i-1"), before=LATER)
    assert asked == [
        {
            "Action": "StartInstances",
            "Version": "2016-11-15",
            "InstanceId.1": "i-1",
            "InstanceId.2": "i-2",
        }
    ]
    assert {name: o.result for name, o in outcomes.items()} == {
        "i-1": Result.ACCEPTED,
        "i-2": Result.UNKNOWN,
    }


def test_a_lack_of_capacity_is_asked_once_although_it_comes_as_a_500():
    made, asked = answered(ec2_error("InsufficientInstanceCapacity", "none", 500))
    outcome = made.start(ask("i-1"), before=LATER)["i-1"]
    assert (outcome.result, outcome.code, outcome.message) == (
        Result.CAPACITY,
        "InsufficientInstanceCapacity",
        "none",
    )
    assert len(asked) == 1


def test_a_throttled_start_is_sent_again_and_then_deferred():
    busy = ec2_error("RequestLimitExceeded", status=503)
    made, asked = answered(busy, busy)
    assert made.start(ask("i-1"), before=LATER)["i-1"].result is Result.THROTTLED
    assert len(asked) == 2


@pytest.mark.parametrize("first", [lost, response("<html>", 502)])
def test_a_start_that_may_have_been_obeyed_before_it_was_turned_away_is_unknown(first):
    made, asked = answered(first, ec2_error("RequestLimitExceeded", status=503))
    assert made.start(ask("i-1"), before=LATER)["i-1"].result is Result.UNKNOWN
    assert len(asked) == 2


def test_a_lost_answer_is_made_good_by_the_sdks_second_try():
    made, _ = answered(lost, started("i-1"))
    assert made.start(ask("i-1"), before=LATER)["i-1"].result is Result.ACCEPTED


def test_one_lost_answer_does_not_taint_the_next_call():
    busy = ec2_error("RequestLimitExceeded", status=503)
    made, _ = answered(lost, lost, busy, busy)
    assert made.start(ask("i-1"), before=LATER)["i-1"].result is Result.UNKNOWN
    assert made.start(ask("i-2"), before=LATER)["i-2"].result is Result.THROTTLED


def test_denied_and_gone_ids_are_taken_out_and_the_others_start():
    denied = "no identity-based policy allows it: arn:aws:ec2:us-east-1:123456789012:instance/i-2"
    made, asked = answered(
        ec2_error("UnauthorizedOperation", denied, 403),
        ec2_error("InvalidInstanceID.NotFound", "The instance ID 'i-3' does not exist"),
        started("i-1"),
    )
    outcomes = made.start(ask("i-1", "i-2", "i-3"), before=LATER)
    assert {name: o.result for name, o in outcomes.items()} == {
        "i-1": Result.ACCEPTED,
        "i-2": Result.REFUSED,
        "i-3": Result.GONE,
    }
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("before", "remaining", "sent"),
    [
        (NOW + LONGEST_CALL, timedelta(minutes=1), True),
        (NOW + LONGEST_CALL - timedelta(seconds=0.001), timedelta(minutes=1), False),
        (LATER, LONGEST_CALL, True),
        (LATER, LONGEST_CALL - timedelta(seconds=0.001), False),
        (NOW - timedelta(hours=1), timedelta(minutes=1), False),
    ],
)
def test_a_call_is_sent_only_if_its_longest_time_fits(before, remaining, sent):
    asked = []
    made = client("ec2", lambda request: asked.append(request) or started("i-1"))
    outcome = fleet(made, remaining=remaining).start(ask("i-1"), before=before)["i-1"]
    assert outcome.result is (Result.ACCEPTED if sent else Result.NOT_SENT)
    assert bool(asked) is sent


def test_a_defect_of_ours_is_not_taken_for_an_answer_of_aws():
    def broken(_):
        raise ZeroDivisionError

    made = fleet(client("ec2", broken))
    with pytest.raises(ZeroDivisionError):
        made.start(ask("i-1"), before=LATER)


def test_dry_run_watches_and_starts_nothing():
    class Watched:
        def stopped(self, selector):
            return [selector.key]

        def observe(self, ids):
            return dict.fromkeys(ids)

    dry = DryRunFleet(Watched())
    assert dry.stopped(Selector("k")) == ["k"]
    assert dry.observe(["i-1"]) == {"i-1": None}
    assert dry.start(ask("i-1", "i-2"), before=NOW)["i-2"].result is Result.WOULD

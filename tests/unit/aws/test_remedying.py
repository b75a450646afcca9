"""Tags, stops and undos over real boto3 clients: what is sent, and what answers mean."""

import json
from datetime import timedelta

import pytest

from fleetmend.aws.remedying import DryRunRemedies, Ec2Remedies
from fleetmend.core import holds
from fleetmend.core.model import Result
from fleetmend.core.ports import ObservationFailed
from fleetmend.core.remediation import HELD
from tests.unit.aws.fleets import LATER, NOW
from tests.unit.aws.wire import client, ec2_error, in_turn, lost, response

ID = "i-0123456789abcdef0"
HOLD = {holds.TAG: HELD}
DONE = response("<Response><return>true</return></Response>")
THROTTLED = ec2_error("RequestLimitExceeded", status=503)


pytestmark = pytest.mark.usefixtures("no_waiting")


def answered(*answers):
    """The port whose requests get these answers in turn, and the list of what was asked."""
    answer, asked = in_turn(*answers)
    made = {name: client(name, answer) for name in ("ec2", "autoscaling", "cloudtrail")}
    clock, remaining = (lambda: NOW), (lambda: timedelta(minutes=1))
    return Ec2Remedies(made.__getitem__, clock=clock, remaining=remaining), asked


def actions(asked):
    return [one["Action"] for one in asked]


def test_all_tags_go_in_one_call():
    port, asked = answered(DONE)
    assert port.tag(ID, {"Owner": "web", "A": "b"}, before=LATER).result is Result.ACCEPTED
    (sent,) = asked
    assert (sent["Tag.1.Key"], sent["Tag.2.Key"], sent["Tag.2.Value"]) == ("A", "Owner", "web")


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        ([lost, DONE], Result.ACCEPTED),
        ([THROTTLED] * 2, Result.THROTTLED),
        ([lost, THROTTLED], Result.UNKNOWN),
        ([ec2_error("UnauthorizedOperation", status=403)], Result.REFUSED),
        ([ec2_error("TagLimitExceeded", "You have reached the maximum of 50")], Result.REFUSED),
        ([ec2_error("InvalidInstanceID.NotFound")], Result.GONE),
    ],
    ids=["resent", "throttled", "lost, then throttled", "denied", "the 51st tag", "gone"],
)
def test_what_an_answer_to_a_tag_means(answers, result):
    port, asked = answered(*answers)
    assert port.tag(ID, {"Owner": "web"}, before=LATER).result is result
    assert len(asked) == len(answers)


def test_a_stop_puts_its_hold_first():
    port, asked = answered(DONE, DONE)
    found = port.stop(ID, HOLD, before=LATER)
    assert (found.result, found.made) == (Result.ACCEPTED, "held")
    assert actions(asked) == ["CreateTags", "StopInstances"]


def test_without_the_hold_nothing_is_stopped():
    port, asked = answered(ec2_error("TagLimitExceeded"))
    found = port.stop(ID, HOLD, before=LATER)
    assert (found.result, found.made) == (Result.REFUSED, "")
    assert actions(asked) == ["CreateTags"]


def test_what_ec2_protects_is_left_without_a_hold():
    refusal = ec2_error("OperationNotPermitted", "may not be stopped")
    port, asked = answered(DONE, refusal, DONE)
    found = port.stop(ID, HOLD, before=LATER)
    assert (found.result, found.made, found.code) == (Result.REFUSED, "", "OperationNotPermitted")
    assert actions(asked) == ["CreateTags", "StopInstances", "DeleteTags"]
    assert (asked[2]["Tag.1.Key"], asked[2]["Tag.1.Value"]) == (holds.TAG, HELD)
    port, _ = answered(DONE, refusal, ec2_error("UnauthorizedOperation", status=403))
    assert port.stop(ID, HOLD, before=LATER).made == "held", "it is still there, and remembered"


def test_another_refusal_of_a_stop_leaves_the_hold_to_the_next_run():
    """A policy may not see a tag at once; taken off and put on anew, it never would."""
    port, asked = answered(DONE, ec2_error("UnauthorizedOperation", status=403))
    assert port.stop(ID, HOLD, before=LATER).made == "held"
    assert actions(asked) == ["CreateTags", "StopInstances"]


def test_an_undo_starts_first_and_takes_off_only_what_has_its_value():
    port, asked = answered(DONE, DONE)
    assert port.undo(ID, HOLD, starts=True, before=LATER).result is Result.ACCEPTED
    assert actions(asked) == ["StartInstances", "DeleteTags"]
    assert asked[1]["Tag.1.Value"] == HELD
    port, asked = answered(ec2_error("InsufficientInstanceCapacity", status=500))
    assert port.undo(ID, HOLD, starts=True, before=LATER).result is Result.CAPACITY
    assert actions(asked) == ["StartInstances"], "what is down keeps its hold"


def test_nothing_is_sent_without_time_for_the_longest_call():
    port, asked = answered()
    soon = NOW + timedelta(seconds=5)
    assert port.tag(ID, {"Owner": "web"}, before=soon).result is Result.NOT_SENT
    assert port.stop(ID, HOLD, before=soon).result is Result.NOT_SENT
    assert port.undo(ID, HOLD, starts=True, before=soon).result is Result.NOT_SENT
    assert asked == []


@pytest.mark.parametrize("ask", ["observe", "networks", "groups", "creator"])
def test_what_could_not_be_asked_is_no_empty_answer(ask):
    refusal = ec2_error("UnauthorizedOperation", status=403)
    said = json.dumps({"__type": "AccessDeniedException"})
    port, _ = answered(response(said, 400) if ask == "creator" else refusal)
    with pytest.raises(ObservationFailed):
        getattr(port, ask)(ID if ask == "creator" else [ID])


def test_who_launched_it_may_stand_on_a_later_page():
    def page(*events, token=""):
        found = [{"EventName": event, "EventTime": 1, "Username": user} for event, user in events]
        more = {"NextToken": token} if token else {}
        return response(json.dumps({"Events": found, **more}))

    port, asked = answered(page(("StopInstances", "bo"), token="t"), page(("RunInstances", "ana")))
    assert port.creator(ID) == "ana"
    assert asked[1]["NextToken"] == "t"
    assert answered(page(("StopInstances", "bo")))[0].creator(ID) == ""


def test_a_dry_run_sends_nothing():
    port, asked = answered()
    dry = DryRunRemedies(port)
    for found in (
        dry.tag(ID, {"Owner": "web"}, before=LATER),
        dry.stop(ID, HOLD, before=LATER),
        dry.undo(ID, HOLD, starts=True, before=LATER),
    ):
        assert found.result is Result.WOULD
    assert asked == []

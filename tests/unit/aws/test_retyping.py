"""Changing types over real boto3 clients: what is sent, with which role, what answers mean."""

from datetime import timedelta

import pytest

from fleetmend.aws import retyping, roles
from fleetmend.aws.ec2 import DryRunFleet, Ec2Fleet
from fleetmend.core.instance_types import Kind
from fleetmend.core.model import Result, TypeChange
from fleetmend.core.ports import ObservationFailed
from tests.unit.aws.fleets import LATER, NOW, answered, fleet
from tests.unit.aws.wire import client, ec2_error, lost, response

DONE = response("<Response><return>true</return></Response>")
CHANGE = TypeChange("i-1", "m6i.large", "m5.large", is_marked=False)
TOLD = response(
    "<DescribeInstanceTypesResponse><instanceTypeSet><item>"
    "<instanceType>m6i.large</instanceType><instanceStorageSupported>false"
    "</instanceStorageSupported><supportedVirtualizationTypes><item>hvm</item>"
    "</supportedVirtualizationTypes><processorInfo><supportedArchitectures><item>x86_64</item>"
    "</supportedArchitectures></processorInfo><ebsInfo><nvmeSupport>required</nvmeSupport>"
    "</ebsInfo><networkInfo><enaSupport>required</enaSupport></networkInfo>"
    "<supportedRootDeviceTypes><item>ebs</item></supportedRootDeviceTypes>"
    "<supportedBootModes><item>uefi</item></supportedBootModes>"
    "</item></instanceTypeSet></DescribeInstanceTypesResponse>"
)
OFFERED = response(
    "<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>"
    "<item><instanceType>m6i.large</instanceType><location>z-1</location></item>"
    "<item><instanceType>m6i.large</instanceType><location>z-2</location></item>"
    "</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>"
)


pytestmark = pytest.mark.usefixtures("no_waiting")


def taken(*answers):
    """A fleet with a role of its own for types: what that role was used for."""
    there, asked = answered(*answers)
    plain, _ = answered()
    return Ec2Fleet(
        plain._client,
        clock=lambda: NOW,
        remaining=lambda: timedelta(minutes=1),
        types=lambda: there._client,
    ), asked


def test_what_ec2_tells_of_types_is_read_in_two_calls():
    made, asked = answered(TOLD, OFFERED)
    assert made.kinds(["m6i.large", "q1.large"]) == {
        "m6i.large": Kind(
            "m6i.large",
            frozenset({"x86_64"}),
            frozenset({"hvm"}),
            frozenset({"ebs"}),
            frozenset({"uefi"}),
            "required",
            "required",
            stores=False,
            zones=frozenset({"z-1", "z-2"}),
        )
    }
    assert [one["Filter.1.Name"] for one in asked] == ["instance-type"] * 2
    assert asked[0]["Filter.1.Value.2"] == "q1.large"
    assert asked[1]["LocationType"] == "availability-zone"


def test_what_could_not_be_asked_is_no_empty_answer():
    made, _ = answered(TOLD, *[ec2_error("InternalError", 500)] * 2)
    with pytest.raises(ObservationFailed, match="DescribeInstanceTypeOfferings"):
        made.kinds(["m6i.large"])


def test_it_is_marked_with_its_old_type_and_then_given_the_new_one():
    made, asked = taken(DONE, DONE)
    assert made.change_types([CHANGE], before=LATER)["i-1"].result is Result.ACCEPTED
    assert [one["Action"] for one in asked] == ["CreateTags", "ModifyInstanceAttribute"]
    assert (asked[0]["Tag.1.Key"], asked[0]["Tag.1.Value"]) == (
        "fleetmend:original-type",
        "m5.large",
    )
    assert asked[1]["InstanceType.Value"] == "m6i.large"
    assert not {"UserData.Value", "Attribute", "Value"} & set(asked[1])


def test_what_is_marked_is_not_marked_again():
    made, asked = taken(DONE)
    marked = TypeChange("i-1", "m6i.large", "m5.large", is_marked=True)
    assert made.change_types([marked], before=LATER)["i-1"].result is Result.ACCEPTED
    assert [one["Action"] for one in asked] == ["ModifyInstanceAttribute"]


FAILURES = [
    # the answers, and what became of it
    ((ec2_error("UnauthorizedOperation", status=403),), Result.REFUSED),
    ((lost, lost), Result.THROTTLED),
    ((DONE, ec2_error("IncorrectInstanceState")), Result.CONFLICT),
    ((DONE, ec2_error("InvalidParameterCombination")), Result.REFUSED),
    ((DONE, lost, lost), Result.UNKNOWN),
    ((DONE, lost, DONE), Result.ACCEPTED),
]


@pytest.mark.parametrize(("answers", "result"), FAILURES)
def test_what_answers_mean(answers, result):
    made, _ = taken(*answers)
    assert made.change_types([CHANGE], before=LATER)["i-1"].result is result


def test_one_that_is_refused_stops_no_other():
    made, asked = taken(DONE, ec2_error("InvalidParameterCombination"), DONE, DONE)
    other = TypeChange("i-2", "m6i.large", "m5.large", is_marked=False)
    found = made.change_types([CHANGE, other], before=LATER)
    assert [found[one].result for one in ("i-1", "i-2")] == [Result.REFUSED, Result.ACCEPTED]
    assert len(asked) == 4


def test_nothing_is_sent_without_time_for_the_longest_call():
    made, asked = taken()
    soon = NOW + timedelta(seconds=5)
    assert made.change_types([CHANGE], before=soon)["i-1"].result is Result.NOT_SENT
    assert asked == []


@pytest.mark.parametrize(
    ("code", "status", "result"),
    [("AccessDenied", 403, Result.REFUSED), ("Throttling", 400, Result.THROTTLED)],
)
def test_a_role_that_cannot_be_taken_changes_nothing(code, status, result):
    body = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"
    sts = client("sts", lambda _: response(body, status))
    outcomes = retyping.change(
        lambda: roles.keys(sts, "arn:aws:iam::123456789012:role/t", "session"),
        [CHANGE],
        lambda: True,
    )
    assert outcomes["i-1"].result is result


def test_an_answer_of_sts_that_was_lost_changed_nothing():
    sts = client("sts", lost)
    outcomes = retyping.change(
        lambda: roles.keys(sts, "arn:aws:iam::123456789012:role/t", "session"),
        [CHANGE],
        lambda: True,
    )
    assert outcomes["i-1"].result is Result.THROTTLED


def test_without_a_role_nothing_is_changed():
    outcome = fleet(client("ec2", lost)).change_types([CHANGE], before=LATER)["i-1"]
    assert (outcome.result, outcome.code) == (Result.REFUSED, "NoRole")


def test_a_dry_run_sends_nothing():
    made, asked = taken()
    assert DryRunFleet(made).change_types([CHANGE], before=LATER)["i-1"].result is Result.WOULD
    assert asked == []

"""Finding and mending the impaired over real boto3 clients: what is sent, what answers mean."""

from datetime import timedelta

import pytest

from fleetmend.aws.ec2 import DryRunFleet
from fleetmend.core.model import Result, Selector
from fleetmend.core.ports import ObservationFailed
from tests.unit.aws.fleets import LATER, NOW, answered
from tests.unit.aws.wire import ec2_error, lost, response

pytestmark = pytest.mark.usefixtures("no_waiting")


def statuses(*ids):
    items = "".join(f"<item><instanceId>{name}</instanceId></item>" for name in ids)
    return response(
        f"<DescribeInstanceStatusResponse><instanceStatusSet>{items}</instanceStatusSet>"
        "</DescribeInstanceStatusResponse>"
    )


def instances(*ids):
    items = "".join(f"<item><instanceId>{name}</instanceId></item>" for name in ids)
    return response(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>"
        f"{items}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
    )


def types(**stores):
    items = "".join(
        f"<item><instanceType>{name.replace('_', '.')}</instanceType>"
        f"<instanceStorageSupported>{str(has).lower()}</instanceStorageSupported></item>"
        for name, has in stores.items()
    )
    return response(
        f"<DescribeInstanceTypesResponse><instanceTypeSet>{items}</instanceTypeSet>"
        "</DescribeInstanceTypesResponse>"
    )


DONE = response("<Response><return>true</return></Response>")


def test_the_impaired_are_found_by_a_filter_for_each_check_and_narrowed_to_the_scope():
    fleet, asked = answered(statuses("i-1"), statuses("i-1", "i-2"), statuses(), instances("i-2"))
    assert fleet.ailing(Selector()) == ["i-2"]
    assert [one["Filter.1.Name"] for one in asked[:3]] == [
        "system-status.status",
        "instance-status.status",
        "attached-ebs-status.status",
    ]
    assert all(one["Filter.1.Value.1"] == "impaired" for one in asked[:3])
    assert not any("InstanceId.1" in one for one in asked)
    assert asked[3]["Filter.1.Name"] == "tag:Auto-Recover"
    assert (asked[3]["Filter.3.Value.1"], asked[3]["Filter.3.Value.2"]) == ("i-1", "i-2")


def test_a_healthy_region_costs_three_calls():
    fleet, asked = answered(statuses(), statuses(), statuses())
    assert fleet.ailing(Selector()) == []
    assert len(asked) == 3


def test_what_could_not_be_asked_is_no_empty_answer():
    fleet, _ = answered(statuses(), *[ec2_error("InternalError", 500)] * 2)
    with pytest.raises(ObservationFailed):
        fleet.ailing(Selector())


def test_types_with_volumes_on_the_host_and_unknown_ones_count():
    fleet, asked = answered(types(m5_large=False, m5d_large=True))
    assert fleet.storing(["m5.large", "m5d.large", "new.large"]) == {"m5d.large", "new.large"}
    assert asked[0]["Filter.1.Name"] == "instance-type"


def test_a_reboot_is_never_sent_twice():
    fleet, asked = answered(lost)
    found = fleet.reboot(["i-1"], before=LATER)
    assert found["i-1"].result is Result.UNKNOWN
    assert len(asked) == 1
    throttled, again = answered(ec2_error("RequestLimitExceeded", 503))
    assert throttled.reboot(["i-1"], before=LATER)["i-1"].result is Result.THROTTLED
    assert len(again) == 1


def test_a_stop_is_an_assignment_and_may_be_resent():
    fleet, asked = answered(lost, DONE)
    assert fleet.stop(["i-1"], before=LATER)["i-1"].result is Result.ACCEPTED
    assert [one["Action"] for one in asked] == ["StopInstances"] * 2


def test_one_that_is_protected_stops_no_other():
    fleet, asked = answered(ec2_error("OperationNotPermitted", 400), DONE)
    found = fleet.stop(["i-1", "i-2"], before=LATER)
    assert [found[one].result for one in ("i-1", "i-2")] == [Result.REFUSED, Result.ACCEPTED]
    assert [one["InstanceId.1"] for one in asked] == ["i-1", "i-2"]


def test_nothing_is_sent_without_time_for_the_longest_call():
    fleet, asked = answered()
    soon = NOW + timedelta(seconds=5)
    assert fleet.stop(["i-1"], before=soon)["i-1"].result is Result.NOT_SENT
    assert asked == []


def test_a_dry_run_sends_nothing():
    fleet, asked = answered()
    dry = DryRunFleet(fleet)
    assert dry.reboot(["i-1"], before=LATER)["i-1"].result is Result.WOULD
    assert dry.stop(["i-1"], before=LATER)["i-1"].result is Result.WOULD
    assert asked == []

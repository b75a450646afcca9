"""The fleet's adapter over real boto3 clients: what is sent, and what answers mean."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from fleetmend.core.model import GROUP_TAG, Check, Selector
from fleetmend.core.ports import ObservationFailed
from fleetmend.core.scope import Down
from tests.unit.aws.fleets import (
    LATER,
    NOW,
    answered,
    filters,
    fleet,
    instance,
    listed,
    reservations,
)
from tests.unit.aws.wire import client, ec2_error, lost, response

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_stopped_filters_on_the_server_and_reads_every_page():
    made, asked = answered(listed(instance("i-1"), token="t"), listed(instance("i-2")))
    assert made.stopped(Selector("Team*", "a*b?c\\d")) == [Down("i-1"), Down("i-2")]
    for request in asked:
        assert filters(request) == {
            "tag:Team*": [r"a\*b\?c\\d"],
            "instance-state-name": ["stopping", "stopped", "shutting-down", "terminated"],
        }
    assert [request["MaxResults"] for request in asked] == ["1000", "1000"]
    assert [request.get("NextToken") for request in asked] == [None, "t"]


def test_what_a_group_or_the_spot_market_took_away_is_left_out():
    grouped = [{"Key": GROUP_TAG, "Value": "web"}]
    made, _ = answered(
        listed(
            instance("i-1", "terminated"),
            instance("i-2", "terminated", Tags=grouped),
            instance("i-3", "shutting-down", InstanceLifecycle="spot"),
            instance("i-4", "stopping", Tags=grouped, InstanceLifecycle="spot"),
        )
    )
    left = Down("i-4", tags={GROUP_TAG: "web"})
    assert made.stopped(Selector()) == [Down("i-1", ended=True), left]


def test_a_listing_that_is_cut_short_or_names_no_instance_is_doubt():
    whole = listed(instance("i-1"), instance("i-2")).content
    made, _ = answered(response(whole[:-40]))
    with pytest.raises(ObservationFailed, match="not whole XML"):
        made.size(Selector())
    made, _ = answered(response(whole.replace(b"i-2", b"")))
    with pytest.raises(ObservationFailed, match="without an id"):
        made.size(Selector())


@pytest.mark.parametrize(
    ("reason", "at"),
    [
        ("User initiated (2026-03-01 12:34:56 GMT)", datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("User initiated (2026-03-01 12:34:56 UTC)", datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("User initiated (2026-13-01 12:34:56 GMT)", None),
        ("Server.InternalError", None),
        ("", None),
    ],
)
def test_when_a_stop_was_asked_for_stands_in_its_reason(reason, at):
    told = listed(instance("i-1", StateTransitionReason=reason), instance("i-2"))
    assert answered(told)[0].stopped(Selector()) == [Down("i-1", at), Down("i-2")]


def test_the_size_of_the_scope_leaves_out_what_is_terminated():
    made, asked = answered(listed(instance("i-1"), instance("i-2", "running")))
    assert made.size(Selector()) == 2
    assert filters(asked[0]) == {
        "tag:Auto-Recover": ["true"],
        "instance-state-name": ["pending", "running", "stopping", "stopped"],
    }


EVENTS = [
    ({"Code": "instance-retirement", "NotBefore": LATER}, LATER),
    ({"Code": "instance-stop", "NotBefore": LATER, "Description": "soon"}, LATER),
    ({"Code": "instance-stop", "NotBefore": LATER, "Description": "[Completed] soon"}, None),
    ({"Code": "instance-stop", "NotBefore": LATER, "Description": "[Canceled] soon"}, None),
    ({"Code": "system-reboot", "NotBefore": LATER}, None),
    ({"Code": "instance-stop"}, None),
]


@pytest.mark.parametrize(("event", "at"), EVENTS)
def test_an_announced_retirement_is_seen(event, at):
    made = client("ec2", lost)
    with Stubber(made) as stub:
        stub.add_response("describe_instances", reservations(instance("i-1", "running")))
        status = {"InstanceStatuses": [{"InstanceId": "i-1", "Events": [event]}]}
        stub.add_response("describe_instance_status", status)
        assert fleet(made).observe(["i-1"])["i-1"].retires_at == at


ROOT = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1"}}
EBS = {"RootDeviceType": "ebs", "RootDeviceName": "/dev/xvda"}


@pytest.mark.parametrize(
    ("said", "operator", "rootless"),
    [
        ({}, None, False),
        ({"Operator": {"Managed": False}}, None, False),
        (
            {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}},
            "eks.amazonaws.com",
            False,
        ),
        ({"Operator": {"Managed": True}}, "", False),
        ({**EBS, "BlockDeviceMappings": [ROOT]}, None, False),
        ({**EBS, "BlockDeviceMappings": []}, None, True),
        ({**EBS, "BlockDeviceMappings": [{**ROOT, "DeviceName": "/dev/sdb"}]}, None, True),
        (EBS, None, False),
        ({**EBS, "RootDeviceType": "instance-store", "BlockDeviceMappings": []}, None, False),
    ],
)
def test_who_runs_it_and_whether_its_root_is_there(said, operator, rootless):
    made = client("ec2", lost)
    with Stubber(made) as stub:
        stub.add_response("describe_instances", reservations(instance("i-1", **said)))
        seen = fleet(made).observe(["i-1"])["i-1"]
    assert (seen.operator, seen.rootless) == (operator, rootless)


def test_observe_reads_facts_and_every_check_that_aws_reports():
    made = client("ec2", lost)
    described = reservations(
        instance(
            "i-1",
            "running",
            InstanceType="m5.large",
            Placement={"AvailabilityZone": "us-east-1a"},
            Tags=[{"Key": "Auto-Recover", "Value": "true"}],
            LaunchTime=NOW,
        ),
        instance("i-2", InstanceLifecycle="spot"),
    )
    statuses = {
        "InstanceStatuses": [
            {
                "InstanceId": "i-1",
                "InstanceState": {"Name": "running"},
                "SystemStatus": {"Status": "ok"},
                "InstanceStatus": {"Status": "initializing"},
                "AttachedEbsStatus": {"Status": "impaired"},
                "ApplicationStatus": {"Status": "not-applicable"},
            }
        ]
    }
    with Stubber(made) as stub:
        stub.add_response(
            "describe_instances",
            described,
            {
                "Filters": [{"Name": "instance-id", "Values": ["i-1", "i-2", "i-3"]}],
                "MaxResults": 1000,
            },
        )
        stub.add_response("describe_instance_status", statuses, {"InstanceIds": ["i-1"]})
        seen = fleet(made).observe(["i-2", "i-1", "i-3", "i-1"])
    assert set(seen) == {"i-1", "i-2"}
    assert seen["i-1"].checks == (
        Check("application", "not-applicable"),
        Check("attached-ebs", "impaired"),
        Check("instance", "initializing"),
        Check("system", "ok"),
    )
    assert (seen["i-1"].type, seen["i-1"].zone) == ("m5.large", "us-east-1a")
    assert (seen["i-1"].launched_at, seen["i-1"].observed_at) == (NOW, NOW)
    assert seen["i-1"].tags == {"Auto-Recover": "true"}
    assert (seen["i-2"].lifecycle, seen["i-2"].checks) == ("spot", ())


def test_observe_asks_for_no_more_ids_than_a_filter_takes():
    made = client("ec2", lost)
    ids = [f"i-{n:08x}" for n in range(401)]
    with Stubber(made) as stub:
        for some in (ids[:200], ids[200:400], ids[400:]):
            stub.add_response(
                "describe_instances",
                reservations(*(instance(name, "running") for name in some)),
                {"Filters": [{"Name": "instance-id", "Values": some}], "MaxResults": 1000},
            )
        for n in range(0, 401, 100):
            stub.add_response(
                "describe_instance_status",
                {"InstanceStatuses": []},
                {"InstanceIds": ids[n : n + 100]},
            )
        assert len(fleet(made).observe(ids)) == 401
        stub.assert_no_pending_responses()


def test_an_instance_that_goes_while_its_checks_are_read_fails_no_other():
    made = client("ec2", lost)
    ids = ["i-1", "i-2", "i-3"]
    ok = {"SystemStatus": {"Status": "ok"}}
    with Stubber(made) as stub:
        stub.add_response(
            "describe_instances", reservations(*(instance(n, "running") for n in ids))
        )
        stub.add_client_error("describe_instance_status", "InvalidInstanceID.NotFound", "no")
        stub.add_client_error("describe_instance_status", "InvalidInstanceID.NotFound", "no")
        stub.add_response(
            "describe_instance_status",
            {"InstanceStatuses": [{"InstanceId": "i-2", **ok}, {"InstanceId": "i-3", **ok}]},
        )
        seen = fleet(made).observe(ids)
    assert {name: bool(i.checks) for name, i in seen.items()} == {
        "i-1": False,
        "i-2": True,
        "i-3": True,
    }


def test_nothing_to_observe_is_asked_of_nobody():
    assert fleet(client("ec2", lost)).observe([]) == {}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lost, "ReadTimeoutError"),
        (ec2_error("RequestLimitExceeded", status=503), "RequestLimitExceeded"),
        (ec2_error("UnauthorizedOperation", status=403), "UnauthorizedOperation"),
        (response("<html>"), "ResponseParserError"),
    ],
)
def test_a_describe_that_failed_is_doubt_and_says_what_to_do(answer, code):
    made, _ = answered(*[answer] * 2)
    with pytest.raises(ObservationFailed) as caught:
        made.stopped(Selector())
    assert caught.value.code == code
    assert caught.value.remedy


def test_what_aws_leaves_out_stays_empty_and_an_id_is_indispensable():
    made = client("ec2", lost)
    with Stubber(made) as stub:
        stub.add_response("describe_instances", reservations({"InstanceId": "i-1"}))
        seen = fleet(made).observe(["i-1"])["i-1"]
        assert (seen.state, seen.type, seen.zone, seen.tags) == ("", "", "", {})
        stub.add_response("describe_instances", reservations({"State": {"Name": "running"}}))
        with pytest.raises(ObservationFailed):
            fleet(made).observe(["i-1"])

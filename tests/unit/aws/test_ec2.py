"""The fleet's adapter over real boto3 clients: what is sent, and what answers mean."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import boto3
import pytest
from botocore import endpoint
from botocore.stub import Stubber

from fleetmend.aws.clients import LONGEST_CALL
from fleetmend.aws.ec2 import DryRunFleet, Ec2Fleet
from fleetmend.core.model import GROUP_TAG, Check, Result, Selector, StartRequest
from fleetmend.core.ports import ObservationFailed
from fleetmend.core.scope import Down
from fleetmend.lab.sim import render
from tests.unit.aws.wire import client, ec2_error, lost, response

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(endpoint.time, "sleep", lambda _: None)


def fleet(made, *, now=NOW, remaining=timedelta(minutes=1)):
    return Ec2Fleet(made, clock=lambda: now, remaining=lambda: remaining)


def answered(*answers):
    """A fleet whose requests get these answers in turn, and the list of what was asked."""
    left, asked = list(answers), []

    def answer(request):
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        asked.append({key: value[0] for key, value in parse_qs(body).items()})
        given = left.pop(0)
        return given(request) if callable(given) else given

    return fleet(client("ec2", answer)), asked


def started(*ids):
    items = "".join(f"<item><instanceId>{name}</instanceId></item>" for name in ids)
    return response(
        f"<StartInstancesResponse><instancesSet>{items}</instancesSet></StartInstancesResponse>"
    )


def ask(*ids, zone="us-east-1a", probe=False):
    return [StartRequest(name, "m5.large", zone, probe) for name in ids]


def instance(name, state="stopped", **more):
    return {"InstanceId": name, "State": {"Name": state}, **more}


def reservations(*instances):
    return {"Reservations": [{"Instances": [item]} for item in instances]}


# --- observing -------------------------------------------------------------------------------


def listed(*instances, token=""):
    """A page of DescribeInstances, as it comes over the wire."""
    model = boto3.client("ec2", "us-east-1").meta.service_model
    shape = model.operation_model("DescribeInstances").output_shape
    told = reservations(*instances) | ({"NextToken": token} if token else {})
    return response(render.answer("DescribeInstances", "ec2", shape, told))


def filters(asked):
    """The filters of a request: name → values."""
    names = {key.split(".")[1]: name for key, name in asked.items() if key.endswith(".Name")}
    return {
        name: [value for key, value in asked.items() if key.startswith(f"Filter.{n}.Value.")]
        for n, name in names.items()
    }


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
    assert made.stopped(Selector()) == [Down("i-1", ended=True), Down("i-4")]


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


# --- starting --------------------------------------------------------------------------------


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

"""EC2 over the wire: the physics, the faults and the events that emulators lack."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fleetmend.core.events import STOPPED_PATTERN
from fleetmend.lab.emulator import Emulators, client
from fleetmend.lab.emulator.calls import LAB
from fleetmend.lab.emulator.faults import Disturbance
from fleetmend.lab.emulator.physics import Shortage
from fleetmend.lab.emulator.processes import ACCOUNT
from fleetmend.lab.emulator.state_events import EventRule
from tests.scenarios.emulated import REGION, checks, code, eventually, run, state, stop

pytestmark = pytest.mark.emulator

# Who called, as CloudTrail tells it


def test_cloudtrail_tells_what_was_called_here_and_by_whom(lab: Emulators, stranger: Any) -> None:
    history = lab.ec2_server.gateway.trail.history
    late, history.late = history.late, timedelta(0)
    try:
        name = run(lab)[0]
        ana, bot = (lab.client("ec2", by=by) for by in ("ana", "deploy/run-7"))
        ana.stop_instances(InstanceIds=[name])
        with pytest.raises(ClientError):
            bot.reboot_instances(InstanceIds=[name])
        eventually(lambda: state(stranger, name) == "stopped")
        stranger.start_instances(InstanceIds=[name])
        ana.terminate_instances(InstanceIds=[name])
        trail = client(lab.environment(), "cloudtrail", app="somebody")
        asked = {"AttributeKey": "ResourceName", "AttributeValue": name}
        pages = trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[asked], PaginationConfig={"PageSize": 3}
        )
        events = [event for page in pages for event in page["Events"]]
        records = [json.loads(event["CloudTrailEvent"]) for event in events]
        assert [(event["EventName"], event["Username"]) for event in events] == [
            ("TerminateInstances", "ana"),
            ("StartInstances", "somebody"),
            ("RebootInstances", "run-7"),
            ("StopInstances", "ana"),
        ]
        assert [record.get("errorCode", "") for record in records] == [
            "", "", "Client.IncorrectInstanceState", ""
        ]  # fmt: skip
        kinds = [record["userIdentity"]["type"] for record in records]
        assert kinds == ["IAMUser", "AssumedRole", "AssumedRole", "IAMUser"]
        (moved,) = records[-1]["responseElements"]["instancesSet"]["items"]
        states = (moved["previousState"]["name"], moved["currentState"]["name"])
        assert (moved["instanceId"], *states) == (name, "running", "stopping")
        history.late = timedelta(hours=1)
        assert trail.lookup_events(LookupAttributes=[asked])["Events"] == []
        with pytest.raises(ClientError) as refused:
            trail.lookup_events(LookupAttributes=[asked, asked])
        assert code(refused) == "InvalidLookupAttributesException"
        fault = Disturbance("error", "cloudtrail", code="AccessDeniedException", times=1)
        lab.disturb(fault)
        with pytest.raises(ClientError) as refused:
            trail.lookup_events()
        assert code(refused) == "AccessDeniedException"
    finally:
        history.late = late


# EC2's physics


def test_describes_come_in_pages(lab: Emulators, stranger: Any) -> None:
    mine = set(run(lab, 11))
    pages = list(
        stranger.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    )
    found = [[i["InstanceId"] for r in p["Reservations"] for i in r["Instances"]] for p in pages]
    assert all(len(page) == 5 for page in found[:-1])
    assert len(found) >= 3
    everything = [name for page in found for name in page]
    assert mine <= set(everything)
    assert len(everything) == len(set(everything))
    statuses = stranger.get_paginator("describe_instance_status").paginate(
        PaginationConfig={"PageSize": 5}
    )
    assert mine <= {one["InstanceId"] for p in statuses for one in p["InstanceStatuses"]}


def test_a_page_has_its_own_size_when_nobody_says(lab: Emulators, stranger: Any) -> None:
    run(lab, 6)
    lab.ec2_server.gateway.page_size = 5
    try:
        assert stranger.describe_instances()["NextToken"]
    finally:
        lab.ec2_server.gateway.page_size = 1000


def test_ids_and_a_page_size_are_refused(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    with pytest.raises(ClientError) as refused:
        stranger.describe_instances(InstanceIds=[name], MaxResults=5)
    assert code(refused) == "InvalidParameterCombination"


def test_states_and_checks_take_time(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    assert set(checks(stranger, name).values()) == {"ok"}
    stranger.stop_instances(InstanceIds=[name])
    assert state(stranger, name) == "stopping"
    with pytest.raises(ClientError) as refused:
        stranger.start_instances(InstanceIds=[name])
    assert code(refused) == "IncorrectInstanceState"
    eventually(lambda: state(stranger, name) == "stopped")
    assert set(checks(stranger, name).values()) == {"not-applicable"}
    answer = stranger.start_instances(InstanceIds=[name])["StartingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == (
        "stopped",
        "pending",
    )
    eventually(lambda: state(stranger, name) == "running")
    assert set(checks(stranger, name).values()) == {"initializing"}
    eventually(lambda: set(checks(stranger, name).values()) == {"ok"})


def test_the_launch_time_moves_with_each_start(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]

    def launched() -> float:
        found = stranger.describe_instances(InstanceIds=[name])
        return float(found["Reservations"][0]["Instances"][0]["LaunchTime"].timestamp())

    assert launched() < time.time() - 80_000
    stop(lab, name)
    stranger.start_instances(InstanceIds=[name])
    assert launched() > time.time() - 60


def test_one_check_can_be_impaired_and_a_start_mends_it(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    with lab.lock:
        lab.physics.impair(name, "attached-ebs")
    assert checks(stranger, name)["AttachedEbsStatus"] == "impaired"
    assert checks(stranger, name)["SystemStatus"] == "ok"
    stop(lab, name)
    stranger.start_instances(InstanceIds=[name])
    eventually(lambda: set(checks(stranger, name).values()) == {"ok"})


def test_lack_of_capacity_starts_nothing_of_the_call(lab: Emulators, stranger: Any) -> None:
    dry = run(lab, kind="g5.xlarge", zone="b")[0]
    wet = run(lab, kind="m5.large", zone="b")[0]
    stop(lab, dry, wet)
    with lab.lock:
        lab.physics.shortage(Shortage(time.time() + 60, "g5.xlarge", f"{REGION}b"))
    with pytest.raises(ClientError) as refused:
        stranger.start_instances(InstanceIds=[wet, dry])
    assert code(refused) == "InsufficientInstanceCapacity"
    assert state(stranger, wet) == "stopped"
    stranger.start_instances(InstanceIds=[wet])
    assert state(stranger, wet) == "pending"
    assert state(stranger, dry) == "stopped"


def test_a_role_may_start_only_what_carries_the_tag(lab: Emulators, stranger: Any) -> None:
    tagged, other = run(lab, 2)
    lab.client("ec2").create_tags(Resources=[tagged], Tags=[{"Key": "Mend", "Value": "yes"}])
    stop(lab, tagged, other)
    lab.ec2_server.gateway.may_start["somebody"] = ("Mend", "yes")
    try:
        with pytest.raises(ClientError, match=other) as refused:
            stranger.start_instances(InstanceIds=[tagged, other])
        assert code(refused) == "UnauthorizedOperation"
        assert state(stranger, tagged) == "stopped"
        stranger.start_instances(InstanceIds=[tagged])
    finally:
        lab.ec2_server.gateway.may_start.clear()


def test_a_start_can_fall_back(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    stop(lab, name)
    lab.physics.fall_back(name, 1)
    stranger.start_instances(InstanceIds=[name])
    assert state(stranger, name) == "pending"
    eventually(lambda: state(stranger, name) == "stopped")
    stranger.start_instances(InstanceIds=[name])
    eventually(lambda: state(stranger, name) == "running")


def test_describes_can_lag(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    time.sleep(0.6)
    lab.physics.lag = (0.5, time.time() + 60)
    try:
        stranger.stop_instances(InstanceIds=[name])
        assert state(stranger, name) == "running"
        eventually(lambda: state(stranger, name) == "stopped")
    finally:
        lab.physics.lag = (0.0, 0.0)


def test_a_dry_run_does_nothing(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    with pytest.raises(ClientError) as refused:
        stranger.stop_instances(InstanceIds=[name], DryRun=True)
    assert code(refused) == "DryRunOperation"
    assert state(stranger, name) == "running"


# Faults


def test_an_answer_can_be_lost_after_its_effect(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    stop(lab, name)
    lab.disturb(Disturbance("lost", "ec2", "StartInstances", (name,), times=1))
    answer = stranger.start_instances(InstanceIds=[name])["StartingInstances"][0]
    assert answer["PreviousState"]["Name"] != "stopped", "the SDK's second try met the first"
    mine = [call for call in lab.calls() if name in call.subjects and not call.error]
    assert [call.lost for call in mine if call.operation == "StartInstances"] == [True, False]


def test_a_connection_can_break_before_any_effect(lab: Emulators, stranger: Any) -> None:
    name = run(lab)[0]
    stop(lab, name)
    # More than the SDK's attempts: one on a connection that was kept alive is not counted.
    lab.disturb(Disturbance("error", "ec2", "StartInstances", times=12, code="connection"))
    with pytest.raises(Exception, match=r"[Cc]onnection"):
        stranger.start_instances(InstanceIds=[name])
    assert state(stranger, name) == "stopped"


def test_throttling_names_its_subject_and_spares_the_lab(lab: Emulators, stranger: Any) -> None:
    one, other = run(lab, 2)
    stop(lab, one, other)
    lab.disturb(Disturbance("throttle", "ec2", "StartInstances", (one,), times=3))
    stranger.start_instances(InstanceIds=[other])
    with pytest.raises(ClientError) as refused:
        stranger.start_instances(InstanceIds=[one])
    assert code(refused) == "RequestLimitExceeded"
    lab.client("ec2").start_instances(InstanceIds=[one])
    assert all(call.caller != LAB for call in lab.calls())


def test_a_lost_answer_of_s3_meets_its_own_success(lab: Emulators) -> None:
    s3 = client(lab.environment(), "s3", app="somebody")
    where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    s3.create_bucket(Bucket="lost", **where)
    lab.disturb(Disturbance("lost", "s3", "PutObject", times=1))
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="lost", Key="k", Body=b"mine", IfNoneMatch="*")
    assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket="lost", Key="k")["Body"].read() == b"mine"
    puts = [
        call for call in lab.calls() if call.resource == "lost/k" and call.operation == "PutObject"
    ]
    assert [(call.lost, call.error) for call in puts] == [(True, ""), (False, "PreconditionFailed")]
    assert puts[0].parameters["Body"] == "mine"


# State-change events


@pytest.fixture(scope="module")
def inbox(lab: Emulators) -> Callable[[], list[dict[str, Any]]]:
    """A queue behind a rule as the product declares it; gives what arrived since the last call."""
    sqs, events = lab.client("sqs"), lab.client("events")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox"
    events.put_rule(Name="stopped", EventPattern=json.dumps(STOPPED_PATTERN))
    events.put_targets(Rule="stopped", Targets=[{"Id": "inbox", "Arn": arn}])

    def arrived() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return arrived


def about(events: list[dict[str, Any]], name: str) -> list[str]:
    return [e["detail"]["state"] for e in events if e["detail"]["instance-id"] == name]


def test_a_stop_is_told_as_aws_tells_it(lab: Emulators, inbox: Callable[[], Any]) -> None:
    name = run(lab)[0]
    stop(lab, name)
    events = inbox()
    assert about(events, name) == ["stopped"]
    mine = next(event for event in events if event["detail"]["instance-id"] == name)
    assert mine["source"] == "aws.ec2"
    assert mine["detail-type"] == "EC2 Instance State-change Notification"
    assert mine["resources"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{name}"]


def test_events_are_lost_doubled_late_and_false(lab: Emulators, inbox: Callable[[], Any]) -> None:
    lost, doubled, late, calm = run(lab, 4)
    soon = time.time() + 3
    lab.events.rule(EventRule("drop", soon, (lost,)))
    lab.events.rule(EventRule("duplicate", soon, (doubled,), times=3))
    lab.events.rule(EventRule("delay", soon, (late,), seconds=4.0))
    stop(lab, lost, doubled, late)
    lab.events.send(calm, "stopped")
    events = inbox()
    assert about(events, lost) == []
    assert about(events, doubled) == ["stopped"] * 3
    assert about(events, late) == []
    assert about(events, calm) == ["stopped"]
    time.sleep(max(0.0, soon + 1.5 - time.time()))
    assert about(inbox(), late) == ["stopped"]

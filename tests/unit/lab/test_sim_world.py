"""The simulated AWS, through the real SDK: it must refuse what AWS refuses."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from fleetmend.aws import clients
from fleetmend.components.installation import main
from fleetmend.deploy.capture import capture
from fleetmend.lab.scenario import Scenario, loads
from fleetmend.lab.sim.installed import Installed
from fleetmend.lab.sim.verbs import carry_out
from fleetmend.lab.sim.world import World

INSTALLED = Installed("us-east-1")
BUCKET, QUEUE, TOPIC = INSTALLED.bucket, INSTALLED.queue_url, INSTALLED.topic
HEAD = """
name: t
fleet: {instances: [{name: api, count: 7, tags: {Auto-Recover: "true"}}]}
timeline:
  - {at: 0s, drop_events: {for: 1h}}
"""


def scenario(*entries: str, end: str = "200s") -> Scenario:
    lines = [f"  - {entry}\n" for entry in entries]
    return loads(HEAD + "".join(lines) + f"  - {{at: {end}, end: true}}\n")


class Once:
    """A function that does something in its first run and nothing afterwards."""

    def __init__(self, body: Callable[[Callable[[str], Any]], None]) -> None:
        self.body, self.failure, self.done = body, None, False

    def __call__(self, event: Mapping[str, Any], context: Any, machine: Any) -> dict[str, Any]:
        if not self.done:
            self.done = True
            try:
                self.body(lambda service: clients.client(service, machine.container))
            except AssertionError as error:
                self.failure = error
        return {}


def inside(body: Callable[[Callable[[str], Any]], None], *entries: str) -> World:
    once = Once(body)
    world = World(scenario(*entries), once, 1)
    world.play(carry_out)
    assert once.done
    if once.failure:
        raise once.failure
    return world


def code(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


IDS = [f"i-{n:017x}" for n in range(1, 8)]


def test_ec2_pages_filters_and_statuses() -> None:
    def body(client: Callable[[str], Any]) -> None:
        ec2 = client("ec2")
        first = ec2.describe_instances(MaxResults=5)
        found = [i for r in first["Reservations"] for i in r["Instances"]]
        assert [i["InstanceId"] for i in found] == IDS[:5]
        second = ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
        assert [i["InstanceId"] for r in second["Reservations"] for i in r["Instances"]] == IDS[5:]
        assert "NextToken" not in second
        assert found[0]["State"] == {"Code": 16, "Name": "running"}
        assert {"Key": "Auto-Recover", "Value": "true"} in found[0]["Tags"]
        assert found[0]["LaunchTime"].isoformat() == "2026-02-28T00:00:00+00:00"
        for name, values, count in (
            ("tag:Auto-Recover", ["true"], 7),
            ("tag:Auto-Recover", ["tru\\e"], 7),
            ("tag:Auto-Recover", ["t*"], 7),
            ("tag:Auto-Recover", ["t\\*"], 0),
            ("tag:Auto-Recover", ["[t]rue"], 0),
            ("instance-id", IDS[:2], 2),
            ("instance-state-name", ["stopped", "stopping"], 0),
        ):
            page = ec2.describe_instances(Filters=[{"Name": name, "Values": values}])
            assert len(page["Reservations"]) == count, (name, values)
        assert len(ec2.describe_instance_status()["InstanceStatuses"]) == 7
        status = ec2.describe_instance_status(InstanceIds=IDS[:1])["InstanceStatuses"][0]
        assert status["SystemStatus"]["Status"] == "ok"
        assert status["AttachedEbsStatus"]["Status"] == "ok"
        describe, statuses = ec2.describe_instances, ec2.describe_instance_status
        assert code(describe, InstanceIds=["i-0"]) == "InvalidInstanceID.NotFound"
        assert code(describe, InstanceIds=IDS, MaxResults=5) == "InvalidParameterCombination"
        assert code(describe, MaxResults=4) == "InvalidParameterValue"
        assert code(statuses, InstanceIds=IDS * 20) == "InvalidParameterValue"
        many = [{"Name": "instance-id", "Values": [str(n) for n in range(201)]}]
        assert code(describe, Filters=many) == "FilterLimitExceeded"

    inside(body)


def test_one_bad_instance_fails_the_whole_start() -> None:
    def body(client: Callable[[str], Any]) -> None:
        start = client("ec2").start_instances
        assert code(start, InstanceIds=IDS[:2]) == "UnauthorizedOperation"
        assert code(start, InstanceIds=[IDS[1], IDS[2]]) == "InsufficientInstanceCapacity"
        assert code(start, InstanceIds=[IDS[3], IDS[2]]) == "IncorrectInstanceState"
        assert code(start, InstanceIds=["i-0", IDS[2]]) == "InvalidInstanceID.NotFound"
        changes = start(InstanceIds=[IDS[2], IDS[4]])["StartingInstances"]
        assert [c["PreviousState"]["Name"] for c in changes] == ["stopped", "running"]
        assert [c["CurrentState"]["Name"] for c in changes] == ["pending", "running"]

    world = inside(
        body,
        "{at: 0s, retag: api-1, remove: [Auto-Recover]}",
        "{at: 0s, stop: api-2, takes: 1s}",
        "{at: 0s, stop: api-3, takes: 1s}",
        "{at: 0s, terminate: api-4}",
        "{at: 0s, no_capacity: {zone: us-east-1b, for: 1h}}",
    )
    (accepted,) = [c for c in world.tape.calls if c.took_effect]
    assert accepted.subjects == (IDS[2], IDS[4])


def test_describes_may_lag_behind() -> None:
    seen: list[str] = []

    def body(client: Callable[[str], Any]) -> None:
        page = client("ec2").describe_instances(InstanceIds=IDS[:1])
        seen.append(page["Reservations"][0]["Instances"][0]["State"]["Name"])

    inside(body, "{at: 0s, stop: api-1, takes: 1s}")
    inside(body, "{at: 0s, stop: api-1, takes: 1s}", "{at: 0s, stale_reads: {lag: 5m, for: 1h}}")
    assert seen == ["stopped", "running"]


def test_s3_conditions_versions_and_policy() -> None:
    def body(client: Callable[[str], Any]) -> None:
        s3 = client("s3")
        record = {"Bucket": BUCKET, "Key": "records/recovery/i-1.json"}
        assert code(s3.get_object, **record) == "NoSuchKey"
        assert code(s3.put_object, **record, Body=b"x") == "AccessDenied"
        assert code(s3.put_object, **record, Body=b"x", IfMatch='"0"') == "NoSuchKey"
        one = s3.put_object(**record, Body=b"one", IfNoneMatch="*")
        assert code(s3.put_object, **record, Body=b"x", IfNoneMatch="*") == "PreconditionFailed"
        two = s3.put_object(**record, Body=b"two", IfMatch=one["ETag"])
        stale = {**record, "Body": b"x", "IfMatch": one["ETag"]}
        assert code(s3.put_object, **stale) == "PreconditionFailed"
        again = s3.put_object(**record, Body=b"one", IfMatch=two["ETag"])
        assert again["ETag"] == one["ETag"]  # the same bytes: a stale If-Match would succeed
        got = s3.get_object(**record)
        assert got["Body"].read() == b"one"
        assert got["LastModified"].microsecond == 0
        assert got["ResponseMetadata"]["HTTPHeaders"]["date"].endswith(" GMT")
        assert code(s3.delete_object, **record) == "AccessDenied"
        for key in ("open/recovery/a b", "open/recovery/b&c", "open/recovery/c"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
        page = s3.list_objects_v2(Bucket=BUCKET, Prefix="open/", MaxKeys=2)
        assert [item["Key"] for item in page["Contents"]] == [
            "open/recovery/a b",
            "open/recovery/b&c",
        ]
        token = page["NextContinuationToken"]
        rest = s3.list_objects_v2(Bucket=BUCKET, Prefix="open/", ContinuationToken=token)
        assert [item["Key"] for item in rest["Contents"]] == ["open/recovery/c"]
        hint = {"Bucket": BUCKET, "Key": "open/recovery/c"}
        assert code(s3.delete_object, **hint, IfMatch='"0"') == "PreconditionFailed"
        s3.delete_object(**hint, IfMatch=rest["Contents"][0]["ETag"])
        assert code(s3.get_object, **hint) == "NoSuchKey"
        assert code(s3.get_object, Bucket="other", Key="k") == "NoSuchBucket"

    world = inside(body)
    assert [v.body for v in world.s3.versions["records/recovery/i-1.json"]] == [
        b"one",
        b"two",
        b"one",
    ]


def test_queue_topic_and_parameters() -> None:
    def body(client: Callable[[str], Any]) -> None:
        sqs, sns, ssm = client("sqs"), client("sns"), client("ssm")
        entries = [{"Id": str(n), "MessageBody": "x", "DelaySeconds": 900} for n in range(2)]
        assert len(sqs.send_message_batch(QueueUrl=QUEUE, Entries=entries)["Successful"]) == 2
        late = [{**entries[0], "DelaySeconds": 901}]
        assert code(sqs.send_message_batch, QueueUrl=QUEUE, Entries=late) == "InvalidParameterValue"
        twins = [entries[0], entries[0]]
        assert "NotDistinct" in code(sqs.send_message_batch, QueueUrl=QUEUE, Entries=twins)
        message = '{"subject": "i-1", "text": "t", "kind": "k", "fact": "f"}'
        assert sns.publish(TopicArn=TOPIC, Subject="s", Message=message)["MessageId"]
        bad = {"TopicArn": TOPIC, "Message": message}
        assert code(sns.publish, **bad, Subject="ä") == "InvalidParameter"
        assert code(sns.publish, **bad, Subject="s" * 101) == "InvalidParameter"
        assert code(sns.publish, TopicArn=TOPIC + "x", Message=message) == "NotFound"
        answer = ssm.get_parameters(Names=[INSTALLED.parameter("mode/all"), "none"])
        assert [p["Value"] for p in answer["Parameters"]] == ["act"]
        assert answer["InvalidParameters"] == ["none"]

    inside(body)


def test_a_lost_answer_took_effect_and_a_timeout_did_not() -> None:
    def body(client: Callable[[str], Any]) -> None:
        key = {"Bucket": BUCKET, "Key": "open/recovery/x"}
        with pytest.raises((ReadTimeoutError, ConnectionClosedError)):
            client("s3").put_object(**key, Body=b"1")
        with pytest.raises(ReadTimeoutError):
            client("s3").get_object(**key)
        assert client("s3").get_object(**key)["Body"].read() == b"1"

    world = inside(
        body,
        "{at: 0s, lost_answer: {service: s3, operation: PutObject, times: 3}}",
        "{at: 0s, fault: {service: s3, operation: GetObject, error: timeout, times: 3}}",
    )
    assert [call.lost for call in world.tape.calls] == [True] * 6 + [False]
    run = world.tape.runs[0]
    assert (run.ended or 0) - run.began > 3 * clients.ORDINARY.read  # the SDK's patience is virtual


def test_throttling_is_retried_by_the_sdk() -> None:
    def body(client: Callable[[str], Any]) -> None:
        client("s3").list_objects_v2(Bucket=BUCKET)

    world = inside(body, "{at: 0s, throttle: {service: s3, times: 2}}")
    assert [call.error for call in world.tape.calls] == ["SlowDown", "SlowDown", ""]
    gaps = [
        b.at - (a.done or a.at)
        for a, b in zip(world.tape.calls, world.tape.calls[1:], strict=False)
    ]
    assert all(gap > 0.02 for gap in gaps)


def test_what_is_not_simulated_is_a_defect_and_no_answer() -> None:
    def body(client: Callable[[str], Any]) -> None:
        client("ec2").describe_volumes()

    with pytest.raises(NotImplementedError, match="ec2:DescribeVolumes"):
        inside(body)


class Batches:
    """A function that notes its batches and fails what it is told to fail."""

    def __init__(self, failing: int = 0, *, takes: float = 0.0) -> None:
        self.seen: list[list[str]] = []
        self.failing = failing

    def __call__(self, event: Mapping[str, Any], context: Any, machine: Any) -> dict[str, Any]:
        records = event.get("Records")
        if records is None:
            return {}
        self.seen.append([record["body"] for record in records])
        if self.failing:
            self.failing -= 1
            return {"batchItemFailures": [{"itemIdentifier": records[0]["messageId"]}]}
        return {}


def test_the_poller_waits_for_the_window_and_redelivers_what_failed() -> None:
    batches = Batches(failing=1)
    world = World(scenario(end="30m"), batches, 1)
    for n in range(3):
        world.engine.at(float(n), lambda n=n: world.queue.put(f"message {n}") and None)
    world.play(carry_out)
    assert batches.seen == [["message 0", "message 1", "message 2"], ["message 0"]]
    assert not world.queue.messages


def test_what_fails_too_often_ends_among_the_dead_letters() -> None:
    batches = Batches(failing=100)
    world = World(scenario(end="1h"), batches, 1)
    world.engine.at(1.0, lambda: world.queue.put("bad") and None)
    world.play(carry_out)
    assert len(batches.seen) == INSTALLED.max_receives
    assert [message.body for message in world.queue.dead] == ["bad"]


def test_the_sim_is_installed_as_the_component_declares() -> None:
    """The numbers the simulation uses are those of the program that is deployed."""
    graph = capture(main, config={"environmentSuffix": "dev", "region": "us-east-1"})
    mine = {node.type.rpartition(":")[2]: node.inputs for node in graph.nodes if node.name in {
        "recovery-controller-feed",
        "recovery-controller-function",
        "recovery-controller-schedule",
        "recovery-controller-queue",
    }}  # fmt: skip
    feed, queue = mine["EventSourceMapping"], mine["Queue"]
    assert feed["batchSize"] == INSTALLED.batch
    assert feed["maximumBatchingWindowInSeconds"] == INSTALLED.window
    assert feed["scalingConfig"]["maximumConcurrency"] == INSTALLED.concurrency
    assert feed["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert queue["visibilityTimeoutSeconds"] == INSTALLED.visibility
    assert f'"maxReceiveCount":{INSTALLED.max_receives}' in queue["redrivePolicy"]
    assert mine["Function"]["timeout"] == INSTALLED.timeout
    minutes = INSTALLED.sweep_every / 60
    assert mine["Schedule"]["scheduleExpression"] == f"rate({minutes:.0f} minutes)"

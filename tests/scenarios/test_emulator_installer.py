"""A captured graph becomes resources that work."""

import json
import zipfile
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture
from fleetmend.lab.emulator import EmulatorFailed, Emulators, install
from tests.scenarios.emulated import REGION, eventually, run, state, stop

pytestmark = pytest.mark.emulator

STARTER = """
import json, os
import boto3


def handler(event, context):
    ids = [json.loads(record["body"])["detail"]["instance-id"] for record in event["Records"]]
    boto3.client("ec2").start_instances(InstanceIds=ids)
    key = f"records/recovery/{ids[0]}.json"
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=b"{}")
    return {"batchItemFailures": []}
"""


def starter() -> None:
    """A program with the shape of a controller, and one resource the lab does not know."""
    bucket = aws.s3.Bucket("ledger", bucket="starter-ledger")
    dead = aws.sqs.Queue("dead", name="starter-dead")
    policy = pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3})
    queue = aws.sqs.Queue("queue", visibility_timeout_seconds=360, redrive_policy=policy)
    role = aws.iam.Role("role", assume_role_policy='{"Version": "2012-10-17", "Statement": []}')
    function = aws.lambda_.Function(
        "starter",
        name="starter",
        role=role.arn,
        runtime="python3.12",
        handler="starter.handler",
        timeout=60,
        publish=True,
        code=pulumi.FileArchive("unused.zip"),
        environment={"variables": {"BUCKET": bucket.bucket}},
    )
    live = aws.lambda_.Alias(
        "live", name="live", function_name=function.name, function_version=function.version
    )
    aws.lambda_.EventSourceMapping(
        "mapping",
        event_source_arn=queue.arn,
        function_name=live.arn,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config={"maximum_concurrency": 2},
    )
    pattern = {"source": ["aws.ec2"], "detail": {"state": ["stopped"]}}
    rule = aws.cloudwatch.EventRule("rule", event_pattern=json.dumps(pattern))
    aws.cloudwatch.EventTarget("target", rule=rule.name, arn=queue.arn)
    aws.dynamodb.Table("table", billing_mode="PAY_PER_REQUEST", hash_key="a")
    pulumi.export("queue", queue.url)


def test_a_graph_is_installed_and_works(lab: Emulators, tmp_path: Path) -> None:
    artifact = tmp_path / "starter.zip"
    with zipfile.ZipFile(artifact, "w") as archive:
        archive.writestr("starter.py", STARTER)
    graph = capture(starter, config={"aws:region": REGION})
    made = install(
        graph,
        artifact,
        client=lab.client,
        region=REGION,
        environment=lab.endpoints(),
        speed=60.0,
    )
    assert [line.split(":")[0] for line in made.skipped] == ["not installed"]
    assert "aws:dynamodb/table:Table table" in made.skipped[0]
    sqs = lab.client("sqs")
    attributes = sqs.get_queue_attributes(
        QueueUrl=made.outputs["queue"], AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
    )["Attributes"]
    assert attributes["VisibilityTimeout"] == "6"
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].endswith(":starter-dead")
    name = run(lab)[0]
    stop(lab, name)
    eventually(lambda: state(lab.client("ec2"), name) == "running")
    callers = {call.service: call.caller for call in lab.calls() if name in call.subjects}
    assert callers["ec2"] == callers["s3"] == "starter"
    eventually(lambda: all(entry["ended"] for entry in lab.control.get("runs", since=0)))
    mine = [entry for entry in lab.control.get("runs", since=0) if entry["function"] == "starter"]
    assert next((entry["trigger"], entry["error"]) for entry in mine) == ("queue", "")


def test_a_resource_that_cannot_be_made_is_named(lab: Emulators, tmp_path: Path) -> None:
    def broken() -> None:
        aws.iam.RolePolicy("odd", name="odd", role="nobody", policy="{}")

    graph: Graph = capture(broken, config={"aws:region": REGION})
    with pytest.raises(EmulatorFailed, match=r"aws:iam/rolePolicy:RolePolicy odd .*NoSuchEntity"):
        install(graph, tmp_path, client=lab.client, region=REGION, environment={})

"""A controller has everything it needs to run, to be woken, to fail safely and to be missed."""

import json
from functools import cache
from typing import Any

import pytest

from fleetmend.components.controller import Controller
from fleetmend.core.graph import Graph, Node
from tests.components.graphs import ACCOUNT, ME, REGION, astray, badly_tagged, graph, one
from tests.components.iam_rules import faults
from tests.components.installed import filled, policy, role_statements

FUNCTION = "aws:lambda/function:Function"
QUEUE = "aws:sqs/queue:Queue"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/main"
UNKNOWN_TO_IAM = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""Actions without any resource type or condition key: they can only stand on `*`."""

OWN = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["ec2:DescribeInstances"],
                "Resource": ["*"],
                "Condition": {"StringEquals": {"ec2:Region": REGION}},
            }
        ],
    }
)


def controller(**more: Any) -> Graph:
    return _controller(json.dumps(more, sort_keys=True))


@cache
def _controller(more: str) -> Graph:
    args: Any = {
        "installation": ME,
        "account_id": ACCOUNT,
        "concern": "recovery",
        "description": "Mends",
        "artifact": "no/such/file.zip",
        "key_arn": KEY,
        "topic_arn": TOPIC,
        "policy": OWN,
        "event_pattern": '{"source": ["aws.ec2"]}',
        "sweep_minutes": 2,
        "heartbeat": True,
        **json.loads(more),
    }
    return graph(lambda opts: Controller("mend", args, opts) and None)


FOUND = controller()


def test_the_function_waits_for_its_policies_and_its_log_group() -> None:
    waits = one(FOUND, FUNCTION).options["dependsOn"]
    grants = {
        node.urn for node in FOUND.of_type("aws:iam/rolePolicy:RolePolicy") if "may" in node.name
    }
    of_function = {urn for urn in grants if "schedule" not in urn}
    assert len(of_function) == 2
    assert {*of_function, one(FOUND, "aws:cloudwatch/logGroup:LogGroup").urn} <= {
        *waits,
        *one(FOUND, FUNCTION).dependencies,
    }


def test_logs_go_to_a_group_that_is_encrypted_and_expires() -> None:
    logs = one(FOUND, "aws:cloudwatch/logGroup:LogGroup")
    assert logs.inputs["name"] == "/aws/lambda/fleetmend-recovery-dev"
    assert logs.inputs["kmsKeyId"] == KEY
    assert logs.inputs["retentionInDays"] == 14
    config = one(FOUND, FUNCTION).inputs["loggingConfig"]
    assert filled(FOUND, config["logGroup"]) == logs.inputs["name"]


def test_everything_calls_the_alias_which_points_at_a_version() -> None:
    function, alias = one(FOUND, FUNCTION), one(FOUND, "aws:lambda/alias:Alias")
    assert function.inputs["publish"] is True
    assert alias.inputs["name"] == "live"
    assert alias.inputs["functionVersion"] == f"<<TF:{function.urn}|version>>"
    arn = f"<<TF:{alias.urn}|arn>>"
    assert one(FOUND, "aws:scheduler/schedule:Schedule").inputs["target"]["arn"] == arn
    feed = one(FOUND, "aws:lambda/eventSourceMapping:EventSourceMapping")
    assert feed.inputs["functionName"] == arn


def test_the_queue_feeds_batches_and_hears_which_messages_failed() -> None:
    feed = one(FOUND, "aws:lambda/eventSourceMapping:EventSourceMapping").inputs
    assert feed["batchSize"] == 1000
    assert feed["maximumBatchingWindowInSeconds"] == 5
    assert feed["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert feed["scalingConfig"] == {"maximumConcurrency": 2}


def test_without_a_window_lambda_takes_ten_messages_at_most() -> None:
    found = controller(batch_window_seconds=0)
    feed = one(found, "aws:lambda/eventSourceMapping:EventSourceMapping").inputs
    assert (feed["batchSize"], feed["maximumBatchingWindowInSeconds"]) == (10, 0)


@pytest.mark.parametrize("timeout", [10, 60])
def test_a_message_stays_hidden_for_six_runs(timeout: int) -> None:
    found = controller(function={"timeout_seconds": timeout})
    queue = one(found, QUEUE, "-queue")
    assert queue.inputs["visibilityTimeoutSeconds"] == 6 * timeout
    assert one(found, FUNCTION).inputs["timeout"] == timeout


def arn_of(node: Node) -> str:
    return f"<<TF:{node.urn}|arn>>"


def test_each_of_the_four_sources_has_a_place_for_what_it_could_not_hand_over() -> None:
    dead, undelivered = one(FOUND, QUEUE, "dead-letters"), one(FOUND, QUEUE, "undelivered")
    redrive = json.loads(one(FOUND, QUEUE, "-queue").inputs["redrivePolicy"])
    assert redrive == {"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 5}
    back = json.loads(
        one(FOUND, "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy").inputs["redriveAllowPolicy"]
    )
    assert back["sourceQueueArns"] == [arn_of(one(FOUND, QUEUE, "-queue"))]
    target = one(FOUND, "aws:cloudwatch/eventTarget:EventTarget").inputs
    assert target["deadLetterConfig"] == {"arn": arn_of(undelivered)}
    schedule = one(FOUND, "aws:scheduler/schedule:Schedule").inputs["target"]
    assert schedule["deadLetterConfig"] == {"arn": arn_of(undelivered)}
    failed = one(FOUND, "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig").inputs
    assert failed["destinationConfig"] == {"onFailure": {"destination": arn_of(undelivered)}}
    assert failed["qualifier"]


def test_every_queue_is_encrypted_speaks_tls_and_lets_in_only_its_rule() -> None:
    for queue in FOUND.of_type(QUEUE):
        assert queue.inputs["kmsMasterKeyId"] == KEY
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/fleetmend-recovery-events-dev"
    let_in = {}
    for node in FOUND.of_type("aws:sqs/queuePolicy:QueuePolicy"):
        first, *rest = policy(FOUND, node)
        assert first["Effect"] == "Deny"
        assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in rest:
            assert statement["Action"] == ["sqs:SendMessage"]
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            let_in[node.name] = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert let_in == {"mend-queue-policy": [rule], "mend-undelivered-policy": [rule]}


def test_the_schedule_has_a_role_that_only_its_own_group_can_use() -> None:
    role = one(FOUND, "aws:iam/role:Role", "schedule-role")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = one(FOUND, "aws:scheduler/scheduleGroup:ScheduleGroup")
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {"aws:SourceArn": [arn_of(group)]},
    }


@pytest.mark.parametrize(("minutes", "expression"), [(1, "rate(1 minute)"), (7, "rate(7 minutes)")])
def test_the_schedule_says_how_often_and_in_which_zone(minutes: int, expression: str) -> None:
    found = controller(sweep_minutes=minutes, function={"time_zone": "Europe/Berlin"})
    schedule = one(found, "aws:scheduler/schedule:Schedule").inputs
    assert schedule["scheduleExpression"] == expression
    assert schedule["scheduleExpressionTimezone"] == "Europe/Berlin"
    assert json.loads(schedule["target"]["input"]) == {"fleetmend": "sweep"}


def test_grants_name_what_the_actions_support_and_nothing_wider() -> None:
    statements = role_statements(FOUND, "mend")
    found = [
        fault
        for statement in statements
        if not set(statement["Action"]) <= UNKNOWN_TO_IAM
        for fault in faults(statement)
    ]
    assert found == []


def test_nobody_may_create_log_groups() -> None:
    actions = [action for each in role_statements(FOUND, "mend") for action in each["Action"]]
    assert "logs:CreateLogStream" in actions
    assert not [action for action in actions if "LogGroup" in action or "*" in action]


def alarms(found: Graph) -> dict[str, dict[str, Any]]:
    return {
        node.inputs["name"].removeprefix("fleetmend-recovery-").removesuffix("-dev"): dict(
            node.inputs
        )
        for node in found.of_type(ALARM)
    }


def test_alarms_watch_everything_and_tell_the_topic_both_ways() -> None:
    made = alarms(FOUND)
    assert set(made) == {
        "errors",
        "throttles",
        "duration",
        "dead-letters",
        "undelivered",
        "oldest-message",
        "heartbeat",
    }
    for alarm in made.values():
        assert alarm["alarmActions"] == alarm["okActions"] == [TOPIC]
        assert alarm["dimensions"]
        assert len(alarm["alarmDescription"]) > 40


def test_thresholds_are_settings() -> None:
    chosen = {
        "period_seconds": 120,
        "evaluation_periods": 7,
        "datapoints": 3,
        "missing_data": "ignore",
        "errors": 4,
        "duration_percent": 50,
        "dead_letters": 9,
        "oldest_message_seconds": 77,
    }
    made = alarms(controller(function={"timeout_seconds": 30, "alarms": chosen}))
    errors = made["errors"]
    assert (errors["period"], errors["evaluationPeriods"], errors["datapointsToAlarm"]) == (
        120,
        7,
        3,
    )
    assert (errors["threshold"], errors["treatMissingData"]) == (4, "ignore")
    assert made["duration"]["threshold"] == 15_000
    assert made["dead-letters"]["threshold"] == made["undelivered"]["threshold"] == 9
    assert made["oldest-message"]["threshold"] == 77


@pytest.mark.parametrize("minutes", [1, 2, 5, 60])
def test_the_heartbeat_takes_silence_for_trouble_and_one_lost_sweep_for_none(minutes: int) -> None:
    heartbeat = alarms(controller(sweep_minutes=minutes))["heartbeat"]
    assert heartbeat["treatMissingData"] == "breaching"
    assert heartbeat["period"] >= 2 * 60 * minutes + 60
    assert heartbeat["period"] % 60 == 0
    assert heartbeat["metricName"] == "OldestLookSeconds"
    assert heartbeat["namespace"] == "Fleetmend/dev"


def test_a_controller_that_nothing_wakes_but_the_clock_has_no_queue() -> None:
    args: Any = {
        "installation": ME,
        "account_id": ACCOUNT,
        "concern": "bridge",
        "description": "Tells",
        "artifact": "x.zip",
        "key_arn": KEY,
        "topic_arn": TOPIC,
        "policy": OWN,
        "sweep_minutes": 15,
        "subscribed": True,
    }
    found = graph(lambda opts: Controller("tell", args, opts) and None)
    assert [node.name for node in found.of_type(QUEUE)] == ["tell-undelivered"]
    assert not found.of_type("aws:lambda/eventSourceMapping:EventSourceMapping")
    permission = one(found, "aws:lambda/permission:Permission").inputs
    assert permission["sourceArn"] == TOPIC
    assert permission["sourceAccount"] == ACCOUNT
    assert permission["qualifier"]
    subscription = one(found, "aws:sns/topicSubscription:TopicSubscription").inputs
    assert "deadLetterTargetArn" in subscription["redrivePolicy"]
    (let_in,) = policy(found, one(found, "aws:sqs/queuePolicy:QueuePolicy"))[1:]
    assert let_in["Principal"] == {"Service": "sns.amazonaws.com"}
    assert let_in["Condition"]["ArnEquals"] == {"aws:SourceArn": [TOPIC]}


def test_everything_is_tagged_named_for_its_component_and_on_the_given_provider() -> None:
    assert badly_tagged(FOUND) == []
    assert list(astray(FOUND, "mend")) == []

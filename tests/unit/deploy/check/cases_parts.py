"""Resources that the cases of test_rules.py are made of."""

from dataclasses import dataclass
from typing import Any

from fleetmend.core.graph import Node
from tests.unit.deploy.check.graphs import ACCOUNT, document, node, ref

FUNCTION = "aws:lambda/function:Function"
QUEUE = "aws:sqs/queue:Queue"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
BUCKET = "aws:s3/bucket:Bucket"
TOPIC = "aws:sns/topic:Topic"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LISTENER = "aws:lb/listener:Listener"


@dataclass
class Case:
    """The rule, the resources with its fault, the same without it, and who is to blame."""

    rule: str
    faulty: list[Node]
    sound: list[Node]
    blamed: str


def function(**inputs: Any) -> Node:
    return node(FUNCTION, "worker", {"name": "worker", "timeout": 60, **inputs})


def queue(name: str = "queue", **inputs: Any) -> Node:
    return node(QUEUE, name, {"name": name, **inputs})


def source(worker: Node, of: Node, **inputs: Any) -> Node:
    given = {"eventSourceArn": ref(of), "functionName": ref(worker), **inputs}
    return node(MAPPING, "mapping", given)


def target(worker: Node, **inputs: Any) -> Node:
    return node("aws:cloudwatch/eventTarget:EventTarget", "target", {"arn": ref(worker), **inputs})


def schedule(worker: Node, **inputs: Any) -> Node:
    given = {"scheduleExpression": "rate(2 minutes)", "target": {"arn": ref(worker), **inputs}}
    return node("aws:scheduler/schedule:Schedule", "schedule", given)


def subscription(to: Node, **inputs: Any) -> Node:
    given = {"protocol": "sqs", "endpoint": ref(to), **inputs}
    return node("aws:sns/topicSubscription:TopicSubscription", "subscription", given)


def alarm(**inputs: Any) -> Node:
    given = {"alarmActions": ["arn:aws:sns:us-east-1:123456789012:alerts"], **inputs}
    return node(ALARM, "alarm", given)


def attached(policy: str) -> Node:
    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    return node(kind, "attached", {"role": "worker", "policyArn": policy})


def lifecycle(of: Node, *rules: dict[str, Any], after: tuple[str, ...] = ()) -> Node:
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    return node(kind, "lifecycle", {"bucket": ref(of), "rules": list(rules)}, dependencies=after)


TAGS = dict.fromkeys(
    ("Project", "Application", "Environment", "ManagedBy", "ResourceType", "Name"), "x"
)
LETTERS = queue("letters")
WORKER = function()
LOGS = node("aws:cloudwatch/logGroup:LogGroup", "logs", {"name": "/aws/lambda/worker"})
DATA = node(BUCKET, "data", {"bucket": "data"})
VERSIONING = node("aws:s3/bucketVersioning:BucketVersioning", "versions", {"bucket": ref(DATA)})
OLD = {"filter": {"prefix": ""}, "noncurrentVersionExpiration": {"noncurrentDays": 3}}
QUEUE_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:fleetmend-recovery-dev"


def policy_of(of: Node, *statements: dict[str, Any]) -> Node:
    kind = "aws:sqs/queuePolicy:QueuePolicy"
    return node(kind, "guard", {"queueUrl": ref(of, "id"), "policy": document(*statements)})


EVERYBODY = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "sqs:SendMessage",
    "Resource": ref(LETTERS),
}
OWN = {"Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}

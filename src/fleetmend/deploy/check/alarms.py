"""Rules on alarms and dashboards: that each is raised, and that someone hears it."""

import json
from collections.abc import Iterator
from typing import Any

from fleetmend.core.graph import Node
from fleetmend.deploy.check.deadletters import dead_letter_queues
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.iam.document import Statement
from fleetmend.deploy.iam.policies import policies
from fleetmend.deploy.lambdas import FUNCTION
from fleetmend.deploy.tokens import Json, references
from fleetmend.deploy.view import View, listing, mapping, text_of

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = "aws:sns/topic:Topic"
KEYS = ("aws:kms/key:Key", "aws:kms/alias:Alias")
CLOUDWATCH = "cloudwatch.amazonaws.com"

_FUNCTION_METRICS = {
    "Errors": Severity.ERROR,
    "Throttles": Severity.WARNING,
    "Duration": Severity.WARNING,
}


@rule("alarm-function")
def function_alarms(view: View) -> Iterator[Fault]:
    """A function has no alarm on its errors (an error), throttles or duration (warnings).

    It can fail on every run, and nobody is told.

    Remedy: alarms on AWS/Lambda Errors, Throttles and Duration, with the dimension FunctionName.

    See: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    for function in view.of_type(FUNCTION):
        watched = _watched(view, function, "AWS/Lambda", "FunctionName")
        for metric, severity in _FUNCTION_METRICS.items():
            if metric not in watched:
                yield Fault(function, f"no alarm on {metric}", severity=severity)


@rule("alarm-dead-letters")
def dead_letter_alarms(view: View) -> Iterator[Fault]:
    """Nobody is told when a dead-letter queue has something in it.

    A dead letter is work that was not done; it expires unseen.

    Remedy: an alarm on AWS/SQS ApproximateNumberOfMessagesVisible of the queue.

    See: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html
    """
    for queue in dead_letter_queues(view).values():
        watched = _watched(view, queue, "AWS/SQS", "QueueName")
        if "ApproximateNumberOfMessagesVisible" not in watched:
            yield Fault(queue, "no alarm on its dead letters")


@rule("alarm-silent")
def silent(view: View) -> Iterator[Fault]:
    """An alarm tells nobody.

    It turns red on a page that no one looks at.

    Remedy: set `alarmActions` to the alerts topic, and `okActions` for the all-clear.

    See: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
    """
    for alarm in view.of_type(ALARM, "aws:cloudwatch/compositeAlarm:CompositeAlarm"):
        off = alarm.inputs.get("actionsEnabled") is False
        if off or not alarm.inputs.get("alarmActions"):
            yield Fault(alarm, "has no action")


@rule("alarm-missing-data", Severity.WARNING)
def missing_data(view: View) -> Iterator[Fault]:
    """An alarm does not say what missing data means.

    The default keeps the last state: an alarm on errors then stays red after the last error, and a
    heartbeat never turns red at all.

    Remedy: set `treatMissingData`: notBreaching for errors, breaching for heartbeats.

    See: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
    """
    for alarm in view.of_type(ALARM):
        if not alarm.inputs.get("treatMissingData"):
            yield Fault(alarm, "does not say what missing data means")


@rule("alarm-unreachable-topic")
def unreachable_topic(view: View) -> Iterator[Fault]:
    """An alarm cannot reach its topic.

    CloudWatch must be able to use the topic's key: the AWS-managed `alias/aws/sns` never admits
    it, a key of ours only by its policy. A topic policy of ours must admit CloudWatch too. The
    alarm fires, the publication fails, and nobody is told.

    Remedy: a customer-managed key whose policy lets cloudwatch.amazonaws.com Decrypt and
    GenerateDataKey, and a topic policy that lets it Publish.

    See: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    for alarm in view.of_type(ALARM, "aws:cloudwatch/compositeAlarm:CompositeAlarm"):
        names = ("alarmActions", "okActions", "insufficientDataActions")
        topics = (view.referred(a, TOPIC) for n in names for a in listing(alarm.inputs.get(n)))
        for topic in {topic.urn: topic for topic in topics if topic}.values():
            reason = _barrier(view, topic)
            if reason:
                yield Fault(alarm, f"cannot publish to {topic.name}: {reason}")


@rule("alarm-widget-dimensions")
def widget_dimensions(view: View) -> Iterator[Fault]:
    """A dashboard shows a metric without dimensions.

    CloudWatch shows nothing, or the sum over the whole account: other installations' figures.

    Remedy: give each metric its dimensions, or a SEARCH expression that names them.

    See: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    for board in view.of_type("aws:cloudwatch/dashboard:Dashboard"):
        body = _json(text_of(board, "dashboardBody"))
        for widget in listing(mapping(body).get("widgets")):
            properties = mapping(mapping(widget).get("properties"))
            title = str(properties.get("title", "without a title"))
            for metric in listing(properties.get("metrics")):
                if _has_no_dimensions(listing(metric)):
                    yield Fault(board, f"widget {title!r} has no dimensions", metric)


def _watched(view: View, target: Node, namespace: str, dimension: str) -> set[str]:
    """The metrics of `target` that some alarm is on."""
    found: set[str] = set()
    for alarm in view.of_type(ALARM):
        given = [alarm.inputs]
        given += [
            mapping(mapping(query).get("metric"))
            for query in listing(alarm.inputs.get("metricQueries"))
        ]
        for metric in given:
            value = mapping(metric.get("dimensions")).get(dimension)
            meant = view.referred(value, target.type)
            if metric.get("namespace") == namespace and meant and meant.urn == target.urn:
                found.add(str(metric.get("metricName")))
    return found


def _barrier(view: View, topic: Node) -> str:
    """What keeps CloudWatch from publishing to a topic; empty where nothing does."""
    guards = [
        statement
        for policy in policies(view)
        if policy.target and policy.target.urn == topic.urn
        for statement in policy.statements
    ]
    if guards and not _admits(guards, "sns:Publish"):
        return "its policy does not admit CloudWatch"
    given = topic.inputs.get("kmsMasterKeyId")
    if not given:
        return ""
    if _is_managed(view, given):
        return "alias/aws/sns does not admit CloudWatch"
    key = view.referred(given, *KEYS)
    if key is not None and key.type == KEYS[1]:
        key = view.referred(key.inputs.get("targetKeyId"), KEYS[0])
    if key is None or key.type != KEYS[0]:
        return ""
    admits = [
        statement
        for policy in policies(view)
        if policy.target and policy.target.urn == key.urn
        for statement in policy.statements
    ]
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if not _admits(admits, action):
            return f"the policy of its key {key.name} does not let CloudWatch {action}"
    return ""


def _is_managed(view: View, key: Json) -> bool:
    """Whether a key is the AWS-managed one, by its alias or by what looks that up."""
    looked_up = [view.node(reference.urn) for reference in references(key)]
    texts = [str(key), *(text_of(n, name) for n in looked_up if n for name in ("name", "keyId"))]
    return any("alias/aws/sns" in text for text in texts)


def _admits(statements: list[Statement], action: str) -> bool:
    """Whether CloudWatch may do `action`."""
    service = action.partition(":")[0]
    wanted = {action.lower(), f"{service}:*", "*", f"{action.lower()}*"}
    return any(
        statement.allows
        and (
            CLOUDWATCH in statement.principals.get("Service", ())
            or "*" in statement.principals.get("AWS", ())
        )
        and wanted & {name.lower() for name in statement.actions}
        for statement in statements
    )


def _has_no_dimensions(metric: list[Any]) -> bool:
    """Whether a widget's metric is namespace and name only; `...` repeats the one above."""
    texts = [part for part in metric if isinstance(part, str)]
    return len(texts) == 2 and "..." not in texts


def _json(text: str) -> Any:  # noqa: ANN401 whatever the body holds
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return None

"""Topics, queues, rules and schedules."""

import json

from fleetmend.lab.emulator.installer.registry import Inputs, Outputs, Session, creates, pascal
from fleetmend.lab.emulator.untyped import Untyped

LEAST_VISIBILITY = 5.0
"""Seconds: a queue's visibility is scaled like all intervals, but a real run takes real time."""


@creates("aws:sns/topic:Topic")
def topic(session: Session, inputs: Inputs) -> Outputs:
    """A topic."""
    name = inputs.name(limit=256)
    attributes = inputs.pick(
        DisplayName="displayName",
        KmsMasterKeyId="kmsMasterKeyId",
        Policy="policy",
        SignatureVersion="signatureVersion",
        TracingConfig="tracingConfig",
        DeliveryPolicy="deliveryPolicy",
    )
    attributes = {key: str(value) for key, value in attributes.items()}
    made = session.client("sns").create_topic(
        Name=name, Attributes=attributes, Tags=inputs.tag_list()
    )
    return {"id": made["TopicArn"], "arn": made["TopicArn"], "name": name}


@creates("aws:sns/topicPolicy:TopicPolicy")
def topic_policy(session: Session, inputs: Inputs) -> Outputs:
    """Who may publish."""
    session.client("sns").set_topic_attributes(
        TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"]
    )
    return {"id": inputs["arn"], "arn": inputs["arn"]}


@creates("aws:sns/topicSubscription:TopicSubscription")
def subscription(session: Session, inputs: Inputs) -> Outputs:
    """A subscriber."""
    attributes = inputs.pick(
        FilterPolicy="filterPolicy",
        FilterPolicyScope="filterPolicyScope",
        RedrivePolicy="redrivePolicy",
    )
    if "rawMessageDelivery" in inputs:
        attributes["RawMessageDelivery"] = str(inputs["rawMessageDelivery"]).lower()
    made = session.client("sns").subscribe(
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return {"id": made["SubscriptionArn"], "arn": made["SubscriptionArn"]}


@creates("aws:sqs/queue:Queue")
def queue(session: Session, inputs: Inputs) -> Outputs:
    """A queue, its intervals at the lab's speed."""
    name = inputs.name(limit=80)
    attributes = inputs.pick(
        KmsDataKeyReusePeriodSeconds="kmsDataKeyReusePeriodSeconds",
        KmsMasterKeyId="kmsMasterKeyId",
        MaximumMessageSize="maxMessageSize",
        MessageRetentionPeriod="messageRetentionSeconds",
        Policy="policy",
        ReceiveMessageWaitTimeSeconds="receiveWaitTimeSeconds",
        RedriveAllowPolicy="redriveAllowPolicy",
        RedrivePolicy="redrivePolicy",
        SqsManagedSseEnabled="sqsManagedSseEnabled",
    )
    if "visibilityTimeoutSeconds" in inputs:
        seconds = session.faster(inputs["visibilityTimeoutSeconds"], LEAST_VISIBILITY)
        attributes["VisibilityTimeout"] = seconds
    if "delaySeconds" in inputs:
        attributes["DelaySeconds"] = session.faster(inputs["delaySeconds"])
    url = session.client("sqs").create_queue(
        QueueName=name,
        Attributes={key: _attribute(value) for key, value in attributes.items()},
        tags=inputs.tags(),
    )["QueueUrl"]
    return {"id": url, "url": url, "name": name, "arn": session.arn("sqs", name)}


def _attribute(value: Untyped) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value))
    return str(value)


@creates("aws:sqs/queuePolicy:QueuePolicy")
def queue_policy(session: Session, inputs: Inputs) -> Outputs:
    """Who may send."""
    return _set_on_queue(session, inputs, "Policy", "policy")


@creates("aws:sqs/redrivePolicy:RedrivePolicy")
def redrive_policy(session: Session, inputs: Inputs) -> Outputs:
    """Where messages go that were received too often."""
    return _set_on_queue(session, inputs, "RedrivePolicy", "redrivePolicy")


@creates("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
def redrive_allow_policy(session: Session, inputs: Inputs) -> Outputs:
    """Which queues may send their failures here."""
    return _set_on_queue(session, inputs, "RedriveAllowPolicy", "redriveAllowPolicy")


def _set_on_queue(session: Session, inputs: Inputs, attribute: str, key: str) -> Outputs:
    session.client("sqs").set_queue_attributes(
        QueueUrl=inputs["queueUrl"], Attributes={attribute: inputs[key]}
    )
    return {"id": inputs["queueUrl"]}


@creates("aws:cloudwatch/eventRule:EventRule")
def rule(session: Session, inputs: Inputs) -> Outputs:
    """An EventBridge rule. One on a schedule stays off where the lab fires schedules itself."""
    name = inputs.name()
    given = inputs.pick(
        Description="description",
        EventPattern="eventPattern",
        ScheduleExpression="scheduleExpression",
        EventBusName="eventBusName",
        RoleArn="roleArn",
    )
    state = str(inputs.get("state") or "ENABLED")
    if "ScheduleExpression" in given and not session.scheduled:
        state = "DISABLED"
    made = session.client("events").put_rule(
        Name=name, State=state, Tags=inputs.tag_list(), **given
    )
    return {"id": name, "name": name, "arn": made["RuleArn"]}


@creates("aws:cloudwatch/eventTarget:EventTarget")
def target(session: Session, inputs: Inputs) -> Outputs:
    """What an EventBridge rule wakes."""
    name = str(inputs.get("targetId") or f"target-{inputs.name('targetId')[-7:]}")
    made: dict[str, Untyped] = {
        "Id": name,
        **inputs.pick(Arn="arn", Input="input", InputPath="inputPath", RoleArn="roleArn"),
    }
    if "deadLetterConfig" in inputs:
        made["DeadLetterConfig"] = pascal(inputs["deadLetterConfig"])
    if "retryPolicy" in inputs:
        made["RetryPolicy"] = pascal(inputs["retryPolicy"])
    if "inputTransformer" in inputs:
        given = inputs["inputTransformer"]
        made["InputTransformer"] = {
            "InputPathsMap": given.get("inputPaths") or {},
            "InputTemplate": given["inputTemplate"],
        }
    answer = session.client("events").put_targets(
        Rule=inputs["rule"], Targets=[made], **inputs.pick(EventBusName="eventBusName")
    )
    if answer.get("FailedEntryCount"):
        raise ValueError(f"EventBridge refused the target: {json.dumps(answer['FailedEntries'])}")
    return {"id": f"{inputs['rule']}-{name}"}


@creates("aws:scheduler/scheduleGroup:ScheduleGroup")
def schedule_group(session: Session, inputs: Inputs) -> Outputs:
    """A group of schedules."""
    name = inputs.name()
    made = session.client("scheduler").create_schedule_group(Name=name, Tags=inputs.tag_list())
    return {"id": name, "name": name, "arn": made["ScheduleGroupArn"]}


@creates("aws:scheduler/schedule:Schedule")
def schedule(session: Session, inputs: Inputs) -> Outputs:
    """A schedule, switched off where the lab fires schedules itself."""
    name = inputs.name()
    state = str(inputs.get("state") or "ENABLED")
    made = session.client("scheduler").create_schedule(
        Name=name,
        FlexibleTimeWindow=pascal(inputs["flexibleTimeWindow"]),
        Target=pascal(inputs["target"]),
        State=state if session.scheduled else "DISABLED",
        **inputs.pick(
            Description="description",
            GroupName="groupName",
            ScheduleExpression="scheduleExpression",
            ScheduleExpressionTimezone="scheduleExpressionTimezone",
            KmsKeyArn="kmsKeyArn",
        ),
    )
    group = inputs.get("groupName", "default")
    return {"id": f"{group}/{name}", "name": name, "arn": made["ScheduleArn"]}

"""An alarm to a topic whose key does not admit CloudWatch."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "alarm-unreachable-topic"
RESOURCE = "alarm"


def program(*, broken: bool) -> None:
    parts.start()
    key = parts.key("key", *([] if broken else ["cloudwatch.amazonaws.com"]))
    topic = aws.sns.Topic(
        "alerts",
        kms_master_key_id=key.id,
        tags=parts.tags("topic", "alerts"),
        opts=parts.own(),
    )
    parts.alarm("alarm", topic.arn, "AWS/EC2", "CPUUtilization", AutoScalingGroupName="g")

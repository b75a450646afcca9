"""An alarm to a topic under alias/aws/sns, which never admits CloudWatch."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "alarm-unreachable-topic"
RESOURCE = "alarm"


def program(*, broken: bool) -> None:
    parts.start()
    key = parts.key("key", "cloudwatch.amazonaws.com")
    topic = aws.sns.Topic(
        "alerts",
        kms_master_key_id="alias/aws/sns" if broken else key.id,
        tags=parts.tags("topic", "alerts"),
        opts=parts.own(),
    )
    parts.alarm("alarm", topic.arn, "AWS/EC2", "CPUUtilization", AutoScalingGroupName="g")

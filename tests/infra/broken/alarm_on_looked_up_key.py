"""An alarm to a topic under the AWS-managed key, found by a data source."""

import pulumi
import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "alarm-unreachable-topic"
RESOURCE = "alarm"


def program(*, broken: bool) -> None:
    parts.start()
    name = "alias/aws/sns" if broken else "alias/alerts"
    found = aws.kms.get_alias_output(
        name=name, opts=pulumi.InvokeOutputOptions(provider=parts.provider())
    )
    topic = aws.sns.Topic(
        "alerts",
        kms_master_key_id=found.target_key_id,
        tags=parts.tags("topic", "alerts"),
        opts=parts.own(),
    )
    parts.alarm("alarm", topic.arn, "AWS/EC2", "CPUUtilization", AutoScalingGroupName="g")

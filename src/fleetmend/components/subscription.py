"""A function that the alerts topic calls: permission, subscription, and where failures go."""

import pulumi
import pulumi_aws as aws


def subscribe(
    name: str,
    alias: aws.lambda_.Alias,
    topic_arn: pulumi.Input[str],
    account_id: pulumi.Input[str],
    undelivered: aws.sqs.Queue,
    parent: pulumi.Resource,
) -> aws.sns.TopicSubscription:
    """Let the topic call the alias; what it cannot hand over goes to `undelivered`."""
    permission = aws.lambda_.Permission(
        f"{name}-called-by-topic",
        statement_id="topic",
        action="lambda:InvokeFunction",
        function=alias.function_name,
        qualifier=alias.name,
        principal="sns.amazonaws.com",
        source_arn=topic_arn,
        source_account=account_id,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return aws.sns.TopicSubscription(
        f"{name}-subscription",
        topic=topic_arn,
        protocol="lambda",
        endpoint=alias.arn,
        redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": undelivered.arn}),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[permission]),
    )

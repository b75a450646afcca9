"""A queue that feeds a function, without dead letters."""

import pulumi
import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "function-queue-redrive"
RESOURCE = "queue"


def program(*, broken: bool) -> None:
    parts.start()
    alerts = parts.topic()
    letters = parts.dead_letters("letters", alerts)
    redrive = pulumi.Output.json_dumps({"deadLetterTargetArn": letters.arn, "maxReceiveCount": 5})
    queue = parts.queue(
        "queue", visibility_timeout_seconds=360, redrive_policy=None if broken else redrive
    )
    receives = parts.allow(
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], [queue.arn]
    )
    function = parts.function("worker", alerts, receives)
    aws.lambda_.EventSourceMapping(
        "mapping",
        event_source_arn=queue.arn,
        function_name=parts.alias(function).arn,
        function_response_types=["ReportBatchItemFailures"],
        tags=parts.tags("mapping", "mapping"),
        opts=parts.own(),
    )

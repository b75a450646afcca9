"""A queue's URL in a dead-letter configuration that takes an ARN."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "iam-not-an-arn"
RESOURCE = "schedule"


def program(*, broken: bool) -> None:
    parts.start()
    alerts = parts.topic()
    function = parts.function("worker", alerts)
    letters = parts.dead_letters("letters", alerts)
    calls = parts.role("schedule-role", "scheduler.amazonaws.com", parts.source())
    live = parts.alias(function)
    parts.grant("policy", calls, parts.allow(["lambda:InvokeFunction"], [live.arn]))
    aws.lambda_.FunctionEventInvokeConfig(
        "async",
        function_name=function.name,
        qualifier="live",
        destination_config={"on_failure": {"destination": letters.arn}},
        opts=parts.own(),
    )
    aws.scheduler.Schedule(
        "schedule",
        schedule_expression="rate(2 minutes)",
        flexible_time_window={"mode": "OFF"},
        target={
            "arn": live.arn,
            "role_arn": calls.arn,
            "dead_letter_config": {"arn": letters.id if broken else letters.arn},
        },
        opts=parts.own(),
    )

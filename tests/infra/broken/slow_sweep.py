"""A five-minute sweep against a five-minute promise."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "promise-unkept"
RESOURCE = "schedule"


def program(*, broken: bool) -> None:
    parts.start()
    alerts = parts.topic()
    function = parts.function("worker", alerts, environment={"POWERTOOLS_SERVICE_NAME": "recovery"})
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
    aws.ssm.Parameter(
        "installation",
        name="/broken/test/installation",
        type="String",
        value='{"promises": {"recovery": 300}}',
        tags=parts.tags("parameter", "installation"),
        opts=parts.own(),
    )
    aws.scheduler.Schedule(
        "schedule",
        schedule_expression="rate(5 minutes)" if broken else "rate(2 minutes)",
        flexible_time_window={"mode": "OFF"},
        target={
            "arn": live.arn,
            "role_arn": calls.arn,
            "dead_letter_config": {"arn": letters.arn},
        },
        opts=parts.own(),
    )

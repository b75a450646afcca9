"""A policy attached to a list of roles, for which the function does not wait."""

import pulumi
import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "function-policy-order"
RESOURCE = "worker"


def program(*, broken: bool) -> None:
    parts.start()
    alerts, group, role = parts.topic(), parts.log_group("logs"), parts.role("worker-role")
    sends = parts.allow(["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:123456789012:queue"])
    policy = aws.iam.Policy(
        "sends",
        policy=parts.document(sends),
        tags=parts.tags("policy", "sends"),
        opts=parts.own(),
    )
    attached = aws.iam.PolicyAttachment(
        "attached", policy_arn=policy.arn, roles=[role.name], opts=parts.own()
    )
    made = aws.lambda_.Function(
        "worker",
        role=role.arn,
        runtime="python3.13",
        handler="worker.handler",
        code=pulumi.AssetArchive({"a.py": pulumi.StringAsset("")}),
        publish=True,
        logging_config={"log_format": "Text", "log_group": group.name},
        tags=parts.tags("function", "worker"),
        opts=parts.own(depends_on=[group] if broken else [group, attached]),
    )
    for metric in ("Errors", "Throttles", "Duration"):
        parts.alarm(metric.lower(), alerts.arn, "AWS/Lambda", metric, FunctionName=made.name)

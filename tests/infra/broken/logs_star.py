"""`logs:*` where two actions are used."""

import pulumi

from tests.infra.broken import parts

RULE = "iam-wildcard-action"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    streams = pulumi.Output.concat(parts.log_group("logs").arn, ":log-stream:*")
    actions = ["logs:*"] if broken else ["logs:CreateLogStream", "logs:PutLogEvents"]
    parts.grant("policy", parts.role("role"), parts.allow(actions, [streams]))

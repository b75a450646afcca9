"""Any bucket of any account may call the function."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "iam-policy-source"
RESOURCE = "permission"


def program(*, broken: bool) -> None:
    parts.start()
    function = parts.function("worker", parts.topic())
    aws.lambda_.Permission(
        "permission",
        action="lambda:InvokeFunction",
        function=function.name,
        principal="s3.amazonaws.com",
        source_account=None if broken else parts.ACCOUNT,
        opts=parts.own(),
    )

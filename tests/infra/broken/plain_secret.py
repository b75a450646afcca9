"""A webhook in a parameter of type String."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "secret-plain-parameter"
RESOURCE = "webhook"


def program(*, broken: bool) -> None:
    parts.start()
    encrypted = {} if broken else {"key_id": parts.key("key").arn}
    aws.ssm.Parameter(
        "webhook",
        name="/broken/test/alert-webhook",
        type="String" if broken else "SecureString",
        value="https://chat.example.com/hook/1",
        tags=parts.tags("parameter", "webhook"),
        opts=parts.own(),
        **encrypted,
    )

"""A secret whose value is a placeholder in the program."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "secret-literal"
RESOURCE = "version"


def program(*, broken: bool) -> None:
    parts.start()
    secret = aws.secretsmanager.Secret(
        "secret", tags=parts.tags("secret", "secret"), opts=parts.own()
    )
    value = (
        {"secret_string": "changeme"}
        if broken
        else {
            "secret_string_wo": "given once",
            "secret_string_wo_version": 1,
        }
    )
    aws.secretsmanager.SecretVersion("version", secret_id=secret.id, opts=parts.own(), **value)

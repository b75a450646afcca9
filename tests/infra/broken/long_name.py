"""A role's name that is one character too long."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "name-too-long"
RESOURCE = "role"


def program(*, broken: bool) -> None:
    parts.start()
    aws.iam.Role(
        "role",
        name="r" * (65 if broken else 64),
        assume_role_policy=parts.trust("lambda.amazonaws.com"),
        tags=parts.tags("role", "role"),
        opts=parts.own(),
    )

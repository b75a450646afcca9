"""PassRole to whichever service."""

from tests.infra.broken import parts

RULE = "iam-unguarded"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    given = parts.role("given", "ec2.amazonaws.com")
    to = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    passes = parts.allow(["iam:PassRole"], [given.arn], None if broken else to)
    parts.grant("policy", parts.role("role"), passes)

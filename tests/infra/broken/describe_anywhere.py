"""A describe on `*` without the one condition that it knows."""

from tests.infra.broken import parts

RULE = "iam-unconditioned-wildcard"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    region = {"StringEquals": {"ec2:Region": parts.REGION}}
    observes = parts.allow(["ec2:DescribeInstances"], "*", None if broken else region)
    parts.grant("policy", parts.role("role"), observes)

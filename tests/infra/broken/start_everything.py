"""StartInstances on `*`, although it can be limited to instances."""

from tests.infra.broken import parts

RULE = "iam-wildcard-resource"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    instances = f"arn:aws:ec2:{parts.REGION}:{parts.ACCOUNT}:instance/*"
    tagged = {"StringEquals": {"ec2:ResourceTag/Auto-Recover": "true"}}
    starts = parts.allow(["ec2:StartInstances"], "*" if broken else instances, tagged)
    parts.grant("policy", parts.role("role"), starts)

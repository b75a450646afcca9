"""DescribeInstanceStatus knows no tag condition: aws:ResourceTag."""

from tests.infra.broken import parts

RULE = "iam-unsupported-condition"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    condition = {"StringEquals": {"ec2:Region": parts.REGION}}
    if broken:
        condition["StringEquals"]["aws:ResourceTag/Auto-Recover"] = "true"
    observes = parts.allow(["ec2:DescribeInstanceStatus"], "*", condition)
    parts.grant("policy", parts.role("role"), observes)

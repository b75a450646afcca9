"""DescribeInstances knows no tag condition: ec2:ResourceTag."""

from tests.infra.broken import parts

RULE = "iam-unsupported-condition"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    condition = {"StringEquals": {"ec2:Region": parts.REGION}}
    if broken:
        condition["StringEquals"]["ec2:ResourceTag/Auto-Recover"] = "true"
    observes = parts.allow(["ec2:DescribeInstances"], "*", condition)
    parts.grant("policy", parts.role("role"), observes)

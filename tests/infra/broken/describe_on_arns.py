"""Most describes know no resource: the grant never matches."""

from tests.infra.broken import parts

RULE = "iam-unsupported-resource"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    instances = f"arn:aws:ec2:{parts.REGION}:{parts.ACCOUNT}:instance/i-0123456789abcdef0"
    region = {"StringEquals": {"ec2:Region": parts.REGION}}
    observes = parts.allow(["ec2:DescribeInstances"], instances if broken else "*", region)
    parts.grant("policy", parts.role("role"), observes)

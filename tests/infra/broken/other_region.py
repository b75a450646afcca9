"""A region in the program that is not its provider's."""

from tests.infra.broken import parts

RULE = "name-region"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    region = "eu-west-1" if broken else parts.REGION
    topic = f"arn:aws:sns:{region}:{parts.ACCOUNT}:alerts"
    parts.grant("policy", parts.role("role"), parts.allow(["sns:Publish"], [topic]))

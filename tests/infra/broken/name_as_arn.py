"""A bucket's name where its ARN belongs."""

from tests.infra.broken import parts

RULE = "iam-not-an-arn"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    ledger = parts.bucket("ledger")
    where = ledger.bucket if broken else ledger.arn
    lists = parts.allow(["s3:ListBucket"], [where], {"StringLike": {"s3:prefix": "open/*"}})
    parts.grant("policy", parts.role("role"), lists)

"""ListObjectsV2 is an operation; the action is ListBucket."""

from tests.infra.broken import parts

RULE = "iam-unknown-action"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    ledger = parts.bucket("ledger")
    action = "s3:ListObjectsV2" if broken else "s3:ListBucket"
    lists = parts.allow([action], [ledger.arn], {"StringLike": {"s3:prefix": "open/*"}})
    parts.grant("policy", parts.role("role"), lists)

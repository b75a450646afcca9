"""GetObject on the bucket's ARN: objects are `arn/prefix/*`."""

import pulumi

from tests.infra.broken import parts

RULE = "iam-unsupported-resource"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    ledger = parts.bucket("ledger")
    where = ledger.arn if broken else pulumi.Output.concat(ledger.arn, "/records/*")
    parts.grant("policy", parts.role("role"), parts.allow(["s3:GetObject"], [where]))

"""A queue without the tag that says which environment it is of."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "tag-missing"
RESOURCE = "queue"


def program(*, broken: bool) -> None:
    parts.start()
    given = parts.tags("queue", "queue")
    if broken:
        del given["Environment"]
    aws.sqs.Queue("queue", sqs_managed_sse_enabled=True, tags=given, opts=parts.own())

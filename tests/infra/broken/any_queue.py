"""All queues of the account instead of one."""

from tests.infra.broken import parts

RULE = "iam-wide-arn"
RESOURCE = "policy"


def program(*, broken: bool) -> None:
    parts.start()
    queue = parts.queue("queue")
    every = f"arn:aws:sqs:{parts.REGION}:{parts.ACCOUNT}:*"
    sends = parts.allow(["sqs:SendMessage"], [every if broken else queue.arn])
    parts.grant("policy", parts.role("role"), sends)

"""Any rule of any account may send to the queue."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "iam-policy-source"
RESOURCE = "queue-policy"


def program(*, broken: bool) -> None:
    parts.start()
    queue = parts.queue("queue")
    admits = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
    }
    guard = {} if broken else {"Condition": parts.source()}
    aws.sqs.QueuePolicy(
        "queue-policy",
        queue_url=queue.id,
        policy=parts.document(admits | guard),
        opts=parts.own(),
    )

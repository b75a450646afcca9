"""A function that may be called before it has its rights."""

from tests.infra.broken import parts

RULE = "function-policy-order"
RESOURCE = "worker"


def program(*, broken: bool) -> None:
    parts.start()
    parts.function("worker", parts.topic(), waits=not broken)

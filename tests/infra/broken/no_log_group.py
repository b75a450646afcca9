"""A function whose log group nobody declared."""

from tests.infra.broken import parts

RULE = "function-log-group"
RESOURCE = "worker"


def program(*, broken: bool) -> None:
    parts.start()
    parts.function("worker", parts.topic(), logs=not broken)

"""Scheduler may use the role on anybody's behalf."""

from tests.infra.broken import parts

RULE = "iam-trust-source"
RESOURCE = "role"


def program(*, broken: bool) -> None:
    parts.start()
    parts.role("role", "scheduler.amazonaws.com", None if broken else parts.source())

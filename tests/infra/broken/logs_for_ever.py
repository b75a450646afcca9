"""A log group without retention."""

from tests.infra.broken import parts

RULE = "function-log-retention"
RESOURCE = "logs"


def program(*, broken: bool) -> None:
    parts.start()
    parts.log_group("logs", retention_in_days=None if broken else 14)

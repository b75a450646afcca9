"""A bucket whose public access is not blocked."""

from tests.infra.broken import parts

RULE = "storage-public"
RESOURCE = "data"


def program(*, broken: bool) -> None:
    parts.start()
    parts.bucket("data", blocked=not broken)

"""A bucket without versions."""

from tests.infra.broken import parts

RULE = "storage-unversioned"
RESOURCE = "data"


def program(*, broken: bool) -> None:
    parts.start()
    parts.bucket("data", versioning=not broken)

"""A group's tag that does not reach what it launches."""

from tests.infra.broken import parts

RULE = "tag-group"
RESOURCE = "group"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    parts.group(net.private, propagate=not broken)

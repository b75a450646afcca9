"""A group in one zone."""

from tests.infra.broken import parts

RULE = "net-one-zone"
RESOURCE = "group"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    parts.group(net.private[:1] if broken else net.private)

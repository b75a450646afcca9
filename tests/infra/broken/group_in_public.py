"""A group in public subnets."""

from tests.infra.broken import parts

RULE = "net-public-instance"
RESOURCE = "group"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    parts.group(net.public if broken else net.private)

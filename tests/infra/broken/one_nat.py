"""One NAT gateway for two zones."""

from tests.infra.broken import parts

RULE = "net-single-nat"
RESOURCE = "nat-0"


def program(*, broken: bool) -> None:
    parts.start()
    parts.Net(nats=1 if broken else 2)

"""A launch template without IMDSv2."""

from tests.infra.broken import parts

RULE = "net-imds"
RESOURCE = "template"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    tokens = "optional" if broken else "required"
    parts.group(net.private, metadata_options={"http_tokens": tokens})

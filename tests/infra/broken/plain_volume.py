"""A launch template with a volume that is not encrypted."""

from tests.infra.broken import parts

RULE = "storage-unencrypted"
RESOURCE = "template"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    disk = {"encrypted": "false" if broken else "true", "volume_type": "gp3"}
    parts.group(net.private, block_device_mappings=[{"device_name": "/dev/xvda", "ebs": disk}])

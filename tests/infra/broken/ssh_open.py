"""Port 22 from inside the company."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "net-admin-port"
RESOURCE = "sg"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    port = 22 if broken else 443
    ingress = {"protocol": "tcp", "from_port": port, "to_port": port}
    aws.ec2.SecurityGroup(
        "sg",
        vpc_id=net.vpc.id,
        ingress=[{**ingress, "cidr_blocks": ["10.0.0.0/8"]}],
        tags=parts.tags("sg", "sg"),
        opts=parts.own(),
    )

"""Ingress from 0.0.0.0/0."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "net-world-ingress"
RESOURCE = "sg"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    who = "0.0.0.0/0" if broken else "10.0.0.0/8"
    aws.ec2.SecurityGroup(
        "sg",
        vpc_id=net.vpc.id,
        ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": [who]}],
        tags=parts.tags("sg", "sg"),
        opts=parts.own(),
    )

"""Ingress from the two halves of the world, in two rules of their own."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "net-world-ingress"
RESOURCE = "sg"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    group = aws.ec2.SecurityGroup(
        "sg", vpc_id=net.vpc.id, tags=parts.tags("sg", "sg"), opts=parts.own()
    )
    for n, block in enumerate(["0.0.0.0/1", "128.0.0.0/1"] if broken else ["10.0.0.0/8"]):
        aws.vpc.SecurityGroupIngressRule(
            f"rule-{n}",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=block,
            tags=parts.tags("rule", f"rule-{n}"),
            opts=parts.own(),
        )

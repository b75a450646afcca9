"""An ACL that lets requests out and no answer in."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "net-acl-return"
RESOURCE = "acl"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    acl = aws.ec2.NetworkAcl(
        "acl",
        vpc_id=net.vpc.id,
        subnet_ids=[subnet.id for subnet in net.private],
        tags=parts.tags("acl", "acl"),
        opts=parts.own(),
    )

    def rule(number: int, *, egress: bool, protocol: str = "tcp", **ports: int) -> None:
        aws.ec2.NetworkAclRule(
            f"rule-{number}",
            network_acl_id=acl.id,
            rule_number=number,
            egress=egress,
            protocol=protocol,
            rule_action="allow",
            cidr_block="0.0.0.0/0",
            opts=parts.own(),
            **ports,
        )

    rule(100, egress=True, from_port=443, to_port=443)
    rule(110, egress=True, from_port=1024, to_port=65535)
    rule(120, egress=True, protocol="icmp", icmp_type=3, icmp_code=4)
    rule(130, egress=False, protocol="icmp", icmp_type=3, icmp_code=4)
    rule(140, egress=False, from_port=443, to_port=443)
    if not broken:
        rule(150, egress=False, from_port=1024, to_port=65535)

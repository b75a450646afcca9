"""The VPC's default ACL taken over, with no way back for answers."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "net-acl-return"
RESOURCE = "acl"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    every = {"protocol": "-1", "action": "allow", "cidr_block": "0.0.0.0/0"}
    https = {**every, "protocol": "tcp"}
    aws.ec2.DefaultNetworkAcl(
        "acl",
        default_network_acl_id=net.vpc.default_network_acl_id,
        egress=[{**every, "rule_no": 100, "from_port": 0, "to_port": 0}],
        ingress=[
            {**https, "rule_no": 100, "from_port": 443, "to_port": 443}
            if broken
            else {**every, "rule_no": 100, "from_port": 0, "to_port": 0}
        ],
        tags=parts.tags("acl", "acl"),
        opts=parts.own(),
    )

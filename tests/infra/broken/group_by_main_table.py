"""A group in subnets that only the VPC's main route table makes public."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "net-public-instance"
RESOURCE = "group"


def program(*, broken: bool) -> None:
    parts.start()
    net = parts.Net()
    bare = [
        aws.ec2.Subnet(
            f"bare-{n}",
            vpc_id=net.vpc.id,
            cidr_block=f"10.0.{20 + n}.0/24",
            availability_zone=net.private[n].availability_zone,
            tags=parts.tags("subnet", f"bare-{n}"),
            opts=parts.own(),
        )
        for n in range(2)
    ]
    gateway = aws.ec2.InternetGateway(
        "second", vpc_id=net.vpc.id, tags=parts.tags("gateway", "second"), opts=parts.own()
    )
    if broken:
        aws.ec2.Route(
            "main-route",
            route_table_id=net.vpc.main_route_table_id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=parts.own(),
        )
    parts.group(bare)

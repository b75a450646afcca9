"""NAT gateways with their addresses, and the alarm on each."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from fleetmend.components.alarms import Alarm, make_alarm
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit

ALARM_SECONDS = 300


def nat_gateways(
    name: str,
    installation: InstallationArgs,
    subnets: Sequence[aws.ec2.Subnet],
    gateway: aws.ec2.InternetGateway,
    parent: pulumi.Resource,
) -> list[aws.ec2.NatGateway]:
    """A NAT gateway in each of these public subnets."""
    names, tags = naming(installation), tagging(installation)
    # An address cannot be attached before the VPC has its gateway (EC2 AllocateAddress).
    late = pulumi.ResourceOptions(parent=parent, depends_on=[gateway])

    def tagged(kind: str, index: int) -> dict[str, str]:
        return tags.tags(kind, names.name(kind, index, limit=Limit.TAG_VALUE))

    def make(index: int, subnet: aws.ec2.Subnet) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(
            f"{name}-nat-address-{index}",
            domain="vpc",
            tags=tagged("nat-address", index),
            opts=late,
        )
        return aws.ec2.NatGateway(
            f"{name}-nat-{index}",
            subnet_id=subnet.id,
            allocation_id=address.id,
            tags=tagged("nat-gateway", index),
            opts=late,
        )

    return [make(index, subnet) for index, subnet in enumerate(subnets)]


def nat_alarms(
    name: str,
    installation: InstallationArgs,
    nats: Sequence[aws.ec2.NatGateway],
    threshold: int,
    topic_arn: pulumi.Input[str],
    parent: pulumi.Resource,
) -> list[aws.cloudwatch.MetricAlarm]:
    """An alarm per gateway on connections that got no source port."""
    return [
        make_alarm(
            f"{name}-nat-ports-{index}",
            _alarm(index, nat, threshold),
            {},
            installation,
            topic_arn,
            parent,
        )
        for index, nat in enumerate(nats)
    ]


def _alarm(index: int, nat: aws.ec2.NatGateway, threshold: int) -> Alarm:
    return Alarm(
        kind=f"nat-ports-{index}",
        says=f"NAT gateway {index} could not allocate a source port {threshold} times or more in "
        f"{ALARM_SECONDS // 60} minutes: connections to one destination were refused. Reuse "
        "connections, or give the gateway more addresses.",
        namespace="AWS/NATGateway",
        metric="ErrorPortAllocation",
        dimensions={"NatGatewayId": nat.id},
        statistic="Sum",
        threshold=threshold,
        period=ALARM_SECONDS,
        periods=1,
        datapoints=1,
    )

"""VPC endpoints: AWS's services without a way through the internet."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit
from fleetmend.core.acl import HTTPS

AGENT_SERVICES = ("ssm", "ssmmessages", "ec2messages", "logs", "monitoring")
"""What the SSM agent and the CloudWatch agent speak to (Systems Manager User Guide, "Create VPC
endpoints"; CloudWatch User Guide, "Using CloudWatch with interface VPC endpoints")."""


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """Where endpoints stand, and who may reach them: everybody inside the VPC's block."""

    installation: InstallationArgs
    vpc_id: pulumi.Input[str]
    block: str
    subnet_ids: Sequence[pulumi.Input[str]]
    route_table_ids: Sequence[pulumi.Input[str]]


def gateway_endpoint(
    name: str, plan: EndpointPlan, service: str, parent: pulumi.Resource
) -> aws.ec2.VpcEndpoint:
    """A gateway endpoint (S3): an entry in the route tables, without charge."""
    called = naming(plan.installation).name(f"{service}-endpoint", limit=Limit.TAG_VALUE)
    return aws.ec2.VpcEndpoint(
        name,
        vpc_id=plan.vpc_id,
        service_name=_service_name(plan, service),
        vpc_endpoint_type="Gateway",
        route_table_ids=list(plan.route_table_ids),
        tags=tagging(plan.installation).tags("vpc-endpoint", called),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def interface_endpoints(
    name: str, plan: EndpointPlan, services: Sequence[str], parent: pulumi.Resource
) -> tuple[aws.ec2.SecurityGroup, dict[str, aws.ec2.VpcEndpoint]]:
    """Interface endpoints in every private subnet, and the one security group they share."""
    group = _security_group(name, plan, parent)
    made = {
        service: _interface(f"{name}-{service}", plan, service, group, parent)
        for service in services
    }
    return group, made


def _interface(
    name: str,
    plan: EndpointPlan,
    service: str,
    group: aws.ec2.SecurityGroup,
    parent: pulumi.Resource,
) -> aws.ec2.VpcEndpoint:
    called = naming(plan.installation).name(f"{service}-endpoint", limit=Limit.TAG_VALUE)
    return aws.ec2.VpcEndpoint(
        name,
        vpc_id=plan.vpc_id,
        service_name=_service_name(plan, service),
        vpc_endpoint_type="Interface",
        subnet_ids=list(plan.subnet_ids),
        security_group_ids=[group.id],
        private_dns_enabled=True,
        tags=tagging(plan.installation).tags("vpc-endpoint", called),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _security_group(
    name: str, plan: EndpointPlan, parent: pulumi.Resource
) -> aws.ec2.SecurityGroup:
    child = pulumi.ResourceOptions(parent=parent)
    tags = tagging(plan.installation)
    called = naming(plan.installation).name("endpoints", limit=Limit.GROUP)
    group = aws.ec2.SecurityGroup(
        f"{name}-security-group",
        name=called,
        description="HTTPS from inside the VPC to its interface endpoints",
        vpc_id=plan.vpc_id,
        tags=tags.tags("security-group", called),
        opts=child,
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-security-group-ingress",
        security_group_id=group.id,
        description="HTTPS from inside the VPC",
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        cidr_ipv4=plan.block,
        tags=tags.tags("security-group-rule", called),
        opts=child,
    )
    return group


def _service_name(plan: EndpointPlan, service: str) -> str:
    return f"com.amazonaws.{plan.installation['region']}.{service}"

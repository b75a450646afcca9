"""Flow logs of a VPC: all traffic, encrypted, kept as long as the setting says."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Naming

AGGREGATION_SECONDS = 600
"""Records are gathered this long; the shorter choice, 60, costs more and is for forensics."""


def flow_log_group(names: Naming) -> str:
    """The flow logs' log group; the key's policy has to admit it by this name."""
    return f"/aws/vpc/flowlogs/{names.project}-{names.suffix}"


@dataclass(frozen=True, slots=True)
class FlowLogPlan:
    """What is logged, and how long it is kept, in days."""

    installation: InstallationArgs
    account_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    retention_days: int
    key_arn: pulumi.Input[str] | None


def flow_log(
    name: str, plan: FlowLogPlan, parent: pulumi.Resource
) -> tuple[aws.cloudwatch.LogGroup, aws.ec2.FlowLog]:
    """The log group and the flow log that writes to it with a role of its own."""
    names, tags = naming(plan.installation), tagging(plan.installation)
    child = pulumi.ResourceOptions(parent=parent)
    called = flow_log_group(names)
    group = aws.cloudwatch.LogGroup(
        f"{name}-group",
        name=called,
        retention_in_days=plan.retention_days,
        kms_key_id=plan.key_arn,
        tags=tags.tags("log-group", called),
        opts=child,
    )
    accept(group, "CKV_AWS_338", "How long flow logs are kept is a setting: logRetentionDays.")
    role, policy = _role(name, plan, names, group, child)
    log = aws.ec2.FlowLog(
        name,
        vpc_id=plan.vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=AGGREGATION_SECONDS,
        tags=tags.tags("flow-log", names.name("flow-log")),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[policy]),
    )
    return group, log


def _role(
    name: str,
    plan: FlowLogPlan,
    names: Naming,
    group: aws.cloudwatch.LogGroup,
    child: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    source = policies.from_source(
        plan.account_id, [names.arn("ec2", plan.account_id, "vpc-flow-log/*")], exact=False
    )
    called = names.role("flow-logs")
    role = aws.iam.Role(
        f"{name}-role",
        name=called,
        assume_role_policy=policies.trust("vpc-flow-logs", source),
        tags=tagging(plan.installation).tags("iam-role", called),
        opts=child,
    )
    policy = aws.iam.RolePolicy(
        f"{name}-role-policy",
        name=called,
        role=role.id,
        policy=policies.document(
            policies.allow(
                "Write",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                [pulumi.Output.concat(group.arn, ":log-stream:*")],
            ),
            policies.allow(
                "Streams",
                ["logs:DescribeLogStreams"],
                [group.arn, pulumi.Output.concat(group.arn, ":*")],
            ),
            policies.allow(
                "Groups",  # the delivery looks for its group first; a listing names no resource
                ["logs:DescribeLogGroups"],
                ["*"],
                {"StringEquals": {"aws:RequestedRegion": names.region}},
            ),
        ),
        opts=child,
    )
    return role, policy

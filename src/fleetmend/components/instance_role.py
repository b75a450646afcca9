"""The instances' role: what the agents need, and the installation's own things, nothing else.

AWS's managed policies for the same agents let every instance read every parameter and write
metrics to every namespace; a setting attaches them in place of ours.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Naming, partition
from fleetmend.components.policies import Condition, Statement

MANAGED_POLICIES = ("AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy")
BACKUP_PREFIX = "instances"
"""Where in the backup bucket instances write."""

AGENT_ON_INSTANCES = (
    "ssm:ListInstanceAssociations",
    "ssm:PutComplianceItems",
    "ssm:UpdateAssociationStatus",
    "ssm:UpdateInstanceAssociationStatus",
    "ssm:UpdateInstanceInformation",
)
AGENT_ON_ASSOCIATIONS = ("ssm:DescribeAssociation", "ssm:UpdateInstanceAssociationStatus")
AGENT_ON_DOCUMENTS = ("ssm:DescribeDocument", "ssm:GetDocument", "ssm:UpdateAssociationStatus")
AGENT_FROM_AN_INSTANCE = (
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    "ssmmessages:CreateControlChannel",
)
"""Without resource-level permission, but these can tell that an instance is calling."""

AGENT_ANYWHERE = (
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ssm:GetDeployablePatchSnapshotForInstance",
    "ssm:GetManifest",
    "ssm:ListAssociations",
    "ssm:PutConfigurePackageResult",
    "ssm:PutInventory",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""Without resource-level permission and without a condition key of their own."""


ANY_DOCUMENT = (
    "The agent reports as the instance it runs on, whose id nobody knows before it is launched, "
    "and fetches whichever document a command or an association names."
)
"""Why the agent's statements are about all instances, documents and associations here."""


OTHER_STATEMENTS = (
    "Parliament looks for each type of resource in the same statement; documents and associations "
    "have statements of their own."
)


@dataclass(frozen=True, slots=True)
class RolePlan:
    """What an instance may touch: one log group, and one prefix of one bucket, if given."""

    installation: InstallationArgs
    account_id: pulumi.Input[str]
    namespace: str
    log_group_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None
    backup_bucket_arn: pulumi.Input[str] | None
    managed: bool


@dataclass(frozen=True, slots=True)
class InstanceRole:
    """The role, its profile, and what must be there before an instance uses them."""

    role: aws.iam.Role
    profile: aws.iam.InstanceProfile
    policies: tuple[pulumi.Resource, ...]


def instance_role(name: str, plan: RolePlan, parent: pulumi.Resource) -> InstanceRole:
    """Make the role, its policies and its instance profile."""
    names, tags = naming(plan.installation), tagging(plan.installation)
    child = pulumi.ResourceOptions(parent=parent)
    called = names.role("instance")
    role = aws.iam.Role(
        f"{name}-role",
        name=called,
        description="What Fleetmend's instances may do",
        assume_role_policy=policies.trust("ec2"),
        tags=tags.tags("iam-role", called),
        opts=child,
    )
    statements = [*_own_things(plan, names), *([] if plan.managed else _agents(plan, names))]
    own = aws.iam.RolePolicy(
        f"{name}-role-policy",
        name=called,
        role=role.id,
        policy=policies.document(*statements),
        opts=child,
    )
    if not plan.managed:
        accept(own, "iam-wide-arn", ANY_DOCUMENT)
        accept(own, "PARLIAMENT_RESOURCE_MISMATCH", OTHER_STATEMENTS)
    attached: list[pulumi.Resource] = [own]
    attached += [
        aws.iam.RolePolicyAttachment(
            f"{name}-role-{policy}",
            role=role.name,
            policy_arn=f"arn:{partition(names.region)}:iam::aws:policy/{policy}",
            opts=child,
        )
        for policy in (MANAGED_POLICIES if plan.managed else ())
    ]
    profile = aws.iam.InstanceProfile(
        f"{name}-profile",
        name=called,
        role=role.name,
        tags=tags.tags("instance-profile", called),
        opts=child,
    )
    return InstanceRole(role, profile, tuple(attached))


def _agents(plan: RolePlan, names: Naming) -> list[Statement]:
    """The calls of the SSM agent and the CloudWatch agent.

    The first are those of AmazonSSMManagedInstanceCore less its `ssm:GetParameter*` on
    everything, each on the narrowest resources that it supports.
    """
    account = plan.account_id
    here: Condition = {"StringEquals": {"aws:RequestedRegion": names.region}}
    instances = names.arn("ec2", account, "instance/*")
    from_here: Condition = {"ArnLike": {"ec2:SourceInstanceARN": instances}}
    documents = [
        names.arn("ssm", account, "document/*"),
        names.arn("ssm", "", "document/*"),  # AWS's own documents belong to no account
    ]
    associations = names.arn("ssm", account, "association/*")
    namespace: Condition = {"StringEquals": {"cloudwatch:namespace": plan.namespace}}
    return [
        policies.allow("AgentReports", AGENT_ON_INSTANCES, [instances]),
        policies.allow("AgentAssociations", AGENT_ON_ASSOCIATIONS, [associations]),
        policies.allow("AgentDocuments", AGENT_ON_DOCUMENTS, documents),
        policies.allow("AgentTalks", AGENT_FROM_AN_INSTANCE, ["*"], from_here),
        policies.allow("AgentAnswers", AGENT_ANYWHERE, ["*"], here),
        policies.allow("Metrics", ["cloudwatch:PutMetricData"], ["*"], namespace),
        policies.allow(
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [pulumi.Output.concat(plan.log_group_arn, ":log-stream:*")],
        ),
        policies.allow(
            "LogStreams",
            ["logs:DescribeLogStreams"],
            [plan.log_group_arn, pulumi.Output.concat(plan.log_group_arn, ":*")],
        ),
    ]


def _own_things(plan: RolePlan, names: Naming) -> list[Statement]:
    """The application's parameters, and the instances' place in the backup bucket.

    Not the whole parameter path: alert addresses and webhooks lie there too.
    """
    app = names.arn("ssm", plan.account_id, f"parameter{names.parameter('app/*')}")
    config = names.arn("ssm", plan.account_id, f"parameter{names.parameter('app-config')}")
    read = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"]
    found = [policies.allow("AppParameters", read, [app, config])]
    if plan.key_arn is not None:
        secure = policies.via(names.region, "ssm") | {
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": app}
        }
        found.append(policies.allow("AppSecrets", ["kms:Decrypt"], [plan.key_arn], secure))
    if plan.backup_bucket_arn is not None:
        objects = pulumi.Output.concat(plan.backup_bucket_arn, f"/{BACKUP_PREFIX}/*")
        found.append(policies.allow("Backup", ["s3:GetObject", "s3:PutObject"], [objects]))
        if plan.key_arn is not None:
            via = policies.via(names.region, "s3")
            found.append(policies.allow("BackupKey", policies.KMS_USE, [plan.key_arn], via))
    return found

"""Compute: a private Auto Scaling group of instances that only Session Manager reaches."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.accept import accept
from fleetmend.components.access import SecurityGroup, awaited
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.instance_role import InstanceRole, RolePlan, instance_role
from fleetmend.components.launch_template import TemplatePlan, launch_template
from fleetmend.components.naming import Limit, Naming, partition
from fleetmend.components.scaling import ScalingPlan, scaling
from fleetmend.components.settings_types import Scaling
from fleetmend.components.user_data import AgentPlan, user_data
from fleetmend.core.acl import HTTPS

AMAZON_LINUX = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
GROUP_METRICS = (
    aws.autoscaling.Metric.GROUP_DESIRED_CAPACITY,
    aws.autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES,
    aws.autoscaling.Metric.GROUP_MAX_SIZE,
    aws.autoscaling.Metric.GROUP_MIN_SIZE,
    aws.autoscaling.Metric.GROUP_PENDING_INSTANCES,
    aws.autoscaling.Metric.GROUP_STANDBY_INSTANCES,
    aws.autoscaling.Metric.GROUP_TERMINATING_INSTANCES,
    aws.autoscaling.Metric.GROUP_TOTAL_INSTANCES,
)
KEY_OPERATIONS = (
    "Encrypt",
    "Decrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "DescribeKey",
    "CreateGrant",
)
"""What Auto Scaling needs of a key of ours (EC2 Auto Scaling User Guide, "Required AWS KMS key
policy for use with encrypted volumes")."""


class ComputeArgs(TypedDict):
    """What `Compute` needs to know. All but the first four may be left out."""

    installation: InstallationArgs
    """Whose instances they are."""
    account_id: pulumi.Input[str]
    """The account."""
    vpc_id: pulumi.Input[str]
    """The VPC."""
    private_subnet_ids: pulumi.Input[list[str]]
    """Private subnets, one per zone."""
    image_id: NotRequired[str]
    """`ami-…`, or `resolve:ssm:` and a parameter; the newest Amazon Linux 2023 where left out."""
    instance_type: NotRequired[str]
    """The instance type; t3.micro where it is left out."""
    min_size: NotRequired[int]
    """Fewest instances; 2 where it is left out."""
    desired_capacity: NotRequired[int]
    """Instances at first; 2 where it is left out. Scaling moves it, later applies do not."""
    max_size: NotRequired[int]
    """Most instances; 6 where it is left out."""
    root_device: NotRequired[str]
    """The image's root device; /dev/xvda where it is left out."""
    volume_size_gib: NotRequired[int]
    """The root volume's size; 20 where it is left out."""
    volume_key_arn: NotRequired[pulumi.Input[str]]
    """A key for the volumes; EBS's default key where it is left out."""
    scaling: NotRequired[str]
    """`target-tracking` (where it is left out) or `step`."""
    target_cpu_percent: NotRequired[int]
    """The CPU that target tracking holds; 50 where it is left out."""
    cpu_high_percent: NotRequired[int]
    """Steps out above it; 75 where it is left out."""
    cpu_low_percent: NotRequired[int]
    """Steps in below it; 25 where it is left out."""
    warmup_seconds: NotRequired[int]
    """How long a new instance is left out of metrics and checks; 300 where it is left out."""
    max_healthy_percent: NotRequired[int]
    """How far the group may grow while it replaces; 110 where it is left out."""
    managed_policies: NotRequired[bool]
    """Attach AWS's managed policies in place of our narrower one."""
    user_data_extra: NotRequired[str]
    """Shell lines at the end of the first start. They are readable to whoever is on the
    instance: no secrets."""
    application_port: NotRequired[int]
    """The TCP port that the application listens on; 443 where it is left out."""
    authorized_ip_ranges: NotRequired[list[str]]
    """Who may connect to instances where there is no balancer; 10.0.0.0/8 where left out."""
    egress_ports: NotRequired[list[int]]
    """TCP ports that instances may connect to; 443 where it is left out."""
    balancer_security_group_id: NotRequired[pulumi.Input[str]]
    """A balancer's group: then it alone may connect."""
    target_group_arns: NotRequired[pulumi.Input[list[str]]]
    """Target groups that instances are registered with."""
    key_arn: NotRequired[pulumi.Input[str]]
    """A key for the log group, the application's secure parameters and the backup prefix; its
    policy must admit `instance_log_group`."""
    backup_bucket_arn: NotRequired[pulumi.Input[str]]
    """A bucket that instances may write to, under `instances/` only."""
    claims: NotRequired[dict[str, str]]
    """Tags by which controllers claim the group."""
    log_retention_days: NotRequired[int]
    """How long instances' logs are kept; 14 where it is left out."""


class Compute(pulumi.ComponentResource):
    """A launch template, a role of its own, and a group over all given private subnets.

    Instances have no public address, no SSH key and no open port but the application's; people
    reach them with `aws ssm start-session --target i-…`. The group launches before it
    terminates, and judges instances by EC2's status checks alone: what a balancer or an
    application says is weighed against the whole group by Fleetmend's health controller, so
    that a bad health check cannot empty the group.

    Instances need a way out (routes, endpoints) at their first start: pass
    `opts=ResourceOptions(depends_on=[network])` where the same program makes both, and the
    group waits for it.

    Example:
        compute = Compute("compute", {"installation": me, "account_id": account,
                                      "vpc_id": network.vpc_id,
                                      "private_subnet_ids": network.private_subnet_ids})
    """

    role_name: pulumi.Output[str]
    """The instances' role."""
    role_arn: pulumi.Output[str]
    """Its ARN."""
    instance_profile_name: pulumi.Output[str]
    """The instance profile."""
    instance_profile_arn: pulumi.Output[str]
    """Its ARN."""
    security_group_id: pulumi.Output[str]
    """The instances' security group."""
    launch_template_id: pulumi.Output[str]
    """The launch template."""
    launch_template_version: pulumi.Output[int]
    """The version that the group launches."""
    group_name: pulumi.Output[str]
    """The Auto Scaling group."""
    group_arn: pulumi.Output[str]
    """Its ARN."""
    scaling_policy_arns: pulumi.Output[list[str]]
    """Its scaling policies: one target, or out and in."""
    alarm_arns: pulumi.Output[list[str]]
    """The alarms that set steps off; none with target tracking, which makes its own."""
    log_group_name: pulumi.Output[str]
    """Where instances log."""

    def __init__(
        self, name: str, args: ComputeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Compute", name, {}, opts)
        self._name = name
        self._args = args
        self._names = naming(args["installation"])
        self._tags = tagging(args["installation"])
        self._child = pulumi.ResourceOptions(parent=self)
        self._called = self._names.name("group", limit=Limit.GROUP)
        logs = self._log_group()
        role = self._role(logs)
        access = self._access()
        template = self._template(role, access)
        group = self._group(template, [*role.policies, *self._key_grant(), *awaited(opts)])
        self._scaling(group)
        self.role_name, self.role_arn = role.role.name, role.role.arn
        self.instance_profile_name = role.profile.name
        self.instance_profile_arn = role.profile.arn
        self.security_group_id = access.id
        self.launch_template_id = template.id
        self.launch_template_version = template.latest_version
        self.group_name, self.group_arn = group.name, group.arn
        self.log_group_name = logs.name
        self.register_outputs({"groupName": self.group_name, "groupArn": self.group_arn})

    def _log_group(self) -> aws.cloudwatch.LogGroup:
        called = instance_log_group(self._names)
        group = aws.cloudwatch.LogGroup(
            f"{self._name}-logs",
            name=called,
            retention_in_days=int(self._args.get("log_retention_days", 14)),
            kms_key_id=self._args.get("key_arn"),
            tags=self._tags.tags("log-group", called),
            opts=self._child,
        )
        accept(
            group,
            "CKV_AWS_338",
            "How long instances' logs are kept is a setting: logRetentionDays.",
        )
        return group

    def _role(self, logs: aws.cloudwatch.LogGroup) -> InstanceRole:
        plan = RolePlan(
            self._args["installation"],
            self._args["account_id"],
            instance_namespace(self._names),
            logs.arn,
            self._args.get("key_arn"),
            self._args.get("backup_bucket_arn"),
            bool(self._args.get("managed_policies", False)),
        )
        return instance_role(self._name, plan, self)

    def _access(self) -> aws.ec2.SecurityGroup:
        port = int(self._args.get("application_port", HTTPS))
        access = SecurityGroup(
            f"{self._name}-security-group",
            "instances",
            "The application's port, and what instances connect to",
            self._args["vpc_id"],
            self._args["installation"],
            self,
        )
        balancer = self._args.get("balancer_security_group_id")
        if balancer is None:
            ranges = self._args.get("authorized_ip_ranges", ["10.0.0.0/8"])
            access.admit_ranges(ranges, port, "Authorised clients")
        else:
            access.admit_group(balancer, port, "The balancer, health checks too")
            access.reached_from(balancer, port, "Instances, health checks too")
        ports = [int(p) for p in self._args.get("egress_ports", [HTTPS])]
        # Without HTTPS neither agent reaches its service, and nobody reaches the instance.
        access.release(sorted({HTTPS, *ports}), "What instances connect to")
        return access.group

    def _template(
        self, role: InstanceRole, access: aws.ec2.SecurityGroup
    ) -> aws.ec2.LaunchTemplate:
        agent = AgentPlan(
            self._names.region,
            instance_namespace(self._names),
            instance_log_group(self._names),
            self._called,
        )
        plan = TemplatePlan(
            self._args["installation"],
            self._args.get("image_id", AMAZON_LINUX),
            self._args.get("instance_type", "t3.micro"),
            self._args.get("root_device", "/dev/xvda"),
            int(self._args.get("volume_size_gib", 20)),
            self._args.get("volume_key_arn"),
            role.profile.arn,
            access.id,
            user_data(agent, self._args.get("user_data_extra", "")),
        )
        return launch_template(self._name, plan, self)

    def _key_grant(self) -> list[aws.kms.Grant]:
        """Auto Scaling's own role launches the instances: it must be let use a key of ours."""
        key = self._args.get("volume_key_arn")
        if key is None:
            return []
        role = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        head = f"arn:{partition(self._names.region)}:iam::"
        return [
            aws.kms.Grant(
                f"{self._name}-volume-key-grant",
                name=self._names.name("volumes", limit=Limit.TAG_VALUE),
                key_id=key,
                grantee_principal=pulumi.Output.concat(head, self._args["account_id"], ":", role),
                operations=list(KEY_OPERATIONS),
                opts=self._child,
            )
        ]

    def _group(
        self, template: aws.ec2.LaunchTemplate, needed: list[pulumi.Resource]
    ) -> aws.autoscaling.Group:
        warmup = int(self._args.get("warmup_seconds", 300))
        most = int(self._args.get("max_healthy_percent", 110))
        # A rollback needs a numbered image (EC2 Auto Scaling, RollbackInstanceRefresh).
        fixed_image = self._args.get("image_id", AMAZON_LINUX).startswith("ami-")
        return aws.autoscaling.Group(
            f"{self._name}-group",
            name=self._called,
            min_size=int(self._args.get("min_size", 2)),
            desired_capacity=int(self._args.get("desired_capacity", 2)),
            max_size=int(self._args.get("max_size", 6)),
            vpc_zone_identifiers=self._args["private_subnet_ids"],
            target_group_arns=self._args.get("target_group_arns"),
            launch_template={"id": template.id, "version": _text(template.latest_version)},
            health_check_type="EC2",
            health_check_grace_period=warmup,
            default_instance_warmup=warmup,
            instance_maintenance_policy={
                "min_healthy_percentage": 100,
                "max_healthy_percentage": most,
            },
            instance_refresh={
                "strategy": "Rolling",
                "preferences": {
                    "min_healthy_percentage": 100,
                    "max_healthy_percentage": most,
                    "instance_warmup": str(warmup),
                    "skip_matching": True,
                    "auto_rollback": fixed_image,
                },
            },
            enabled_metrics=list(GROUP_METRICS),
            metrics_granularity="1Minute",
            tags=self._group_tags(),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=needed, ignore_changes=["desiredCapacity"]
            ),
        )

    def _group_tags(self) -> list[aws.autoscaling.GroupTagArgs]:
        """All propagate but what and which it is: the launch template says that of each."""
        own = self._tags.tags("auto-scaling-group", self._called)
        return [
            aws.autoscaling.GroupTagArgs(
                key=key, value=value, propagate_at_launch=key not in {"ResourceType", "Name"}
            )
            for key, value in {**own, **self._args.get("claims", {})}.items()
        ]

    def _scaling(self, group: aws.autoscaling.Group) -> None:
        plan = ScalingPlan(
            self._args["installation"],
            Scaling(self._args.get("scaling", Scaling.TARGET_TRACKING)),
            int(self._args.get("target_cpu_percent", 50)),
            int(self._args.get("cpu_high_percent", 75)),
            int(self._args.get("cpu_low_percent", 25)),
            int(self._args.get("warmup_seconds", 300)),
        )
        made = scaling(self._name, plan, group, self)
        self.scaling_policy_arns = pulumi.Output.all(*(policy.arn for policy in made.policies))
        self.alarm_arns = pulumi.Output.all(*(alarm.arn for alarm in made.alarms))


def instance_log_group(names: Naming) -> str:
    """Where instances log; the key's policy has to admit it by this name."""
    return names.log_group("instances")


def instance_namespace(names: Naming) -> str:
    """Where instances' metrics go: apart from the controllers', which they could fake there."""
    return f"{names.namespace}/Instances"


def _text(number: pulumi.Output[int]) -> pulumi.Output[str]:
    return pulumi.Output.format("{0}", number)

"""Backup: AWS Backup makes recovery points of what is tagged, and tries whether they restore."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.alarms import Alarm, AlarmArgs, make_alarm
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit, partition

MANAGED = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)
"""AWS's own policies for AWS Backup."""

WHY_MANAGED = (
    "A narrower policy of ours would stop to fit with every service that AWS Backup learns; "
    "nobody but AWS Backup can take the role."
)

START_WINDOW_MINUTES = 60
COMPLETION_WINDOW_MINUTES = 480


class BackupArgs(TypedDict):
    """What `Backup` needs to know."""

    installation: InstallationArgs
    """Whose backups they are."""
    key_arn: pulumi.Input[str]
    """Encrypts the vault."""
    topic_arn: pulumi.Input[str]
    """Told when a backup fails."""
    schedule: NotRequired[str]
    """When recovery points are made (UTC); `cron(0 5 ? * * *)` where it is left out."""
    retention_days: NotRequired[int]
    """How long they are kept; 35 where it is left out."""
    tag_key: NotRequired[str]
    """Resources with this tag are backed up; `Backup` where it is left out."""
    tag_value: NotRequired[str]
    """The value that tag must have; `true` where it is left out."""
    restore_testing: NotRequired[bool]
    """Restore a recovery point of an EBS volume every week, and throw away what came of it."""
    force_destroy: NotRequired[bool]
    """Delete the vault with what is in it; never in production."""
    alarms: NotRequired[AlarmArgs]
    """When the alarm on failed jobs is raised."""


class Backup(pulumi.ComponentResource):
    """A vault, a daily plan for everything with the tag, and a weekly proof that it restores.

    Recovery points are what rollback and recovery restore from. They were made at run time and
    protect data, so they outlive the installation unless `force_destroy` is set.

    Example:
        Backup("backup", {"installation": me, "key_arn": keys.main_arn,
                          "topic_arn": alerts.topic_arn, "restore_testing": True})
    """

    vault_name: pulumi.Output[str]
    """The vault's name."""
    vault_arn: pulumi.Output[str]
    """The vault's ARN."""
    plan_id: pulumi.Output[str]
    """The backup plan's id."""
    role_name: pulumi.Output[str]
    """The role AWS Backup works with."""
    role_arn: pulumi.Output[str]
    """That role's ARN."""
    alarm_arns: pulumi.Output[list[str]]
    """The alarm on failed jobs."""

    def __init__(
        self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Backup", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._names = naming(args["installation"])
        self._tags = tagging(args["installation"])
        called = self._names.name("backup", limit=Limit.BACKUP)
        vault = aws.backup.Vault(
            f"{name}-vault",
            name=called,
            kms_key_arn=args["key_arn"],
            force_destroy=args.get("force_destroy", False),
            tags=self._tags.tags("backup-vault", called),
            opts=self._child,
        )
        role = self._role(name)
        plan = self._plan(name, called, args, vault)
        aws.backup.Selection(
            f"{name}-selection",
            name=called,
            plan_id=plan.id,
            iam_role_arn=role.arn,
            selection_tags=[
                aws.backup.SelectionSelectionTagArgs(
                    type="STRINGEQUALS",
                    key=args.get("tag_key", "Backup"),
                    value=args.get("tag_value", "true"),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._grants),
        )
        if args.get("restore_testing", False):
            self._restore_testing(name, args, vault, role)
        self.vault_name, self.vault_arn, self.plan_id = vault.name, vault.arn, plan.id
        self.role_name, self.role_arn = role.name, role.arn
        self.alarm_arns = pulumi.Output.all(self._alarm(name, called, args).arn)
        self.register_outputs({"vaultArn": self.vault_arn, "planId": self.plan_id})

    def _role(self, name: str) -> aws.iam.Role:
        called = self._names.role("backup")
        role = aws.iam.Role(
            f"{name}-role",
            name=called,
            description="AWS Backup makes and restores recovery points",
            assume_role_policy=policies.trust("backup"),
            tags=self._tags.tags("iam-role", called),
            opts=self._child,
        )
        self._grants = [
            aws.iam.RolePolicyAttachment(
                f"{name}-role-{'backup' if managed.endswith('Backup') else 'restore'}",
                role=role.name,
                policy_arn=f"arn:{partition(self._names.region)}:iam::aws:policy/{managed}",
                opts=self._child,
            )
            for managed in MANAGED
        ]
        for grant in self._grants:
            accept(grant, "iam-managed-policy", WHY_MANAGED)
        return role

    def _plan(
        self, name: str, called: str, args: BackupArgs, vault: aws.backup.Vault
    ) -> aws.backup.Plan:
        return aws.backup.Plan(
            f"{name}-plan",
            name=called,
            rules=[
                aws.backup.PlanRuleArgs(
                    rule_name="daily",
                    target_vault_name=vault.name,
                    schedule=args.get("schedule", "cron(0 5 ? * * *)"),
                    start_window=START_WINDOW_MINUTES,
                    completion_window=COMPLETION_WINDOW_MINUTES,
                    lifecycle=aws.backup.PlanRuleLifecycleArgs(
                        delete_after=args.get("retention_days", 35)
                    ),
                    recovery_point_tags=self._tags.tags("recovery-point", called),
                )
            ],
            tags=self._tags.tags("backup-plan", called),
            opts=self._child,
        )

    def _restore_testing(
        self, name: str, args: BackupArgs, vault: aws.backup.Vault, role: aws.iam.Role
    ) -> None:
        # Restore testing takes letters, digits and underscores only.
        called = self._names.name("restore-test", limit=Limit.BACKUP).replace("-", "_")
        plan = aws.backup.RestoreTestingPlan(
            f"{name}-restore-testing",
            name=called,
            schedule_expression="cron(0 9 ? * SUN *)",
            start_window_hours=8,
            recovery_point_selection=aws.backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[vault.arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=args.get("retention_days", 35),
            ),
            tags=self._tags.tags("restore-testing-plan", called),
            opts=self._child,
        )
        aws.backup.RestoreTestingSelection(
            f"{name}-restore-testing-volumes",
            name="volumes",
            restore_testing_plan_name=plan.name,
            iam_role_arn=role.arn,
            protected_resource_type="EBS",
            protected_resource_arns=["*"],
            validation_window_hours=1,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._grants),
        )

    def _alarm(self, name: str, vault: str, args: BackupArgs) -> aws.cloudwatch.MetricAlarm:
        alarm = Alarm(
            kind="backup-failed",
            says=f"A backup job into {vault} failed. AWS Backup, Jobs, says why.",
            namespace="AWS/Backup",
            metric="NumberOfBackupJobsFailed",
            dimensions={"BackupVaultName": vault},
            statistic="Sum",
            threshold=1,
            # AWS Backup reports every five minutes.
            period=300,
            periods=1,
            datapoints=1,
        )
        settings = args.get("alarms", AlarmArgs())
        return make_alarm(
            f"{name}-alarm-failed", alarm, settings, args["installation"], args["topic_arn"], self
        )

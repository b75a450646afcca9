"""Storage: the ledger, the backup bucket, and the bucket for access logs."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.access import awaited
from fleetmend.components.buckets import (
    BucketPlan,
    PrivateBucket,
    abort_uploads,
    backup_rules,
    bucket_policy,
    expiry,
    lifecycle_rule,
    marker_expiry,
    private_bucket,
)
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.policies import Statement

BALANCER_PREFIX = "balancer"
"""Where in the log bucket a load balancer writes its access logs."""

S3_PREFIX = "s3"
"""Where in the log bucket S3 writes the other buckets' access logs."""


class StorageArgs(TypedDict):
    """What `Storage` needs to know. Days are whole days."""

    installation: InstallationArgs
    """Whose buckets they are."""
    account_id: pulumi.Input[str]
    """The account; also a part of the buckets' names."""
    key_arn: pulumi.Input[str]
    """The key of the ledger and the backup bucket."""
    records_history_days: NotRequired[int]
    """How long old versions of records are kept; 730 where it is left out."""
    reports_days: NotRequired[int]
    """How long reports, dry runs and access logs are kept; 90 where it is left out."""
    infrequent_days: NotRequired[int]
    """Old versions of backups move to STANDARD_IA after this; 30 where it is left out."""
    glacier_days: NotRequired[int]
    """Old versions of backups move to GLACIER after this; 90 where it is left out."""
    expire_days: NotRequired[int]
    """Old versions of backups go after this; 365 where it is left out."""
    copy_bucket_arn: NotRequired[pulumi.Input[str]]
    """A versioned bucket in another region that backups are copied to; see `BackupCopy`."""
    copy_key_arn: NotRequired[pulumi.Input[str]]
    """That bucket's key."""
    copy_region: NotRequired[str]
    """That bucket's region."""
    force_destroy: NotRequired[bool]
    """Delete buckets with what is in them; never in production."""


class Storage(pulumi.ComponentResource):
    """Three private, versioned buckets: ledger, backup, and access logs.

    The ledger's policy refuses unconditional writes to `records/` and any deletion there, from
    whomever: what a controller knows can be added to, never lost. Instances write to the backup
    bucket under `instances/<instance id>/` and exports under `exports/`; nothing else does.

    Example:
        storage = Storage("storage", {"installation": me, "account_id": account,
                                      "key_arn": keys.main_arn})
    """

    ledger_name: pulumi.Output[str]
    """The ledger bucket's name."""
    ledger_arn: pulumi.Output[str]
    """The ledger bucket's ARN."""
    backup_name: pulumi.Output[str]
    """The backup bucket's name."""
    backup_arn: pulumi.Output[str]
    """The backup bucket's ARN."""
    logs_name: pulumi.Output[str]
    """The access log bucket's name: SSE-S3, because balancers can write to nothing else."""
    logs_arn: pulumi.Output[str]
    """The access log bucket's ARN."""

    def __init__(
        self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Storage", name, {}, opts)
        key = args["key_arn"]
        moves = backup_rules(
            args.get("infrequent_days", 30),
            args.get("glacier_days", 90),
            args.get("expire_days", 365),
        )
        ledger = self._bucket(name, "ledger", args, key, _ledger_rules(args)).bucket
        backup_made = self._bucket(name, "backup", args, key, moves)
        backup = backup_made.bucket
        logs = self._bucket(name, "logs", args, None, _log_rules(args)).bucket
        accept(
            ledger, "CKV_AWS_144", "Records are about instances of this region, of use only here."
        )
        accept(logs, "CKV_AWS_144", "Access logs are looked at for weeks and lost without harm.")
        accept(logs, "CKV_AWS_145", "Balancers cannot write to a bucket under a KMS key.")
        bucket_policy(f"{name}-ledger", ledger, policies.conditional_writes_only(ledger.arn), self)
        bucket_policy(f"{name}-backup", backup, [], self)
        writers = _log_writers(args, logs.arn, [ledger.arn, backup.arn])
        logs_policy = bucket_policy(f"{name}-logs", logs, writers, self)
        for kind, bucket in (("ledger", ledger), ("backup", backup)):
            # S3 tries the target when logging is switched on, so the policy stands first.
            aws.s3.BucketLogging(
                f"{name}-{kind}-logging",
                bucket=bucket.id,
                target_bucket=logs.id,
                target_prefix=f"{S3_PREFIX}/{kind}/",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[logs_policy]),
            )
        if "copy_bucket_arn" in args:
            self._copy(name, args, backup_made, awaited(opts))
        else:
            accept(backup, "CKV_AWS_144", "A copy elsewhere is a setting: backupCopyRegion.")
        self.ledger_name, self.ledger_arn = ledger.bucket, ledger.arn
        self.backup_name, self.backup_arn = backup.bucket, backup.arn
        self.logs_name, self.logs_arn = logs.bucket, logs.arn
        self.register_outputs({"ledgerName": self.ledger_name, "backupName": self.backup_name})

    def _bucket(
        self,
        name: str,
        kind: str,
        args: StorageArgs,
        key_arn: pulumi.Input[str] | None,
        rules: list[aws.s3.BucketLifecycleConfigurationRuleArgs],
    ) -> PrivateBucket:
        names = naming(args["installation"])
        plan = BucketPlan(
            name=names.bucket(kind, args["account_id"]),
            tags=tagging(args["installation"]).tags("s3-bucket", names.name(kind)),
            key_arn=key_arn,
            rules=rules,
            force_destroy=args.get("force_destroy", False),
        )
        return private_bucket(f"{name}-{kind}", plan, self)

    def _copy(
        self, name: str, args: StorageArgs, made: PrivateBucket, after: list[pulumi.Resource]
    ) -> None:
        """Copy what is written to the backup bucket to another region, with S3's own means."""
        names = naming(args["installation"])
        child = pulumi.ResourceOptions(parent=self)
        backup, target = made.bucket, args.get("copy_bucket_arn", "")
        role = aws.iam.Role(
            f"{name}-copy-role",
            name=names.role("backup-copy"),
            description="S3 copies the backup bucket to another region",
            assume_role_policy=policies.trust("s3"),
            tags=tagging(args["installation"]).tags("iam-role", names.role("backup-copy")),
            opts=child,
        )
        accept(role, "iam-trust-source", "S3 names no source when it takes a replication role.")
        policy = aws.iam.RolePolicy(
            f"{name}-copy-policy",
            name=names.policy("backup-copy"),
            role=role.name,
            policy=policies.document(*_copy_statements(args, backup.arn)),
            opts=child,
        )
        aws.s3.BucketReplicationConfig(
            f"{name}-copy",
            bucket=backup.id,
            role=role.arn,
            rules=[_replication(target, args.get("copy_key_arn", ""))],
            # S3 copies from versioned buckets to versioned buckets only.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, made.versioning, *after]),
        )


def _ledger_rules(args: StorageArgs) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    """By prefix: records never expire, only their old versions do; hints and reports are brief."""
    history, reports = args.get("records_history_days", 730), args.get("reports_days", 90)
    return [
        lifecycle_rule("records", "records/", old_versions_days=history),
        lifecycle_rule("aside", "aside/", expiration=expiry(history)),
        lifecycle_rule(
            "open",
            "open/",
            expiration=marker_expiry(),
            old_versions_days=1,
        ),
        *(
            lifecycle_rule(
                prefix,
                f"{prefix}/",
                expiration=expiry(reports),
                old_versions_days=1,
            )
            for prefix in ("runs", "reports", "would")
        ),
        abort_uploads(),
    ]


def _log_rules(args: StorageArgs) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    return [
        lifecycle_rule(
            "access-logs",
            "",
            expiration=expiry(args.get("reports_days", 90)),
            old_versions_days=1,
        ),
        abort_uploads(),
    ]


def _log_writers(
    args: StorageArgs, logs_arn: pulumi.Output[str], sources: list[pulumi.Output[str]]
) -> list[Statement]:
    """Who writes access logs: S3 for our buckets, ELB for balancers of this account and region.

    S3 User Guide, "Enabling server access logging"; Application Load Balancers, "Access logs".
    """
    names, account = naming(args["installation"]), args["account_id"]
    balancers = names.arn("elasticloadbalancing", account, "loadbalancer/*")
    return [
        policies.service_may(
            "S3Logs",
            "logging.s3",
            ["s3:PutObject"],
            pulumi.Output.concat(logs_arn, f"/{S3_PREFIX}/*"),
            policies.from_source(account, sources),
        ),
        policies.service_may(
            "BalancerLogs",
            "logdelivery.elasticloadbalancing",
            ["s3:PutObject"],
            pulumi.Output.concat(logs_arn, f"/{BALANCER_PREFIX}/AWSLogs/", account, "/*"),
            policies.from_source(account, [balancers], exact=False),
        ),
    ]


def _copy_statements(args: StorageArgs, source: pulumi.Output[str]) -> list[Statement]:
    """S3 User Guide, "Setting up permissions for live replication", with KMS on both ends."""
    target = args.get("copy_bucket_arn", "")
    region, copy_region = args["installation"]["region"], args.get("copy_region", "")
    return [
        policies.allow(
            "ReadConfiguration", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source]
        ),
        policies.allow(
            "ReadVersions",
            [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            [pulumi.Output.concat(source, "/*")],
        ),
        policies.allow(
            "WriteCopies",
            ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            [pulumi.Output.concat(target, "/*")],
        ),
        policies.allow(
            "DecryptSource", ["kms:Decrypt"], [args["key_arn"]], policies.via(region, "s3")
        ),
        policies.allow(
            "EncryptCopies",
            ["kms:Encrypt"],
            [args.get("copy_key_arn", "")],
            policies.via(copy_region, "s3"),
        ),
    ]


def _replication(
    target: pulumi.Input[str], key_arn: pulumi.Input[str]
) -> aws.s3.BucketReplicationConfigRuleArgs:
    rule = aws.s3.BucketReplicationConfigRuleArgs
    criteria = aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs
    encrypted = aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs
    return rule(
        id="everything",
        status="Enabled",
        filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
        delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
            status="Enabled"
        ),
        source_selection_criteria=criteria(sse_kms_encrypted_objects=encrypted(status="Enabled")),
        destination=aws.s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=target,
            storage_class="STANDARD_IA",
            encryption_configuration=(
                aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                    replica_kms_key_id=key_arn
                )
            ),
        ),
    )

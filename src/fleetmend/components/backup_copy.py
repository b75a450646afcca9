"""Where backups are copied to: a bucket in another region, with a key of its own."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.buckets import BucketPlan, backup_rules, bucket_policy, private_bucket
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.keys import ROTATION_DAYS
from fleetmend.components.naming import Limit


class BackupCopyArgs(TypedDict):
    """What `BackupCopy` needs to know."""

    installation: InstallationArgs
    """Whose copy it is, with the copy's region in place of the installation's."""
    account_id: pulumi.Input[str]
    """The account; also a part of the bucket's name."""
    infrequent_days: NotRequired[int]
    """Old versions move to STANDARD_IA after this; 30 where it is left out."""
    glacier_days: NotRequired[int]
    """Old versions move to GLACIER after this; 90 where it is left out."""
    expire_days: NotRequired[int]
    """Old versions go after this; 365 where it is left out."""
    deletion_days: NotRequired[int]
    """How long a deleted key can be brought back; 30 where it is left out."""
    force_destroy: NotRequired[bool]
    """Delete the bucket with what is in it; never in production."""


class BackupCopy(pulumi.ComponentResource):
    """A private, versioned bucket that `Storage` copies its backup bucket to.

    It needs a provider of its own region, and `Storage` has to wait for it.

    Example:
        west = ResourceOptions(provider=aws.Provider("west", region="us-west-2"))
        copy = BackupCopy("copy", {"installation": me | {"region": "us-west-2"},
                                   "account_id": account}, west)
    """

    bucket_arn: pulumi.Output[str]
    """The bucket's ARN."""
    bucket_name: pulumi.Output[str]
    """The bucket's name."""
    key_arn: pulumi.Output[str]
    """Its key, in its region."""

    def __init__(
        self, name: str, args: BackupCopyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:BackupCopy", name, {}, opts)
        names, tags = naming(args["installation"]), tagging(args["installation"])
        called = names.name("backup-copy-key", limit=Limit.TAG_VALUE)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"{called}: encrypts the copy of Fleetmend's backups",
            enable_key_rotation=True,
            rotation_period_in_days=ROTATION_DAYS,
            deletion_window_in_days=args.get("deletion_days", 30),
            policy=policies.document(
                policies.account_administers(names.region, args["account_id"])
            ),
            tags=tags.tags("kms-key", called),
            opts=pulumi.ResourceOptions(parent=self),
        )
        plan = BucketPlan(
            name=names.bucket("backup-copy", args["account_id"]),
            tags=tags.tags("s3-bucket", names.name("backup-copy")),
            key_arn=key.arn,
            rules=backup_rules(
                args.get("infrequent_days", 30),
                args.get("glacier_days", 90),
                args.get("expire_days", 365),
            ),
            force_destroy=args.get("force_destroy", False),
        )
        bucket = private_bucket(f"{name}-bucket", plan, self).bucket
        accept(bucket, "CKV_AWS_18", "Only S3 writes here, and access logs stay in a region.")
        bucket_policy(f"{name}-bucket", bucket, [], self)
        self.bucket_arn, self.bucket_name, self.key_arn = bucket.arn, bucket.bucket, key.arn
        self.register_outputs({"bucketArn": self.bucket_arn})

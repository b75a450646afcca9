"""One private bucket, the way all buckets here are made.

Current resources only: the bucket, and beside it versioning, encryption, ownership, the block on
public access, lifecycle and policy as resources of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.policies import Statement

ABORT_UPLOADS_DAYS = 7
"""Parts of an upload that was never finished cost money and show in no listing."""


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """What one bucket is like.

    `key_arn` is the KMS key, or None for SSE-S3 (balancers and S3's own access logs can write to
    nothing else). `rules` are lifecycle rules, `statements` the policy beyond TLS-only; both are
    functions of nothing but what stands here and the bucket's ARN.
    """

    name: pulumi.Input[str]
    tags: dict[str, str]
    key_arn: pulumi.Input[str] | None
    rules: Sequence[aws.s3.BucketLifecycleConfigurationRuleArgs]
    force_destroy: bool


@dataclass(frozen=True, slots=True)
class PrivateBucket:
    """A bucket, and its versioning, which copying to another region has to wait for."""

    bucket: aws.s3.Bucket
    versioning: aws.s3.BucketVersioning


def lifecycle_rule(
    name: str,
    prefix: str,
    *,
    expiration: aws.s3.BucketLifecycleConfigurationRuleExpirationArgs | None = None,
    old_versions_days: int | None = None,
    transitions: Sequence[
        aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionTransitionArgs
    ] = (),
) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """A lifecycle rule for one prefix; `""` is the whole bucket."""
    expire = aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id=name,
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix),
        expiration=expiration,
        noncurrent_version_expiration=(
            None if old_versions_days is None else expire(noncurrent_days=old_versions_days)
        ),
        noncurrent_version_transitions=list(transitions) or None,
    )


def expiry(days: int) -> aws.s3.BucketLifecycleConfigurationRuleExpirationArgs:
    """Objects go after this many days; S3 then clears their delete markers by itself."""
    return aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days)


def marker_expiry() -> aws.s3.BucketLifecycleConfigurationRuleExpirationArgs:
    """Delete markers go once no version is left behind them."""
    return aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True)


def backup_rules(
    infrequent_days: int, glacier_days: int, expire_days: int
) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    """Old versions of backups grow cheaper, then go."""
    transition = aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionTransitionArgs
    moves = [
        transition(noncurrent_days=infrequent_days, storage_class="STANDARD_IA"),
        transition(noncurrent_days=glacier_days, storage_class="GLACIER"),
    ]
    old = lifecycle_rule("old-versions", "", transitions=moves, old_versions_days=expire_days)
    return [old, abort_uploads()]


def abort_uploads() -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """The rule that clears unfinished uploads."""
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="abort-incomplete-uploads",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=(
            aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=ABORT_UPLOADS_DAYS
            )
        ),
    )


def private_bucket(name: str, plan: BucketPlan, parent: pulumi.Resource) -> PrivateBucket:
    """A versioned, encrypted bucket that nothing public can reach; its policy comes apart."""
    child = pulumi.ResourceOptions(parent=parent)
    bucket = aws.s3.Bucket(
        name, bucket=plan.name, force_destroy=plan.force_destroy, tags=plan.tags, opts=child
    )
    accept(bucket, "CKV2_AWS_62", "Nothing waits for this bucket's events.")
    versioning = aws.s3.BucketVersioning(
        f"{name}-versioning",
        bucket=bucket.id,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
            status="Enabled"
        ),
        opts=child,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption", bucket=bucket.id, rules=[_encryption(plan.key_arn)], opts=child
    )
    aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.id,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=child,
    )
    # Rules on old versions mean nothing before there are versions.
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=bucket.id,
        rules=list(plan.rules),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[versioning]),
    )
    return PrivateBucket(bucket, versioning)


def bucket_policy(
    name: str, bucket: aws.s3.Bucket, statements: Sequence[Statement], parent: pulumi.Resource
) -> aws.s3.BucketPolicy:
    """The bucket's policy: TLS only, and what is given."""
    both = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
    return aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket.id,
        policy=policies.document(policies.tls_only("s3:*", both), *statements),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _encryption(
    key_arn: pulumi.Input[str] | None,
) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
    """KMS with a bucket key (one call to KMS in place of one per object), or SSE-S3."""
    default = (
        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
    )
    if key_arn is None:
        return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
            apply_server_side_encryption_by_default=default(sse_algorithm="AES256")
        )
    return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default(
            sse_algorithm="aws:kms", kms_master_key_id=key_arn
        ),
        bucket_key_enabled=True,
    )

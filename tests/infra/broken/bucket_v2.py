"""The deprecated BucketV2."""

import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "name-deprecated-type"
RESOURCE = "old"


def program(*, broken: bool) -> None:
    parts.start()
    if broken:
        made = aws.s3.BucketV2("old", tags=parts.tags("bucket", "old"), opts=parts.own())
        aws.s3.BucketVersioning(
            "versioning",
            bucket=made.id,
            versioning_configuration={"status": "Enabled"},
            opts=parts.own(),
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            "encryption",
            bucket=made.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}}],
            opts=parts.own(),
        )
        aws.s3.BucketPublicAccessBlock(
            "block",
            bucket=made.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=parts.own(),
        )
        aws.s3.BucketPolicy(
            "policy",
            bucket=made.id,
            policy=parts.document(parts.tls_only(made)),
            opts=parts.own(),
        )
    else:
        parts.bucket("old")

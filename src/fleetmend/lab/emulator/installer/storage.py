"""Buckets, keys and parameters."""

from fleetmend.lab.emulator.installer.registry import Inputs, Outputs, Session, creates
from fleetmend.lab.emulator.untyped import Untyped, fields


@creates("aws:kms/key:Key")
def key(session: Session, inputs: Inputs) -> Outputs:
    """A KMS key."""
    kms = session.client("kms")
    given = inputs.pick(Description="description", Policy="policy", MultiRegion="multiRegion")
    tags = [{"TagKey": k, "TagValue": v} for k, v in inputs.tags().items()]
    made = kms.create_key(**given, Tags=tags)["KeyMetadata"]
    if inputs.get("enableKeyRotation"):
        days = inputs.pick(RotationPeriodInDays="rotationPeriodInDays")
        kms.enable_key_rotation(KeyId=made["KeyId"], **days)
    return {"id": made["KeyId"], "keyId": made["KeyId"], "arn": made["Arn"]}


@creates("aws:kms/alias:Alias")
def key_alias(session: Session, inputs: Inputs) -> Outputs:
    """A KMS key's other name."""
    name = inputs.name()
    target = str(inputs["targetKeyId"])
    session.client("kms").create_alias(AliasName=name, TargetKeyId=target)
    return {
        "id": name,
        "name": name,
        "arn": session.arn("kms", name),
        "targetKeyArn": target
        if target.startswith("arn:")
        else session.arn("kms", f"key/{target}"),
    }


@creates("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
def bucket(session: Session, inputs: Inputs) -> Outputs:
    """A bucket; everything about it is set by resources of its own."""
    s3 = session.client("s3")
    name = inputs.name("bucket", limit=63)
    given: dict[str, Untyped] = {"Bucket": name}
    if session.region != "us-east-1":
        given["CreateBucketConfiguration"] = {"LocationConstraint": session.region}
    if inputs.get("objectLockEnabled"):
        given["ObjectLockEnabledForBucket"] = True
    s3.create_bucket(**given)
    if inputs.tags():
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": inputs.tag_list()})
    domain = f"{name}.s3.{session.region}.amazonaws.com"
    return {
        "id": name,
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": domain,
    }


@creates("aws:s3/bucketVersioning:BucketVersioning")
def versioning(session: Session, inputs: Inputs) -> Outputs:
    """Whether a bucket keeps old versions."""
    status = inputs["versioningConfiguration"]["status"]
    session.client("s3").put_bucket_versioning(
        Bucket=inputs["bucket"], VersioningConfiguration={"Status": status}
    )
    return {"id": inputs["bucket"]}


@creates(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
def encryption(session: Session, inputs: Inputs) -> Outputs:
    """How a bucket encrypts."""
    rules: list[Untyped] = []
    for rule in inputs["rules"]:
        by = fields(rule.get("applyServerSideEncryptionByDefault"))
        default: dict[str, Untyped] = {"SSEAlgorithm": by.get("sseAlgorithm")}
        if by.get("kmsMasterKeyId"):
            default["KMSMasterKeyID"] = by["kmsMasterKeyId"]
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": default,
                "BucketKeyEnabled": bool(rule.get("bucketKeyEnabled")),
            }
        )
    session.client("s3").put_bucket_encryption(
        Bucket=inputs["bucket"], ServerSideEncryptionConfiguration={"Rules": rules}
    )
    return {"id": inputs["bucket"]}


@creates("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
def public_access(session: Session, inputs: Inputs) -> Outputs:
    """That a bucket is never public."""
    session.client("s3").put_public_access_block(
        Bucket=inputs["bucket"],
        PublicAccessBlockConfiguration=inputs.pick(
            BlockPublicAcls="blockPublicAcls",
            BlockPublicPolicy="blockPublicPolicy",
            IgnorePublicAcls="ignorePublicAcls",
            RestrictPublicBuckets="restrictPublicBuckets",
        ),
    )
    return {"id": inputs["bucket"]}


@creates("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
def ownership(session: Session, inputs: Inputs) -> Outputs:
    """Who owns what is put into a bucket."""
    rule = {"ObjectOwnership": inputs["rule"]["objectOwnership"]}
    session.client("s3").put_bucket_ownership_controls(
        Bucket=inputs["bucket"], OwnershipControls={"Rules": [rule]}
    )
    return {"id": inputs["bucket"]}


@creates("aws:s3/bucketLogging:BucketLogging")
def access_log(session: Session, inputs: Inputs) -> Outputs:
    """Where a bucket's access log goes; MiniStack keeps the setting and writes no log."""
    target = {"TargetBucket": inputs["targetBucket"], "TargetPrefix": inputs["targetPrefix"]}
    inputs.pick(format="targetObjectKeyFormat")  # MiniStack writes no log, so no keys
    session.client("s3").put_bucket_logging(
        Bucket=inputs["bucket"], BucketLoggingStatus={"LoggingEnabled": target}
    )
    return {"id": inputs["bucket"]}


@creates("aws:s3/bucketPolicy:BucketPolicy")
def bucket_policy(session: Session, inputs: Inputs) -> Outputs:
    """A bucket's policy; MiniStack keeps it and holds nobody to it."""
    session.client("s3").put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])
    return {"id": inputs["bucket"]}


@creates(
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
)
def lifecycle(session: Session, inputs: Inputs) -> Outputs:
    """What a bucket forgets, and when."""
    rules = [_lifecycle_rule(rule) for rule in inputs["rules"]]
    session.client("s3").put_bucket_lifecycle_configuration(
        Bucket=inputs["bucket"], LifecycleConfiguration={"Rules": rules}
    )
    return {"id": inputs["bucket"]}


def _lifecycle_rule(rule: Untyped) -> Untyped:
    made: dict[str, Untyped] = {"ID": rule["id"], "Status": rule["status"]}
    made["Filter"] = {"Prefix": fields(rule.get("filter")).get("prefix") or ""}
    if expiration := rule.get("expiration"):
        made["Expiration"] = {
            name: expiration[key]
            for name, key in (
                ("Days", "days"),
                ("ExpiredObjectDeleteMarker", "expiredObjectDeleteMarker"),
            )
            if expiration.get(key)
        }
    if old := rule.get("noncurrentVersionExpiration"):
        made["NoncurrentVersionExpiration"] = {
            name: old[key]
            for name, key in (
                ("NoncurrentDays", "noncurrentDays"),
                ("NewerNoncurrentVersions", "newerNoncurrentVersions"),
            )
            if old.get(key)
        }
    if parts := rule.get("abortIncompleteMultipartUpload"):
        days = parts.get("daysAfterInitiation")
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    moves = [
        {"Days": move.get("days"), "StorageClass": move["storageClass"]}
        for move in rule.get("transitions") or ()
    ]
    if moves:
        made["Transitions"] = moves
    return made


@creates("aws:ssm/parameter:Parameter")
def parameter(session: Session, inputs: Inputs) -> Outputs:
    """A parameter of Parameter Store."""
    name = inputs.name(limit=1000)
    value = inputs.get("value", inputs.get("insecureValue", inputs.get("valueWo")))
    given = inputs.pick(
        Description="description", Tier="tier", KeyId="keyId", AllowedPattern="allowedPattern"
    )
    session.client("ssm").put_parameter(
        Name=name, Type=inputs["type"], Value=str(value), Tags=inputs.tag_list(), **given
    )
    arn = session.arn("ssm", f"parameter/{name.lstrip('/')}")
    return {"id": name, "name": name, "arn": arn, "value": value, "version": 1}

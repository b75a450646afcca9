"""Rules on what keeps data: encrypted, versioned, private, looked after."""

from collections.abc import Iterator

from fleetmend.core.graph import Node
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.iam.policies import policies
from fleetmend.deploy.view import View, listing, mapping, text_of

_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
_LIFECYCLES = (
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
)


@rule("storage-unencrypted")
def unencrypted(view: View) -> Iterator[Fault]:
    """Something that keeps data is not declared encrypted.

    Buckets, queues, topics, volumes and file systems: whoever reviews the installation must see
    the key, not hope for a default of the account.

    Remedy: declare the encryption with the installation's key.

    See: https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_protect_data_rest_encrypt.html
    """
    for bucket in view.of_type(*_BUCKETS):
        kinds = (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
        )
        apart = any(view.pointing_at(bucket, kind, "bucket") for kind in kinds)
        if not apart and not bucket.inputs.get("serverSideEncryptionConfiguration"):
            yield Fault(bucket, "the bucket has no encryption of its own")
    for queue in view.of_type("aws:sqs/queue:Queue"):
        own = queue.inputs.get("kmsMasterKeyId") or queue.inputs.get("sqsManagedSseEnabled")
        if not own:
            yield Fault(queue, "the queue is not encrypted")
    for topic in view.of_type("aws:sns/topic:Topic"):
        if not topic.inputs.get("kmsMasterKeyId"):
            yield Fault(topic, "the topic is not encrypted")
    yield from _volumes(view)


@rule("storage-unversioned")
def unversioned(view: View) -> Iterator[Fault]:
    """A bucket keeps no old versions.

    Whatever is overwritten or deleted by mistake, or by malice, is gone.

    Remedy: add a BucketVersioning with status Enabled, and a lifecycle rule for old versions.

    See: https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
    """
    for bucket in view.of_type(*_BUCKETS):
        kinds = (
            "aws:s3/bucketVersioning:BucketVersioning",
            "aws:s3/bucketVersioningV2:BucketVersioningV2",
        )
        found = [node for kind in kinds for node in view.pointing_at(bucket, kind, "bucket")]
        inline = mapping(bucket.inputs.get("versioning")).get("enabled") is True
        if not inline and not any(_is_enabled(node) for node in found):
            yield Fault(bucket, "the bucket is not versioned")


@rule("storage-public")
def public(view: View) -> Iterator[Fault]:
    """A bucket could be made public.

    All four blocks on public access together make sure that no later policy or ACL opens it.

    Remedy: add a BucketPublicAccessBlock with all four set, and no public ACL.

    See: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    for bucket in view.of_type(*_BUCKETS):
        kind = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
        blocks = view.pointing_at(bucket, kind, "bucket")
        missing = [n for n in _BLOCKS if not any(b.inputs.get(n) is True for b in blocks)]
        if missing:
            yield Fault(bucket, "public access is not blocked", ", ".join(missing))
    acls = ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2", *_BUCKETS)
    for node in view.of_type(*acls):
        if text_of(node, "acl") in _PUBLIC_ACLS:
            yield Fault(node, "the ACL is public", text_of(node, "acl"))


@rule("storage-plain-transport")
def plain_transport(view: View) -> Iterator[Fault]:
    """A bucket can be spoken to without TLS.

    S3 also answers plain HTTP, where requests and objects can be read on the way.

    Remedy: a bucket policy that denies everything under `aws:SecureTransport` false.

    See: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    guarded = {
        policy.target.urn
        for policy in policies(view)
        if policy.target is not None
        for statement in policy.statements
        if not statement.allows and "aws:securetransport" in statement.condition_keys()
    }
    for bucket in view.of_type(*_BUCKETS):
        if bucket.urn not in guarded:
            yield Fault(bucket, "no policy denies plain HTTP")


@rule("storage-lifecycle", Severity.WARNING)
def lifecycle(view: View) -> Iterator[Fault]:
    """A lifecycle rule has no filter, or is about old versions before there are any.

    A rule without a filter is refused by newer providers; one about old versions that is applied
    before versioning is switched on does nothing, or fails, depending on the order.

    Remedy: give each rule a filter; let the lifecycle depend on the versioning.

    See: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    for node in view.of_type(*_LIFECYCLES):
        rules = [mapping(item) for item in listing(node.inputs.get("rules"))]
        bare = [str(item.get("id")) for item in rules if not item.get("filter")]
        if bare:
            yield Fault(node, "rules have no filter", ", ".join(bare))
        about_old = any(
            item.get("noncurrentVersionExpiration") or item.get("noncurrentVersionTransitions")
            for item in rules
        )
        needed = {(view.node(urn) or node).type for urn in view.needs(node)}
        if about_old and not any("ersioning" in kind for kind in needed):
            yield Fault(node, "is about old versions, but does not depend on the versioning")


@rule("storage-key-rotation")
def key_rotation(view: View) -> Iterator[Fault]:
    """A key of ours is not rotated.

    Rotation limits how much one key's material protects; AWS does it without any change for users.

    Remedy: set `enableKeyRotation`.

    See: https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
    """
    for node in view.of_type("aws:kms/key:Key"):
        symmetric = text_of(node, "customerMasterKeySpec") in {"", "SYMMETRIC_DEFAULT"}
        if symmetric and node.inputs.get("enableKeyRotation") is not True:
            yield Fault(node, "the key is not rotated")


def _volumes(view: View) -> Iterator[Fault]:
    for volume in view.of_type("aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem"):
        if volume.inputs.get("encrypted") is not True:
            yield Fault(volume, "is not encrypted")
    for template in view.of_type("aws:ec2/launchTemplate:LaunchTemplate"):
        for item in listing(template.inputs.get("blockDeviceMappings")):
            disk = mapping(mapping(item).get("ebs"))
            if disk and str(disk.get("encrypted")).lower() != "true":
                device = str(mapping(item).get("deviceName"))
                yield Fault(template, "starts instances with plain volumes", device)
    for instance in view.of_type("aws:ec2/instance:Instance"):
        disks = [mapping(instance.inputs.get("rootBlockDevice"))]
        disks += [mapping(item) for item in listing(instance.inputs.get("ebsBlockDevices"))]
        if instance.inputs.get("launchTemplate") is None and any(
            disk.get("encrypted") is not True for disk in disks
        ):
            yield Fault(instance, "has plain volumes")


def _is_enabled(node: Node) -> bool:
    return mapping(node.inputs.get("versioningConfiguration")).get("status") == "Enabled"

"""Which actions and resources an API operation needs: a reviewed table.

Names of operations are not always names of actions, and what a service does on the caller's behalf
(encrypting with a key, above all) needs rights of its own. An operation that is not here is an
error, so that a new call is looked up before it is judged.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from fleetmend.core.graph import Node
from fleetmend.deploy.iam import authorization
from fleetmend.deploy.privilege import making
from fleetmend.deploy.privilege.calls import ABSENT, Call
from fleetmend.deploy.privilege.need import Context, Need
from fleetmend.deploy.privilege.world import World
from fleetmend.deploy.view import View, listing, mapping

BUCKET = "aws:s3/bucket:Bucket"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
PARAMETER = "aws:ssm/parameter:Parameter"

ENCRYPTS = ("kms:GenerateDataKey",)
DECRYPTS = ("kms:Decrypt",)
BOTH = (*ENCRYPTS, *DECRYPTS)

WITHOUT_RIGHTS = frozenset({"sts:GetCallerIdentity"})
"""Operations that need none. See
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""


READ = (
    "AllocationId",
    "BlockDeviceMappings",
    "Bucket",
    "IamInstanceProfile",
    "IfMatch",
    "IfNoneMatch",
    "ImageId",
    "InstanceId",
    "InstanceIds",
    "InstanceType",
    "Key",
    "Name",
    "Names",
    "Namespace",
    "NetworkInterfaceId",
    "Prefix",
    "QueueUrl",
    "Resources",
    "RoleArn",
    "SecretId",
    "SecurityGroupIds",
    "SnapshotId",
    "SubnetId",
    "TagSpecifications",
    "Tags",
    "TopicArn",
    "VolumeId",
    "WithDecryption",
    "stateMachineArn",
)
"""The parameters that the table reads; no recording needs others."""


class UnknownOperation(LookupError):
    """An operation that the table does not know; the message says where to add it."""


def needs(call: Call, world: World) -> Iterator[Need]:
    """What one call needs.

    Raises:
        UnknownOperation: It is not in the table.
    """
    if call.name in WITHOUT_RIGHTS:
        return
    found = _TABLE.get(call.name)
    if found is not None:
        for need in found(call, world):
            yield Need(need.action, need.resource, _common(need.context, world), call.name)
        return
    known = authorization.action(call.name)
    if known is None or known.resource_types:
        message = f"nothing is known about {call.name}: add it to deploy/privilege/operations.py"
        raise UnknownOperation(message)
    yield Need(known.full, "*", _common({}, world), call.name)


def through_key(key: Node | None, actions: tuple[str, ...], service: str, world: World,
                context: Context | None = None) -> Iterator[Need]:  # fmt: skip
    """The use of a key by a service on the caller's behalf; nothing where there is no key."""
    if key is None:
        return
    via = {
        "kms:viaservice": (f"{service}.{world.place.region}.amazonaws.com",),
        "kms:calleraccount": (world.place.account,),
        **(context or {}),
    }
    for action in actions:
        yield Need(action, world.arn(key), via)


def key_of_bucket(world: World, bucket: Node) -> Node | None:
    """The KMS key that a bucket's objects are encrypted with."""
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    for node in world.view.pointing_at(bucket, kind, "bucket"):
        for item in listing(node.inputs.get("rules")):
            default = mapping(mapping(item).get("applyServerSideEncryptionByDefault"))
            found = world.key(default.get("kmsMasterKeyId"))
            if found is not None:
                return found
    return None


def encrypts_queue(arn: str, actions: tuple[str, ...], world: World) -> Iterator[Need]:
    """What the key of the queue needs, if it has one."""
    queue = world.of_arn(arn, QUEUE)
    key = world.key(queue.inputs.get("kmsMasterKeyId")) if queue else None
    yield from through_key(key, actions, "sqs", world, {
        "kms:encryptioncontext:aws:sqs:arn": (arn,)})  # fmt: skip


def _common(context: Context, world: World) -> Context:
    return {
        "aws:requestedregion": (world.place.region,),
        "ec2:region": (world.place.region,),
        "aws:principalaccount": (world.place.account,),
        "aws:resourceaccount": (world.place.account,),
        "aws:securetransport": ("true",),
        **context,
    }


def _instances(call: Call, world: World) -> Iterator[Need]:
    """One need for each instance, with the tags that it had; and one for each volume's key."""
    place = world.place
    for identity in _texts(call, "InstanceIds"):
        arn = f"arn:{place.partition}:ec2:{place.region}:{place.account}:instance/{identity}"
        context = {
            f"{prefix}:resourcetag/{key.lower()}": (value,)
            for key, value in call.tags.get(identity, {}).items()
            for prefix in ("ec2", "aws")
        }
        yield Need(call.name, arn, context)
        for key in call.keys.get(identity, ()):
            yield Need(
                "kms:CreateGrant",
                key,
                {
                    "kms:grantisforawsresource": ("true",),
                    "kms:viaservice": (f"ec2.{place.region}.amazonaws.com",),
                },
            )


def _group(call: Call, world: World) -> Iterator[Need]:
    """An act on a group, with the tags that it had; on an instance it is its group's.

    Service Authorization Reference, "Actions defined by Amazon EC2 Auto Scaling".
    """
    place = world.place
    head = f"arn:{place.partition}:autoscaling:{place.region}:{place.account}"
    for name, tags in call.tags.items():
        context = {
            f"{prefix}:resourcetag/{key.lower()}": (value,)
            for key, value in tags.items()
            for prefix in ("autoscaling", "aws")
        }
        unique = "00000000-0000-4000-8000-000000000000"
        arn = f"{head}:autoScalingGroup:{unique}:autoScalingGroupName/{name}"
        yield Need(call.name, arn, context)


def _anything(action: str) -> "Mapper":
    """An action that knows no resources, under another name than its operation's."""

    def found(call: Call, world: World) -> Iterator[Need]:
        del call, world
        yield Need(action, "*")

    return found


def _object(*actions: str, key: tuple[str, ...]) -> "Mapper":
    """An operation on an object, and on the key of its bucket."""

    def found(call: Call, world: World) -> Iterator[Need]:
        name, path = str(call.params.get("Bucket")), str(call.params.get("Key"))
        bucket_arn = f"arn:{world.place.partition}:s3:::{name}"
        preconditions = {
            f"s3:if-{word.lower()}match": (str(call.params[f"If{word}Match"]),)
            for word in ("", "None")
            if call.params.get(f"If{word}Match")
        }
        preconditions = {k.replace("nonematch", "none-match"): v for k, v in preconditions.items()}
        for action in actions:
            yield Need(action, f"{bucket_arn}/{path}", preconditions)
        # A deletion of a certain version of the contents reads it first: S3 User Guide,
        # "Enforce conditional deletes on Amazon S3 buckets".
        if "s3:DeleteObject" in actions and call.params.get("IfMatch", "*") != "*":
            yield Need("s3:GetObject", f"{bucket_arn}/{path}")
        if call.error in ABSENT:
            # Only who may list learns that there is nothing: else the answer is 403.
            yield Need("s3:ListBucket", bucket_arn, {"s3:prefix": (path,)})
            return
        bucket = world.of_arn(bucket_arn, BUCKET)
        its_key = key_of_bucket(world, bucket) if bucket else None
        yield from through_key(
            its_key, key, "s3", world, {"kms:encryptioncontext:aws:s3:arn": (bucket_arn,)}
        )

    return found


def _list_bucket(call: Call, world: World) -> Iterator[Need]:
    arn = f"arn:{world.place.partition}:s3:::{call.params.get('Bucket')}"
    prefix = call.params.get("Prefix")
    yield Need("s3:ListBucket", arn, {"s3:prefix": (str(prefix),)} if prefix else {})


def _queue(action: str, key: tuple[str, ...]) -> "Mapper":
    def found(call: Call, world: World) -> Iterator[Need]:
        name = str(call.params.get("QueueUrl")).rpartition("/")[2]
        arn = f"arn:{world.place.partition}:sqs:{world.place.region}:{world.place.account}:{name}"
        yield Need(action, arn)
        yield from encrypts_queue(arn, key, world)

    return found


def _publish(call: Call, world: World) -> Iterator[Need]:
    arn = str(call.params.get("TopicArn"))
    yield Need("sns:Publish", arn)
    topic = world.of_arn(arn, TOPIC)
    key = world.key(topic.inputs.get("kmsMasterKeyId")) if topic else None
    yield from through_key(
        key, BOTH, "sns", world, {"kms:encryptioncontext:aws:sns:topicarn": (arn,)}
    )


def _topic(call: Call, world: World) -> Iterator[Need]:
    del world
    yield Need(call.name, str(call.params.get("TopicArn")))


def _by_arn(parameter: str) -> "Mapper":
    """An operation on what a parameter names by its ARN."""

    def found(call: Call, world: World) -> Iterator[Need]:
        del world
        yield Need(call.name, str(call.params.get(parameter)))

    return found


def _parameters(call: Call, world: World) -> Iterator[Need]:
    place = world.place
    head = f"arn:{place.partition}:ssm:{place.region}:{place.account}:parameter/"
    for name in _texts(call, "Names") or [str(call.params.get("Name"))]:
        arn = head + name.removeprefix("/")
        yield Need(f"ssm:{call.operation}", arn)
        node = world.of_arn(arn, PARAMETER)
        if node and node.inputs.get("type") == "SecureString" and call.params.get("WithDecryption"):
            key = world.key(node.inputs.get("keyId"))
            context = {"kms:encryptioncontext:parameter_arn": (arn,)}
            yield from through_key(key, DECRYPTS, "ssm", world, context)


def _secret(call: Call, world: World) -> Iterator[Need]:
    given = str(call.params.get("SecretId"))
    kind = "aws:secretsmanager/secret:Secret"
    node = _named(world.view, world, kind, given)
    yield Need(f"secretsmanager:{call.operation}", world.arn(node) if node else given)
    if node is not None:
        key = world.key(node.inputs.get("kmsKeyId"))
        yield from through_key(key, DECRYPTS, "secretsmanager", world)


def _metrics(call: Call, world: World) -> Iterator[Need]:
    del world
    context = {"cloudwatch:namespace": (str(call.params.get("Namespace")),)}
    yield Need("cloudwatch:PutMetricData", "*", context)


def _named(view: View, world: World, kind: str, name: str) -> Node | None:
    return next(
        (node for node in view.of_type(kind) if name in {world.name(node), world.arn(node)}), None
    )


def _texts(call: Call, name: str) -> list[str]:
    value = cast("Any", call.params.get(name) or [])
    return [str(item) for item in value]


Mapper = Callable[[Call, World], Iterator[Need]]

_TABLE: Mapping[str, Mapper] = {
    "autoscaling:ResumeProcesses": _group,
    "autoscaling:SetInstanceHealth": _group,
    "autoscaling:SuspendProcesses": _group,
    "elbv2:DescribeTargetHealth": _anything("elasticloadbalancing:DescribeTargetHealth"),
    "cloudtrail:LookupEvents": _anything("cloudtrail:LookupEvents"),
    "cloudwatch:PutMetricData": _metrics,
    "ec2:AssociateAddress": making.attaches,
    "ec2:AttachNetworkInterface": making.attaches,
    "ec2:AttachVolume": making.attaches,
    "ec2:CreateTags": making.tags,
    "ec2:CreateVolume": making.creates_volume,
    "ec2:DeleteTags": making.tags,
    "ec2:DescribeInstanceAttribute": making.reads_attribute,
    "ec2:ModifyInstanceAttribute": making.changes_attribute,
    "ec2:RebootInstances": _instances,
    "ec2:RunInstances": making.runs,
    "ec2:StartInstances": _instances,
    "ec2:StopInstances": _instances,
    "ec2:TerminateInstances": _instances,
    "s3:DeleteObject": _object("s3:DeleteObject", key=()),
    "s3:GetObject": _object("s3:GetObject", key=DECRYPTS),
    "s3:HeadObject": _object("s3:GetObject", key=DECRYPTS),
    "s3:ListObjects": _list_bucket,
    "s3:ListObjectsV2": _list_bucket,
    "s3:PutObject": _object("s3:PutObject", key=ENCRYPTS),
    "secretsmanager:DescribeSecret": _secret,
    "secretsmanager:GetSecretValue": _secret,
    "sns:GetTopicAttributes": _topic,
    "sns:Publish": _publish,
    "sns:PublishBatch": _publish,
    "sqs:DeleteMessage": _queue("sqs:DeleteMessage", ()),
    "sqs:DeleteMessageBatch": _queue("sqs:DeleteMessage", ()),
    "sqs:GetQueueAttributes": _queue("sqs:GetQueueAttributes", ()),
    "sqs:ReceiveMessage": _queue("sqs:ReceiveMessage", DECRYPTS),
    "sqs:SendMessage": _queue("sqs:SendMessage", BOTH),
    "sqs:SendMessageBatch": _queue("sqs:SendMessage", BOTH),
    "ssm:GetParameter": _parameters,
    "ssm:GetParameters": _parameters,
    "ssm:PutParameter": _parameters,
    "states:StartExecution": _by_arn("stateMachineArn"),
    "sts:AssumeRole": _by_arn("RoleArn"),
}
"""By service and operation, as botocore calls them. Sources: the service authorization reference,
and for keys the services' own pages on encryption (S3, SQS, SNS, Parameter Store)."""

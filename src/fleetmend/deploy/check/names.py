"""Rules on names, types and regions."""

import re
from collections.abc import Iterator, Mapping

from fleetmend.components.naming import Limit
from fleetmend.core.graph import Node
from fleetmend.deploy import tokens
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.view import PROVIDER, View

NAMES: Mapping[str, tuple[str, Limit]] = {
    "aws:autoscaling/group:Group": ("name", Limit.GROUP),
    "aws:backup/plan:Plan": ("name", Limit.BACKUP),
    "aws:backup/selection:Selection": ("name", Limit.BACKUP),
    "aws:backup/vault:Vault": ("name", Limit.BACKUP),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ("alarmName", Limit.GROUP),
    "aws:cloudwatch/dashboard:Dashboard": ("dashboardName", Limit.GROUP),
    "aws:cloudwatch/eventRule:EventRule": ("name", Limit.RULE),
    "aws:cloudwatch/logGroup:LogGroup": ("name", Limit.LOG_GROUP),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("name", Limit.GROUP),
    "aws:ec2/launchTemplate:LaunchTemplate": ("name", Limit.LAUNCH_TEMPLATE),
    "aws:ec2/securityGroup:SecurityGroup": ("name", Limit.GROUP),
    "aws:iam/instanceProfile:InstanceProfile": ("name", Limit.POLICY),
    "aws:iam/policy:Policy": ("name", Limit.POLICY),
    "aws:iam/role:Role": ("name", Limit.ROLE),
    "aws:iam/rolePolicy:RolePolicy": ("name", Limit.POLICY),
    "aws:kms/alias:Alias": ("name", Limit.TAG_VALUE),
    "aws:lambda/function:Function": ("name", Limit.FUNCTION),
    "aws:lb/loadBalancer:LoadBalancer": ("name", Limit.LOAD_BALANCER),
    "aws:lb/targetGroup:TargetGroup": ("name", Limit.TARGET_GROUP),
    "aws:s3/bucket:Bucket": ("bucket", Limit.BUCKET),
    "aws:scheduler/schedule:Schedule": ("name", Limit.RULE),
    "aws:scheduler/scheduleGroup:ScheduleGroup": ("name", Limit.RULE),
    "aws:sfn/stateMachine:StateMachine": ("name", Limit.STATE_MACHINE),
    "aws:sns/topic:Topic": ("name", Limit.TAG_VALUE),
    "aws:sqs/queue:Queue": ("name", Limit.QUEUE),
}
"""Which input is a resource's name, and the longest one its service takes."""

REPLACED: Mapping[str, str] = {
    "aws:ec2/launchConfiguration:LaunchConfiguration": "ec2.LaunchTemplate",
    "aws:s3/bucketAccelerateConfigurationV2:BucketAccelerateConfigurationV2": (
        "s3.BucketAccelerateConfiguration"
    ),
    "aws:s3/bucketAclV2:BucketAclV2": "s3.BucketAcl",
    "aws:s3/bucketCorsConfigurationV2:BucketCorsConfigurationV2": "s3.BucketCorsConfiguration",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": (
        "s3.BucketLifecycleConfiguration"
    ),
    "aws:s3/bucketLoggingV2:BucketLoggingV2": "s3.BucketLogging",
    "aws:s3/bucketObject:BucketObject": "s3.BucketObjectv2",
    "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2": (
        "s3.BucketObjectLockConfiguration"
    ),
    "aws:s3/bucketRequestPaymentConfigurationV2:BucketRequestPaymentConfigurationV2": (
        "s3.BucketRequestPaymentConfiguration"
    ),
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": (
        "s3.BucketServerSideEncryptionConfiguration"
    ),
    "aws:s3/bucketV2:BucketV2": "s3.Bucket",
    "aws:s3/bucketVersioningV2:BucketVersioningV2": "s3.BucketVersioning",
    "aws:s3/bucketWebsiteConfigurationV2:BucketWebsiteConfigurationV2": (
        "s3.BucketWebsiteConfiguration"
    ),
}
"""Types that pulumi-aws or AWS has replaced, and by what. A test compares it with the SDK."""

_REGION = re.compile(
    r"\b(?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov)?-"
    r"(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-\d[a-z]?\b"
)
_FREE_TEXT = ("tags", "tagsAll", "description", "userData", "code")
"""Inputs whose words are for people, or belong to the machine inside."""


@rule("name-too-long")
def too_long(view: View) -> Iterator[Fault]:
    """A name is longer than its service takes.

    It fails when it is applied, halfway through a deployment, and only where the suffix is long.

    Remedy: make names with `Naming.name`, which cuts with a stable hash.

    See: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
    """
    for kind, (name, limit) in NAMES.items():
        for node in view.of_type(kind):
            value = node.inputs.get(name)
            length = len(view.filled(value)) if isinstance(value, str) else 0
            if length > limit:
                yield Fault(node, f"{name} has {length} characters; {limit} fit", value)


@rule("name-deprecated-type")
def deprecated_type(view: View) -> Iterator[Fault]:
    """A resource type has been replaced.

    It will be removed with a later provider, and its replacement moves live data then.

    Remedy: use the type named in the message, with its separate resources for versioning,
    encryption and lifecycle.

    See: https://www.pulumi.com/registry/packages/aws/how-to-guides/7-0-migration/
    """
    for kind, instead in REPLACED.items():
        for node in view.of_type(kind):
            yield Fault(node, f"{kind} is deprecated; use {instead}")


@rule("name-region")
def region(view: View) -> Iterator[Fault]:
    """A region or an Availability Zone stands in the program.

    The same program in another region then makes half of itself, or grants on the wrong ARNs. What
    a provider of the program was given is not hard-coded.

    Remedy: take the region from the setting, zones from the region by index, and one provider per
    region.

    See: https://www.pulumi.com/registry/packages/aws/installation-configuration/
    """
    own = {
        str(node.inputs.get("region"))
        for node in view.graph.nodes
        if node.type == PROVIDER and node.inputs.get("region")
    }
    for node in view.nodes:
        if node.inputs.get("region"):
            yield Fault(node, "has a region of its own", node.inputs["region"])
        for path, text in _texts(node):
            found = [name for name in _REGION.findall(text) if name not in own]
            if found and path != "region":
                yield Fault(node, f"{path} names {', '.join(dict.fromkeys(found))}", text)
                break


def _texts(node: Node) -> Iterator[tuple[str, str]]:
    for name, value in node.inputs.items():
        if name in _FREE_TEXT:
            continue
        for path, text in tokens.strings({name: value}):
            yield path, "".join(p for p in tokens.split(text) if isinstance(p, str))

"""Which AWS resource a Pulumi type makes, and what its outputs are: ARNs, names or addresses.

A reviewed table of the types that stand in policies. A type that is not in it is not judged by
its ARN's shape, only by whether an output called `arn` was used.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A Pulumi type as IAM sees it.

    `service` and `resource` are the service authorization reference's words; `name` is the input
    that holds the resource's name in its ARN, empty where AWS makes the name up; `id` says what
    the output `id` holds: `name` (as in the ARN), `arn`, `url` or `other`.
    """

    service: str
    resource: str
    name: str = "name"
    id: str = "name"


KINDS: Mapping[str, Kind] = {
    "aws:athena/workgroup:Workgroup": Kind("athena", "workgroup"),
    "aws:autoscaling/group:Group": Kind("autoscaling", "autoScalingGroup"),
    "aws:autoscaling/policy:Policy": Kind("autoscaling", "autoScalingGroup", id="other"),
    "aws:backup/plan:Plan": Kind("backup", "backupPlan", name=""),
    "aws:backup/vault:Vault": Kind("backup", "backupVault"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Kind("cloudwatch", "alarm", "alarmName"),
    "aws:cloudwatch/dashboard:Dashboard": Kind("cloudwatch", "dashboard", "dashboardName"),
    "aws:cloudwatch/eventBus:EventBus": Kind("events", "event-bus"),
    "aws:cloudwatch/eventRule:EventRule": Kind("events", "rule-on-default-event-bus"),
    "aws:cloudwatch/logGroup:LogGroup": Kind("logs", "log-group"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind("cloudwatch", "alarm"),
    "aws:dynamodb/table:Table": Kind("dynamodb", "table"),
    "aws:ec2/eip:Eip": Kind("ec2", "elastic-ip", name=""),
    "aws:ec2/flowLog:FlowLog": Kind("ec2", "vpc-flow-log", name=""),
    "aws:ec2/instance:Instance": Kind("ec2", "instance", name=""),
    "aws:ec2/internetGateway:InternetGateway": Kind("ec2", "internet-gateway", name=""),
    "aws:ec2/launchTemplate:LaunchTemplate": Kind("ec2", "launch-template", name=""),
    "aws:ec2/natGateway:NatGateway": Kind("ec2", "natgateway", name=""),
    "aws:ec2/networkAcl:NetworkAcl": Kind("ec2", "network-acl", name=""),
    "aws:ec2/routeTable:RouteTable": Kind("ec2", "route-table", name=""),
    "aws:ec2/securityGroup:SecurityGroup": Kind("ec2", "security-group", name=""),
    "aws:ec2/subnet:Subnet": Kind("ec2", "subnet", name=""),
    "aws:ec2/vpc:Vpc": Kind("ec2", "vpc", name=""),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Kind("ec2", "vpc-endpoint", name=""),
    "aws:glue/catalogDatabase:CatalogDatabase": Kind("glue", "database", id="other"),
    "aws:iam/instanceProfile:InstanceProfile": Kind("iam", "instance-profile"),
    "aws:iam/policy:Policy": Kind("iam", "policy", id="arn"),
    "aws:iam/role:Role": Kind("iam", "role"),
    "aws:kms/alias:Alias": Kind("kms", "alias"),
    "aws:kms/key:Key": Kind("kms", "key", name=""),
    "aws:lambda/alias:Alias": Kind("lambda", "function alias", id="arn"),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind(
        "lambda", "eventSourceMapping", name="", id="other"
    ),
    "aws:lambda/function:Function": Kind("lambda", "function"),
    "aws:lb/listener:Listener": Kind("elasticloadbalancing", "listener/app", "", "arn"),
    "aws:lb/loadBalancer:LoadBalancer": Kind("elasticloadbalancing", "loadbalancer/app/", id="arn"),
    "aws:lb/targetGroup:TargetGroup": Kind("elasticloadbalancing", "targetgroup", id="arn"),
    "aws:s3/bucket:Bucket": Kind("s3", "bucket", "bucket"),
    "aws:s3/bucketV2:BucketV2": Kind("s3", "bucket", "bucket"),
    "aws:scheduler/schedule:Schedule": Kind("scheduler", "schedule", id="other"),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Kind("scheduler", "schedule-group"),
    "aws:secretsmanager/secret:Secret": Kind("secretsmanager", "Secret", id="arn"),
    "aws:sfn/stateMachine:StateMachine": Kind("states", "statemachine", id="arn"),
    "aws:sns/topic:Topic": Kind("sns", "topic", id="arn"),
    "aws:sns/topicSubscription:TopicSubscription": Kind("sns", "topic", "", "arn"),
    "aws:sqs/queue:Queue": Kind("sqs", "queue", id="url"),
    "aws:ssm/parameter:Parameter": Kind("ssm", "parameter"),
}
"""By Pulumi type token."""

ARN_OUTPUTS = frozenset({"arn", "qualifiedArn"})
"""Outputs that hold the ARN of the resource itself."""

NAME_OUTPUTS = frozenset({"name", "bucket", "functionName", "alarmName", "dashboardName"})
"""Outputs that hold the name as it stands in the ARN."""

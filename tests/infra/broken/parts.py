"""Sound pieces that the broken programs are made of."""

from typing import Any

import pulumi
import pulumi_aws as aws

REGION = "us-east-1"
ACCOUNT = "123456789012"


def own(**options: Any) -> pulumi.ResourceOptions:
    """Options with the one provider of the program."""
    return pulumi.ResourceOptions(provider=provider(), **options)


_providers: list[aws.Provider] = []


def provider() -> aws.Provider:
    """The program's provider; `start` makes a new one for each program."""
    return _providers[-1]


def start() -> None:
    """Begin a program: make its provider."""
    _providers[:] = [aws.Provider("aws", region=REGION)]


def tags(kind: str, name: str) -> dict[str, str]:
    return {
        "Project": "broken",
        "Application": "broken",
        "Environment": "test",
        "ManagedBy": "fleetmend",
        "ResourceType": kind,
        "Name": name,
    }


def document(*statements: dict[str, Any]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: list[str], resource: Any, condition: dict[str, Any] | None = None) -> dict:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def source() -> dict[str, Any]:
    return {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def trust(service: str, condition: dict[str, Any] | None = None) -> pulumi.Output[str]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return document(statement | ({"Condition": condition} if condition else {}))


def role(
    name: str, service: str = "lambda.amazonaws.com", condition: dict[str, Any] | None = None
) -> aws.iam.Role:
    return aws.iam.Role(
        name, assume_role_policy=trust(service, condition), tags=tags("role", name), opts=own()
    )


def grant(name: str, to: aws.iam.Role, *statements: dict[str, Any]) -> aws.iam.RolePolicy:
    return aws.iam.RolePolicy(name, role=to.name, policy=document(*statements), opts=own())


def key(name: str, *services: str) -> aws.kms.Key:
    """A rotated key; `services` may use it, each for this account only."""
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    uses = [
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": source(),
        }
        for service in services
    ]
    return aws.kms.Key(
        name,
        enable_key_rotation=True,
        policy=document(root, *uses),
        tags=tags("key", name),
        opts=own(),
    )


def topic(name: str = "alerts") -> aws.sns.Topic:
    its_key = key(f"{name}-key", "cloudwatch.amazonaws.com")
    return aws.sns.Topic(name, kms_master_key_id=its_key.id, tags=tags("topic", name), opts=own())


def alarm(
    name: str, to: pulumi.Input[str], namespace: str, metric: str, **dimensions: Any
) -> aws.cloudwatch.MetricAlarm:
    return aws.cloudwatch.MetricAlarm(
        name,
        namespace=namespace,
        metric_name=metric,
        dimensions=dimensions,
        statistic="Sum",
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1,
        period=60,
        evaluation_periods=5,
        treat_missing_data="notBreaching",
        alarm_actions=[to],
        tags=tags("alarm", name),
        opts=own(),
    )


def queue(name: str, **settings: Any) -> aws.sqs.Queue:
    return aws.sqs.Queue(
        name, sqs_managed_sse_enabled=True, tags=tags("queue", name), opts=own(), **settings
    )


def dead_letters(name: str, to: aws.sns.Topic) -> aws.sqs.Queue:
    """A queue for dead letters with its alarm."""
    made = queue(name)
    alarm(
        f"{name}-alarm",
        to.arn,
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        QueueName=made.name,
    )
    return made


def log_group(name: str, **settings: Any) -> aws.cloudwatch.LogGroup:
    given = {"retention_in_days": 14, **settings}
    return aws.cloudwatch.LogGroup(name, tags=tags("log-group", name), opts=own(), **given)


def function(
    name: str,
    to: aws.sns.Topic,
    *statements: dict[str, Any],
    waits: bool = True,
    logs: bool = True,
    alarms: tuple[str, ...] = ("Errors", "Throttles", "Duration"),
    environment: dict[str, Any] | None = None,
) -> aws.lambda_.Function:
    """A function with role, policy, log group and alarms."""
    runs_as = role(f"{name}-role")
    group = log_group(f"{name}-logs")
    streams = pulumi.Output.concat(group.arn, ":log-stream:*")
    writes = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [streams])
    policy = grant(f"{name}-policy", runs_as, writes, *statements)
    before = [group, policy] if waits else [group]
    made = aws.lambda_.Function(
        name,
        role=runs_as.arn,
        runtime="python3.13",
        handler="worker.handler",
        code=pulumi.AssetArchive({"a.py": pulumi.StringAsset("")}),
        timeout=60,
        publish=True,
        environment={"variables": environment} if environment else None,
        logging_config={"log_format": "Text", "log_group": group.name} if logs else None,
        tags=tags("function", name),
        opts=own(depends_on=before),
    )
    for metric in alarms:
        alarm(f"{name}-{metric.lower()}", to.arn, "AWS/Lambda", metric, FunctionName=made.name)
    return made


def alias(of: aws.lambda_.Function) -> aws.lambda_.Alias:
    return aws.lambda_.Alias(
        "live", name="live", function_name=of.name, function_version=of.version, opts=own()
    )


def bucket(name: str, *, guarded: bool = True, **leave_out: bool) -> aws.s3.Bucket:
    """A private bucket; `versioning=False`, `encryption=False`, `blocked=False` leave that out."""
    made = aws.s3.Bucket(name, tags=tags("bucket", name), opts=own())
    if leave_out.get("versioning", True):
        aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=made.id,
            versioning_configuration={"status": "Enabled"},
            opts=own(),
        )
    if leave_out.get("encryption", True):
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=made.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}}],
            opts=own(),
        )
    if leave_out.get("blocked", True):
        aws.s3.BucketPublicAccessBlock(
            f"{name}-block",
            bucket=made.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=own(),
        )
    if guarded:
        aws.s3.BucketPolicy(
            f"{name}-policy", bucket=made.id, policy=document(tls_only(made)), opts=own()
        )
    return made


def tls_only(of: aws.s3.Bucket) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [of.arn, pulumi.Output.concat(of.arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


class Net:
    """A VPC over two zones with a NAT gateway in each."""

    def __init__(self, *, nats: int = 2) -> None:
        zones = aws.get_availability_zones(
            state="available", opts=pulumi.InvokeOptions(provider=provider())
        )
        self.vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags=tags("vpc", "vpc"), opts=own())
        logs = log_group("flow-logs")
        aws.ec2.FlowLog(
            "flow-log",
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            log_destination=logs.arn,
            iam_role_arn=role("flow-role", "vpc-flow-logs.amazonaws.com", source()).arn,
            tags=tags("flow-log", "flow-log"),
            opts=own(),
        )
        gateway = aws.ec2.InternetGateway(
            "gateway", vpc_id=self.vpc.id, tags=tags("gateway", "gateway"), opts=own()
        )
        self.public = [
            self._subnet("public", n, f"10.0.{n}.0/24", zones.names[n]) for n in range(2)
        ]
        self.private = [
            self._subnet("private", n, f"10.0.{10 + n}.0/24", zones.names[n]) for n in range(2)
        ]
        for subnet, n in zip(self.public, range(2), strict=True):
            self._route(f"public-{n}", subnet, gateway_id=gateway.id)
        gateways = [self._nat(n) for n in range(nats)]
        for subnet, n in zip(self.private, range(2), strict=True):
            self._route(f"private-{n}", subnet, nat_gateway_id=gateways[n % nats].id)

    def _subnet(self, kind: str, n: int, cidr: str, zone: str) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{kind}-{n}",
            vpc_id=self.vpc.id,
            cidr_block=cidr,
            availability_zone=zone,
            tags=tags("subnet", f"{kind}-{n}"),
            opts=own(),
        )

    def _nat(self, n: int) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(f"eip-{n}", domain="vpc", tags=tags("eip", f"{n}"), opts=own())
        return aws.ec2.NatGateway(
            f"nat-{n}",
            subnet_id=self.public[n].id,
            allocation_id=address.id,
            tags=tags("nat", f"nat-{n}"),
            opts=own(),
        )

    def _route(self, name: str, subnet: aws.ec2.Subnet, **to: Any) -> None:
        table = aws.ec2.RouteTable(
            f"{name}-table", vpc_id=self.vpc.id, tags=tags("table", name), opts=own()
        )
        aws.ec2.Route(
            f"{name}-route",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            opts=own(),
            **to,
        )
        aws.ec2.RouteTableAssociation(
            f"{name}-association", route_table_id=table.id, subnet_id=subnet.id, opts=own()
        )


def template(**settings: Any) -> aws.ec2.LaunchTemplate:
    given = {
        "metadata_options": {"http_tokens": "required", "http_endpoint": "enabled"},
        "block_device_mappings": [
            {"device_name": "/dev/xvda", "ebs": {"encrypted": "true", "volume_type": "gp3"}}
        ],
        "tag_specifications": [
            {"resource_type": kind, "tags": tags(kind, kind)} for kind in ("instance", "volume")
        ],
        **settings,
    }
    return aws.ec2.LaunchTemplate("template", tags=tags("template", "t"), opts=own(), **given)


def group(
    subnets: list[aws.ec2.Subnet], *, propagate: bool = True, **settings: Any
) -> aws.autoscaling.Group:
    return aws.autoscaling.Group(
        "group",
        min_size=1,
        max_size=2,
        vpc_zone_identifiers=[subnet.id for subnet in subnets],
        launch_template={"id": template(**settings).id, "version": "$Latest"},
        tags=[
            {"key": k, "value": v, "propagate_at_launch": propagate or k in tags("", "")}
            for k, v in {**tags("instance", "group"), "Auto-Recover": "true"}.items()
        ],
        opts=own(),
    )

"""The optional balancer: HTTPS in front of the group."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.access import SecurityGroup, awaited
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit
from fleetmend.core.acl import HTTPS

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy only (Elastic Load Balancing, "Security policies")."""

IDLE_SECONDS = 60
DRAIN_SECONDS = 60


class BalancerArgs(TypedDict):
    """What `Balancer` needs to know."""

    installation: InstallationArgs
    """Whose balancer it is."""
    vpc_id: pulumi.Input[str]
    """The VPC."""
    subnet_ids: pulumi.Input[list[str]]
    """Public subnets for a public balancer, private ones for an internal; one per zone."""
    certificate_arn: pulumi.Input[str]
    """An ACM certificate of this region."""
    log_bucket: pulumi.Input[str]
    """The bucket for access logs; encrypted with SSE-S3, because balancers cannot write to KMS."""
    log_prefix: NotRequired[str]
    """Where in it; `balancer` where it is left out."""
    public: NotRequired[bool]
    """Reached from the internet; internal where it is left out."""
    authorized_ip_ranges: NotRequired[list[str]]
    """Who may connect; 10.0.0.0/8 where it is left out."""
    application_port: NotRequired[int]
    """The TCP port of the instances; 443 where it is left out."""
    application_protocol: NotRequired[str]
    """`HTTPS` (where it is left out) or `HTTP`."""
    health_check_path: NotRequired[str]
    """What is asked for to see whether an instance serves; `/` where it is left out."""
    deletion_protection: NotRequired[bool]
    """Refuse to delete it; on where it is left out."""


class Balancer(pulumi.ComponentResource):
    """An application load balancer that speaks TLS 1.2 and later, and nothing on port 80.

    It refuses requests with malformed headers, logs every request, and is protected from
    deletion: switch `deletion_protection` off and apply before destroying it. Hand
    `security_group_id` and `target_group_arn` to `Compute`, and let it wait for the log bucket's
    policy with `opts=ResourceOptions(depends_on=[storage])`.

    Example:
        balancer = Balancer("balancer", {"installation": me, "vpc_id": network.vpc_id,
                                         "subnet_ids": network.private_subnet_ids,
                                         "certificate_arn": certificate, "log_bucket": logs})
    """

    dns_name: pulumi.Output[str]
    """Its DNS name: point your own at it."""
    arn: pulumi.Output[str]
    """Its ARN."""
    listener_arn: pulumi.Output[str]
    """The HTTPS listener's ARN."""
    target_group_arn: pulumi.Output[str]
    """The target group that instances are registered with."""
    security_group_id: pulumi.Output[str]
    """Its security group."""

    def __init__(
        self, name: str, args: BalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Balancer", name, {}, opts)
        self._name = name
        self._args = args
        self._names = naming(args["installation"])
        self._tags = tagging(args["installation"])
        self._child = pulumi.ResourceOptions(parent=self)
        access = SecurityGroup(
            f"{name}-security-group",
            "balancer",
            "Clients to the balancer, and the balancer to instances",
            args["vpc_id"],
            args["installation"],
            self,
        )
        ranges = args.get("authorized_ip_ranges", ["10.0.0.0/8"])
        access.admit_ranges(ranges, HTTPS, "Authorised clients")
        # Its first act is to try its log bucket: the bucket's policy has to be there.
        ready = pulumi.ResourceOptions(parent=self, depends_on=awaited(opts))
        balancer = self._balancer(access.group.id, ready)
        target = self._target_group()
        listener = self._listener(balancer, target)
        self.dns_name = balancer.dns_name
        self.arn = balancer.arn
        self.listener_arn = listener.arn
        self.target_group_arn = target.arn
        self.security_group_id = access.group.id
        self.register_outputs({"dnsName": self.dns_name, "targetGroupArn": self.target_group_arn})

    def _balancer(
        self, group_id: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> aws.lb.LoadBalancer:
        public = bool(self._args.get("public", False))
        # A balancer cannot change sides; its successor stands beside it for a while, so the two
        # must not share a name.
        called = self._names.name("public" if public else "private", limit=Limit.LOAD_BALANCER)
        return aws.lb.LoadBalancer(
            f"{self._name}-balancer",
            name=called,
            load_balancer_type="application",
            internal=not public,
            subnets=self._args["subnet_ids"],
            security_groups=[group_id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            idle_timeout=IDLE_SECONDS,
            enable_deletion_protection=bool(self._args.get("deletion_protection", True)),
            access_logs={
                "bucket": self._args["log_bucket"],
                "prefix": self._args.get("log_prefix", "balancer"),
                "enabled": True,
            },
            tags=self._tags.tags("load-balancer", called),
            opts=opts,
        )

    def _target_group(self) -> aws.lb.TargetGroup:
        port = int(self._args.get("application_port", HTTPS))
        protocol = self._args.get("application_protocol", "HTTPS")
        # Port and protocol cannot be changed in place: the name says them, for the same reason.
        kind = f"{protocol.lower()}-{port}"
        called = self._names.name(kind, limit=Limit.TARGET_GROUP)
        return aws.lb.TargetGroup(
            f"{self._name}-targets",
            name=called,
            vpc_id=self._args["vpc_id"],
            port=port,
            protocol=protocol,
            target_type="instance",
            deregistration_delay=DRAIN_SECONDS,
            health_check={
                "path": self._args.get("health_check_path", "/"),
                "protocol": protocol,
                "port": "traffic-port",
                "interval": 15,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
                "matcher": "200-399",
            },
            tags=self._tags.tags("target-group", called),
            opts=self._child,
        )

    def _listener(
        self, balancer: aws.lb.LoadBalancer, target: aws.lb.TargetGroup
    ) -> aws.lb.Listener:
        return aws.lb.Listener(
            f"{self._name}-listener",
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._args["certificate_arn"],
            default_actions=[{"type": "forward", "target_group_arn": target.arn}],
            tags=self._tags.tags("listener", self._names.name("listener", limit=Limit.TAG_VALUE)),
            opts=self._child,
        )

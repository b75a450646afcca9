"""The network: a VPC over several zones with nothing open by default, or one that exists."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.endpoints import (
    AGENT_SERVICES,
    EndpointPlan,
    gateway_endpoint,
    interface_endpoints,
)
from fleetmend.components.flow_logs import FlowLogPlan, flow_log
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.nat import nat_alarms, nat_gateways
from fleetmend.components.network_acls import network_acl
from fleetmend.components.settings_types import NatMode
from fleetmend.core import acl, network_plan

ANYWHERE = "0.0.0.0/0"


class ExistingNetworkArgs(TypedDict):
    """A VPC that is there already."""

    vpc_id: pulumi.Input[str]
    """Its id."""
    private_subnet_ids: list[pulumi.Input[str]]
    """Its private subnets, one per zone."""
    public_subnet_ids: NotRequired[list[pulumi.Input[str]]]
    """Its public subnets, one per zone; needed only for a balancer that is reached publicly."""


class NetworkArgs(TypedDict):
    """What `Network` needs to know. All but the first two may be left out."""

    installation: InstallationArgs
    """Whose network it is."""
    account_id: pulumi.Input[str]
    """The account, for the flow logs' role."""
    existing: NotRequired[ExistingNetworkArgs]
    """Use this VPC and make none; everything below is then without effect."""
    vpc_cidr: NotRequired[str]
    """The VPC's block, a private one from /16 to /23; 10.0.0.0/16 where it is left out."""
    zone_count: NotRequired[int]
    """Availability Zones to spread over, up to 3; 2 where it is left out."""
    nat_gateways: NotRequired[str]
    """`per-zone` (where it is left out), `single` or `none`."""
    interface_endpoints: NotRequired[bool]
    """Interface endpoints for what the agents speak to; made where it is left out."""
    extra_endpoints: NotRequired[list[str]]
    """Further services with an interface endpoint, such as `kms` or `secretsmanager`."""
    authorized_ip_ranges: NotRequired[list[str]]
    """Who may reach the application; 10.0.0.0/8 where it is left out."""
    application_port: NotRequired[int]
    """The TCP port that the application listens on; 443 where it is left out."""
    egress_ports: NotRequired[list[int]]
    """TCP ports that instances connect to outside; 443 where it is left out."""
    balancer: NotRequired[str]
    """Where clients find the application: `none` (where it is left out), `internal`, `public`."""
    flow_log_retention_days: NotRequired[int]
    """How long flow logs are kept; 14 where it is left out."""
    key_arn: NotRequired[pulumi.Input[str]]
    """A KMS key that encrypts the flow logs; its policy must admit `flow_log_group`."""
    topic_arn: NotRequired[pulumi.Input[str]]
    """Who is told when a NAT gateway runs out of ports; without it there is no such alarm."""
    nat_port_errors_threshold: NotRequired[int]
    """Port allocation errors in five minutes that raise the alarm; 1 where it is left out."""


class Network(pulumi.ComponentResource):
    """A VPC with a public and a private subnet in each zone, or an existing one by its ids.

    Subnets are computed from the block (`core.network_plan`) and stay where they are when a zone
    is added. Private subnets have a route table per zone, through their own zone's NAT gateway,
    and VPC endpoints, so that instances can be managed without NAT too. Network ACLs let through
    what `core.flows` walks and nothing else. The VPC's default security group is emptied.

    Zones come from the region; Local and Wavelength Zones are left out. That the region has as
    many as asked for is checked before a deployment, not here: the program must not depend on it.

    Example:
        network = Network("network", {"installation": me, "account_id": account, "zone_count": 3})
    """

    vpc_id: pulumi.Output[str]
    """The VPC's id."""
    vpc_cidr: pulumi.Output[str]
    """Its block."""
    public_subnet_ids: pulumi.Output[list[str]]
    """The public subnets, one per zone, in the order of the zones."""
    private_subnet_ids: pulumi.Output[list[str]]
    """The private subnets, one per zone, in the order of the zones."""
    gateway_id: pulumi.Output[str | None]
    """The internet gateway; nothing where the VPC existed."""
    nat_gateway_ids: pulumi.Output[list[str]]
    """The NAT gateways; none where the VPC existed or there are none."""
    public_route_table_ids: pulumi.Output[list[str]]
    """The public subnets' route table."""
    private_route_table_ids: pulumi.Output[list[str]]
    """The private subnets' route tables, one per zone."""
    endpoint_ids: pulumi.Output[dict[str, str]]
    """The VPC endpoints by service, such as `s3` or `ssm`."""
    endpoint_security_group_id: pulumi.Output[str | None]
    """The interface endpoints' security group."""
    public_acl_id: pulumi.Output[str | None]
    """The public subnets' network ACL."""
    private_acl_id: pulumi.Output[str | None]
    """The private subnets' network ACL."""
    flow_log_id: pulumi.Output[str | None]
    """The flow log."""
    flow_log_group_name: pulumi.Output[str | None]
    """Its log group."""
    alarm_arns: pulumi.Output[list[str]]
    """The NAT gateways' alarms."""

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Network", name, {}, opts)
        self._name = name
        self._args = args
        self._names = naming(args["installation"])
        self._tags = tagging(args["installation"])
        self._child = pulumi.ResourceOptions(parent=self)
        existing = args.get("existing")
        if existing is None:
            self._make()
        else:
            self._adopt(existing)
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "publicSubnetIds": self.public_subnet_ids,
                "privateSubnetIds": self.private_subnet_ids,
            }
        )

    def _adopt(self, existing: ExistingNetworkArgs) -> None:
        invoke = pulumi.InvokeOutputOptions(parent=self)
        vpc = aws.ec2.get_vpc_output(id=existing["vpc_id"], opts=invoke)
        self.vpc_id = vpc.id
        self.vpc_cidr = vpc.cidr_block
        self.private_subnet_ids = pulumi.Output.all(*existing["private_subnet_ids"])
        self.public_subnet_ids = pulumi.Output.all(*existing.get("public_subnet_ids", []))
        nothing: pulumi.Output[str | None] = pulumi.Output.from_input(None)
        none: pulumi.Output[list[str]] = pulumi.Output.from_input([])
        self.gateway_id = self.endpoint_security_group_id = nothing
        self.public_acl_id = self.private_acl_id = nothing
        self.flow_log_id = self.flow_log_group_name = nothing
        self.nat_gateway_ids = self.alarm_arns = none
        self.public_route_table_ids = self.private_route_table_ids = none
        self.endpoint_ids = pulumi.Output.from_input({})

    def _make(self) -> None:
        zones = int(self._args.get("zone_count", 2))
        plan = network_plan.plan(self._args.get("vpc_cidr", "10.0.0.0/16"), zones)
        vpc = self._vpc(plan)
        public, private = self._subnets(vpc, plan)
        nats = self._routes(vpc, public, private)
        self._acls(vpc, plan, public, private)
        self._endpoints(vpc, plan, private)
        self._flow_log(vpc)
        self._alarms(nats)
        self.vpc_id = vpc.id
        self.vpc_cidr = vpc.cidr_block
        self.public_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in public))
        self.private_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in private))

    def _tagged(self, kind: str, n: int | None = None) -> dict[str, str]:
        return self._tags.tags(kind, self._names.name(kind, n, limit=256))

    def _vpc(self, plan: network_plan.NetworkPlan) -> aws.ec2.Vpc:
        vpc = aws.ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=str(plan.block),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tagged("vpc"),
            opts=self._child,
        )
        # Whatever is launched without a group of its own lands in this one: it lets nothing
        # through, in or out.
        aws.ec2.DefaultSecurityGroup(
            f"{self._name}-default-security-group",
            vpc_id=vpc.id,
            tags=self._tagged("default-security-group"),
            opts=self._child,
        )
        return vpc

    def _subnets(
        self, vpc: aws.ec2.Vpc, plan: network_plan.NetworkPlan
    ) -> tuple[list[aws.ec2.Subnet], list[aws.ec2.Subnet]]:
        answer = aws.get_availability_zones_output(
            state="available",
            filters=[{"name": "zone-type", "values": ["availability-zone"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        wanted, region = len(plan.zones), self._names.region
        # It refuses or changes nothing: no resource depends on how many zones there are.
        names = answer.names.apply(lambda found: enough_zones(found, wanted, region))

        def subnet(kind: str, index: int, block: IPv4Network) -> aws.ec2.Subnet:
            return aws.ec2.Subnet(
                f"{self._name}-{kind}-{index}",
                vpc_id=vpc.id,
                availability_zone=names[index],
                cidr_block=str(block),
                map_public_ip_on_launch=False,
                tags=self._tagged(f"{kind}-subnet", index),
                opts=self._child,
            )

        public = [subnet("public", zone.index, zone.public) for zone in plan.zones]
        private = [subnet("private", zone.index, zone.private) for zone in plan.zones]
        return public, private

    def _routes(
        self, vpc: aws.ec2.Vpc, public: list[aws.ec2.Subnet], private: list[aws.ec2.Subnet]
    ) -> list[aws.ec2.NatGateway]:
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-gateway", vpc_id=vpc.id, tags=self._tagged("gateway"), opts=self._child
        )
        self.gateway_id = _maybe(gateway.id)
        table = self._route_table("public", vpc, None, public)
        aws.ec2.Route(
            f"{self._name}-public-route",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )
        mode = NatMode(self._args.get("nat_gateways", NatMode.PER_ZONE))
        homes = {NatMode.PER_ZONE: public, NatMode.SINGLE: public[:1], NatMode.NONE: []}[mode]
        nats = nat_gateways(self._name, self._args["installation"], homes, gateway, self)
        tables = [
            self._route_table("private", vpc, index, [subnet])
            for index, subnet in enumerate(private)
        ]
        for index, private_table in enumerate(tables if nats else []):
            aws.ec2.Route(
                f"{self._name}-private-route-{index}",
                route_table_id=private_table.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=nats[min(index, len(nats) - 1)].id,
                opts=self._child,
            )
        self._private_tables = tables
        self.nat_gateway_ids = pulumi.Output.all(*(nat.id for nat in nats))
        self.public_route_table_ids = pulumi.Output.all(table.id)
        self.private_route_table_ids = pulumi.Output.all(*(t.id for t in tables))
        return nats

    def _route_table(
        self, kind: str, vpc: aws.ec2.Vpc, n: int | None, subnets: list[aws.ec2.Subnet]
    ) -> aws.ec2.RouteTable:
        place = "" if n is None else f"-{n}"
        table = aws.ec2.RouteTable(
            f"{self._name}-{kind}-routes{place}",
            vpc_id=vpc.id,
            tags=self._tagged(f"{kind}-routes", n),
            opts=self._child,
        )
        for index, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{kind}-routes-association-{index if n is None else n}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self._child,
            )
        return table

    def _acls(
        self,
        vpc: aws.ec2.Vpc,
        plan: network_plan.NetworkPlan,
        public: list[aws.ec2.Subnet],
        private: list[aws.ec2.Subnet],
    ) -> None:
        needs = acl.Needs(
            block=plan.block,
            authorized=tuple(
                IPv4Network(text) for text in self._args.get("authorized_ip_ranges", ["10.0.0.0/8"])
            ),
            application_port=int(self._args.get("application_port", acl.HTTPS)),
            egress_ports=tuple(int(p) for p in self._args.get("egress_ports", [acl.HTTPS])),
            balancer=acl.Balancer(self._args.get("balancer", acl.Balancer.NONE)),
        )
        kinds = (
            ("public", acl.public_rules(needs), public),
            ("private", acl.private_rules(needs), private),
        )
        made = [
            network_acl(
                f"{self._name}-{kind}-acl",
                vpc.id,
                rules,
                subnets,
                self._tagged(f"{kind}-acl"),
                self,
            )
            for kind, rules, subnets in kinds
        ]
        self.public_acl_id, self.private_acl_id = (_maybe(one.id) for one in made)

    def _endpoints(
        self, vpc: aws.ec2.Vpc, plan: network_plan.NetworkPlan, private: list[aws.ec2.Subnet]
    ) -> None:
        where = EndpointPlan(
            self._args["installation"],
            vpc.id,
            str(plan.block),
            [subnet.id for subnet in private],
            [table.id for table in self._private_tables],
        )
        made = {"s3": gateway_endpoint(f"{self._name}-s3-endpoint", where, "s3", self)}
        agents = AGENT_SERVICES if self._args.get("interface_endpoints", True) else ()
        extra = [one for one in self._args.get("extra_endpoints", []) if one not in {*agents, "s3"}]
        services = [*agents, *extra]
        self.endpoint_security_group_id = _maybe(None)
        if services:
            group, interfaces = interface_endpoints(f"{self._name}-endpoint", where, services, self)
            made |= interfaces
            self.endpoint_security_group_id = _maybe(group.id)
        self.endpoint_ids = pulumi.Output.all(**{s: one.id for s, one in made.items()})

    def _flow_log(self, vpc: aws.ec2.Vpc) -> None:
        plan = FlowLogPlan(
            self._args["installation"],
            self._args["account_id"],
            vpc.id,
            int(self._args.get("flow_log_retention_days", 14)),
            self._args.get("key_arn"),
        )
        group, made = flow_log(f"{self._name}-flow-log", plan, self)
        self.flow_log_group_name = _maybe(group.name)
        self.flow_log_id = _maybe(made.id)

    def _alarms(self, nats: list[aws.ec2.NatGateway]) -> None:
        topic = self._args.get("topic_arn")
        threshold = int(self._args.get("nat_port_errors_threshold", 1))
        made = (
            nat_alarms(self._name, self._args["installation"], nats, threshold, topic, self)
            if topic is not None
            else []
        )
        self.alarm_arns = pulumi.Output.all(*(alarm.arn for alarm in made))


class ZonesMissing(ValueError):
    """The region has fewer Availability Zones than asked for."""


def enough_zones(found: Sequence[str], wanted: int, region: str) -> Sequence[str]:
    """The zones as they were found, where they are enough.

    Raises:
        ZonesMissing: They are not.
    """
    if len(found) < wanted:
        there = ", ".join(found) or "none"
        raise ZonesMissing(
            f"{wanted} Availability Zones are asked for (zoneCount), and this account can use "
            f"fewer in {region}: {there}"
        )
    return found


def _maybe(value: pulumi.Input[str] | None) -> pulumi.Output[str | None]:
    return pulumi.Output.from_input(value)

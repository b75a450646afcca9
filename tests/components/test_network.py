"""The network: what stands where, what stays where it is, and what gets through."""

import json
from functools import cache
from ipaddress import IPv4Network
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.component import ComponentProvider

from fleetmend.components.endpoints import AGENT_SERVICES
from fleetmend.components.network import Network, NetworkArgs
from fleetmend.core.acl import AclRule, Balancer, Needs, Protocol
from fleetmend.core.flows import Subnet, Topology, broken
from fleetmend.core.graph import Graph, Node
from fleetmend.core.network_plan import plan
from tests.components.graphs import (
    ACCOUNT,
    ME,
    REGION,
    astray,
    badly_tagged,
    graph,
    made,
    names,
    one,
    statements,
)
from tests.components.iam_rules import faults

SUBNET = "aws:ec2/subnet:Subnet"
NAT = "aws:ec2/natGateway:NatGateway"
ROUTE = "aws:ec2/route:Route"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
RULE = "aws:ec2/networkAclRule:NetworkAclRule"
ASSOCIATION = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


def network(**more: Any) -> Graph:
    return _network(json.dumps(more))


@cache
def _network(more: str) -> Graph:
    args: Any = {"installation": ME, "account_id": ACCOUNT, **json.loads(more)}

    def program(opts: pulumi.ResourceOptions) -> None:
        Network("net", args, opts)

    return graph(program)


def test_each_zone_has_a_public_and_a_private_subnet_as_planned() -> None:
    found = network(zone_count=3)
    for zone in plan("10.0.0.0/16", 3).zones:
        for kind, block in (("public", zone.public), ("private", zone.private)):
            subnet = one(found, SUBNET, f"{kind}-{zone.index}")
            assert subnet.inputs["cidrBlock"] == str(block)
            assert subnet.inputs["availabilityZone"].endswith(f"names[{zone.index}]>>")
            assert subnet.inputs["mapPublicIpOnLaunch"] is False
    assert len(found.of_type(SUBNET)) == 6


def test_zones_come_from_the_region_without_local_ones() -> None:
    (zones,) = [item for item in network().invokes if "getAvailabilityZones" in item.type]
    assert zones.inputs["filters"] == [{"name": "zone-type", "values": ["availability-zone"]}]
    assert zones.provider.endswith("::explicit")


def test_the_vpc_resolves_names_and_its_default_group_is_empty() -> None:
    found = network()
    vpc = one(found, "aws:ec2/vpc:Vpc").inputs
    assert vpc["enableDnsSupport"] is True
    assert vpc["enableDnsHostnames"] is True
    default = one(found, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert not default.get("ingress")
    assert not default.get("egress")


def private_routes(found: Graph) -> dict[str, str]:
    """Which NAT gateway each private route table uses, by their resource names."""
    routes = [node for node in found.of_type(ROUTE) if "private" in node.name]
    return {
        _named(node.inputs["routeTableId"]): _named(node.inputs["natGatewayId"]) for node in routes
    }


def _named(token: str) -> str:
    return token.rpartition("::")[2].partition("|")[0]


def test_each_zone_goes_out_through_its_own_nat() -> None:
    found = network(zone_count=3)
    assert private_routes(found) == {f"net-private-routes-{n}": f"net-nat-{n}" for n in range(3)}
    for n in range(3):
        subnet = one(found, NAT, f"-{n}").inputs["subnetId"]
        assert _named(subnet) == f"net-public-{n}"


def test_a_single_nat_serves_all_zones() -> None:
    found = network(nat_gateways="single")
    assert names(found, NAT) == ["net-nat-0"]
    assert set(private_routes(found).values()) == {"net-nat-0"}


def test_without_nat_there_is_no_route_out_and_the_agents_have_endpoints() -> None:
    found = network(nat_gateways="none")
    assert not found.of_type(NAT)
    assert not found.of_type("aws:ec2/eip:Eip")
    assert not private_routes(found)
    services = {node.inputs["serviceName"] for node in found.of_type(ENDPOINT)}
    assert services == {f"com.amazonaws.{REGION}.{s}" for s in (*AGENT_SERVICES, "s3")}


def test_adding_a_zone_changes_nothing_that_stands() -> None:
    kinds = (SUBNET, NAT, ROUTE, "aws:ec2/eip:Eip", "aws:ec2/routeTable:RouteTable", ASSOCIATION)
    two, three = network(zone_count=2), network(zone_count=3)
    for kind in kinds:
        later = {node.name: node for node in three.of_type(kind)}
        for node in two.of_type(kind):
            assert dict(later[node.name].inputs) == dict(node.inputs), node.name
        assert len(later) > len(two.of_type(kind)) or kind == ROUTE


def test_endpoints_stand_in_all_private_subnets_and_s3_in_all_their_tables() -> None:
    found = network(extra_endpoints=["kms", "ssm"])
    s3 = one(found, ENDPOINT, "s3-endpoint").inputs
    assert s3["vpcEndpointType"] == "Gateway"
    assert [_named(t) for t in s3["routeTableIds"]] == [
        "net-private-routes-0",
        "net-private-routes-1",
    ]
    interfaces = [node for node in found.of_type(ENDPOINT) if node.name != "net-s3-endpoint"]
    assert len(interfaces) == len(AGENT_SERVICES) + 1
    for node in interfaces:
        assert node.inputs["privateDnsEnabled"] is True
        assert [_named(s) for s in node.inputs["subnetIds"]] == ["net-private-0", "net-private-1"]
    (rule,) = found.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (443, 443)
    assert rule.inputs["cidrIpv4"] == "10.0.0.0/16"


def rules(found: Graph, kind: str) -> tuple[AclRule, ...]:
    """The rules of an ACL, read back from what was declared."""
    return tuple(
        AclRule(
            node.inputs["ruleNumber"],
            node.inputs["egress"],
            Protocol(node.inputs["protocol"]),
            IPv4Network(node.inputs["cidrBlock"]),
            _ports(node),
            node.inputs["ruleAction"] == "allow",
        )
        for node in found.of_type(RULE)
        if kind in node.name
    )


def _ports(node: Node) -> tuple[int, int]:
    keys = ("icmpType", "icmpCode") if node.inputs["protocol"] == "icmp" else ("fromPort", "toPort")
    return node.inputs[keys[0]], node.inputs[keys[1]]


@pytest.mark.parametrize("balancer", list(Balancer))
def test_declared_acls_let_every_flow_through(balancer: Balancer) -> None:
    ranges = ["10.0.0.0/8", "198.51.100.0/24"]
    found = network(
        authorized_ip_ranges=ranges, application_port=843, egress_ports=[5432], balancer=balancer
    )
    zones = plan("10.0.0.0/16", 2)
    needs = Needs(zones.block, tuple(map(IPv4Network, ranges)), 843, (5432,), balancer)
    world = Topology(
        needs,
        tuple(Subnet(f"public-{z.index}", z.public, rules(found, "public")) for z in zones.zones),
        tuple(
            Subnet(f"private-{z.index}", z.private, rules(found, "private")) for z in zones.zones
        ),
    )
    assert broken(world) == []


def test_no_subnet_is_put_behind_an_acl_before_its_rules() -> None:
    found = network()
    for node in found.of_type(ASSOCIATION):
        kind = "public" if "public" in node.name else "private"
        needed = {rule.urn for rule in found.of_type(RULE) if kind in rule.name}
        assert needed <= set(node.dependencies), node.name
    covered = {_named(node.inputs["subnetId"]) for node in found.of_type(ASSOCIATION)}
    assert covered == set(names(found, SUBNET))


def test_flow_logs_take_all_traffic_and_are_kept_encrypted() -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
    found = network(key_arn=key, flow_log_retention_days=30)
    log = one(found, "aws:ec2/flowLog:FlowLog")
    assert log.inputs["trafficType"] == "ALL"
    group = one(found, "aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["name"] == "/aws/vpc/flowlogs/fleetmend-dev"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (30, key)
    policy = one(found, "aws:iam/rolePolicy:RolePolicy")
    assert policy.urn in log.dependencies


def test_only_this_accounts_flow_logs_may_take_the_role() -> None:
    role = one(network(), "aws:iam/role:Role")
    (trust,) = statements(role.inputs["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    (source,) = trust["Condition"]["ArnLike"]["aws:SourceArn"]
    assert source == f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"


def test_the_flow_logs_role_is_least() -> None:
    policy = one(network(), "aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/vpc/flowlogs/fleetmend-dev"
    token = next(part for part in json.dumps(policy).split('\\"') if part.startswith("<<TF:"))
    resolved = policy.replace(token.partition(">>")[0] + ">>", group)
    assert [fault for item in statements(resolved) for fault in faults(item)] == []
    assert "CreateLogGroup" not in resolved


def test_each_nat_has_an_alarm_where_there_is_somebody_to_tell() -> None:
    found = network(topic_arn=TOPIC, nat_port_errors_threshold=3)
    alarms = found.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert [_named(a.inputs["dimensions"]["NatGatewayId"]) for a in alarms] == [
        "net-nat-0",
        "net-nat-1",
    ]
    assert all(a.inputs["metricName"] == "ErrorPortAllocation" for a in alarms)
    assert all(a.inputs["alarmActions"] == [TOPIC] and a.inputs["threshold"] == 3 for a in alarms)
    assert not network().of_type("aws:cloudwatch/metricAlarm:MetricAlarm")


def test_everything_is_tagged_and_belongs_to_the_component() -> None:
    found = network(topic_arn=TOPIC)
    assert badly_tagged(found) == []
    assert list(astray(found, "net")) == []


def test_an_existing_vpc_is_used_and_nothing_is_made() -> None:
    found: dict[str, Any] = {}

    def program(opts: pulumi.ResourceOptions) -> None:
        existing = {
            "vpc_id": "vpc-1",
            "private_subnet_ids": ["subnet-1", "subnet-2"],
            "public_subnet_ids": ["subnet-3"],
        }
        args: NetworkArgs = {"installation": ME, "account_id": ACCOUNT, "existing": existing}  # type: ignore[typeddict-item]
        net = Network("net", args, opts)
        pulumi.export("private", net.private_subnet_ids)
        pulumi.export("nat", net.nat_gateway_ids)
        found["net"] = net

    captured = graph(program)
    assert made(captured) == []
    assert captured.outputs["private"] == ["subnet-1", "subnet-2"]
    assert captured.outputs["nat"] == []
    for output in Network.__annotations__:
        assert hasattr(found["net"], output), output


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", {**args.inputs, "arn": f"arn:{args.name}"}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {"names": [f"{REGION}{letter}" for letter in "abcd"], "id": "zones"}


@pytest.fixture
def mocks() -> None:
    pulumi.runtime.set_mocks(Mocks(), project="fleetmend", stack="dev")


@pulumi.runtime.test
def test_outputs_are_in_the_order_of_the_zones(mocks: None) -> pulumi.Output[None]:
    net = Network("net", {"installation": ME, "account_id": ACCOUNT, "zone_count": 3})

    def check(values: list[Any]) -> None:
        assert values[0] == [f"net-private-{n}-id" for n in range(3)]
        assert values[1] == [f"net-public-{n}-id" for n in range(3)]
        assert set(values[2]) == {*AGENT_SERVICES, "s3"}
        assert values[3] == "net-gateway-id"

    return pulumi.Output.all(
        net.private_subnet_ids, net.public_subnet_ids, net.endpoint_ids, net.gateway_id
    ).apply(check)


class TwoZones(Mocks):
    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {"names": [f"{REGION}a", f"{REGION}b"], "id": "zones"}


@pytest.mark.parametrize("wanted", [2, 3])
def test_a_region_with_too_few_zones_is_an_error(wanted: int) -> None:
    pulumi.runtime.set_mocks(TwoZones(), project="fleetmend", stack="dev")

    @pulumi.runtime.test
    def program() -> None:
        Network("net", {"installation": ME, "account_id": ACCOUNT, "zone_count": wanted})

    if wanted == 2:
        program()
        return
    with pytest.raises(ValueError, match=f"fewer in {REGION}: {REGION}a, {REGION}b"):
        program()


def test_other_languages_can_use_it() -> None:
    schema = json.loads(ComponentProvider([Network], "fleetmend", None, "0.1.0").schema or "")
    resource = schema["resources"]["fleetmend:index:Network"]
    assert {"installation", "accountId"} == set(resource["requiredInputs"])
    assert "privateSubnetIds" in resource["properties"]
    assert all("description" in item for item in resource["inputProperties"].values())
    assert aws.ec2.Vpc.pulumi_type not in schema["resources"]

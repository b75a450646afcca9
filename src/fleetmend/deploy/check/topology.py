"""A graph's network as the rules see it: subnets, their zones, routes and ACLs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from fleetmend.core.acl import AclRule, Protocol
from fleetmend.core.graph import Node
from fleetmend.deploy.tokens import Json
from fleetmend.deploy.view import View, listing, mapping, text_of

ANYWHERE = ("0.0.0.0/0", "::/0")
SUBNET = "aws:ec2/subnet:Subnet"
NAT = "aws:ec2/natGateway:NatGateway"
ACL = "aws:ec2/networkAcl:NetworkAcl"
DEFAULT_ACL = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_DEFAULT_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"

_PROTOCOLS = {
    "tcp": Protocol.TCP,
    "6": Protocol.TCP,
    "udp": Protocol.UDP,
    "17": Protocol.UDP,
    "icmp": Protocol.ICMP,
    "1": Protocol.ICMP,
    "-1": Protocol.ALL,
    "all": Protocol.ALL,
}


@dataclass(frozen=True, slots=True)
class Way:
    """A default route of a route table: `gateway` is what it leads to.

    A VPC stands for its own main table, where a route names that by the VPC's output.
    """

    table: Node
    gateway: Node


def ways_out(view: View) -> Iterator[Way]:
    """Every default route to a gateway of this graph."""
    for route in view.of_type("aws:ec2/route:Route"):
        table = view.referred(route.inputs.get("routeTableId"))
        if table is not None:
            yield from _way(view, table, route.inputs)
    for table in view.of_type("aws:ec2/routeTable:RouteTable", _DEFAULT_TABLE):
        for entry in listing(table.inputs.get("routes")):
            yield from _way(view, table, mapping(entry))


def _way(view: View, table: Node, entry: Mapping[str, Json]) -> Iterator[Way]:
    to = (entry.get("destinationCidrBlock"), entry.get("cidrBlock"), entry.get("ipv6CidrBlock"))
    if not any(block in ANYWHERE for block in to):
        return
    for name in ("gatewayId", "natGatewayId"):
        gateway = view.referred(entry.get(name))
        if gateway is not None:
            yield Way(table, gateway)


def subnets_of(view: View, table: Node) -> tuple[Node, ...]:
    """The subnets that use a route table; a VPC's main table serves those with no other."""
    found = [
        view.referred(item.inputs.get("subnetId"))
        for item in view.pointing_at(table, _ASSOCIATION, "routeTableId")
    ]
    vpc = _main_of(view, table)
    found += [
        subnet
        for subnet in (view.pointing_at(vpc, SUBNET, "vpcId") if vpc else ())
        if not view.pointing_at(subnet, _ASSOCIATION, "subnetId")
    ]
    return tuple(node for node in found if node is not None)


def _main_of(view: View, table: Node) -> Node | None:
    """The VPC whose main route table this is, if it is one's."""
    if table.type == "aws:ec2/vpc:Vpc":
        return table
    if table.type == _DEFAULT_TABLE:
        return view.referred(table.inputs.get("defaultRouteTableId"))
    kind = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
    made_main = view.pointing_at(table, kind, "routeTableId")
    return view.referred(made_main[0].inputs.get("vpcId")) if made_main else None


def public_subnets(view: View) -> Mapping[str, str]:
    """The subnets whose instances the internet can reach, by URN, with the reason."""
    found: dict[str, str] = {}
    for way in ways_out(view):
        if way.gateway.type == "aws:ec2/internetGateway:InternetGateway":
            for subnet in subnets_of(view, way.table):
                found[subnet.urn] = f"{subnet.name} has a route to {way.gateway.name}"
    for subnet in view.of_type(SUBNET):
        if subnet.inputs.get("mapPublicIpOnLaunch") is True:
            found[subnet.urn] = f"{subnet.name} gives out public addresses"
    return found


def zone(subnet: Node) -> str:
    """The Availability Zone of a subnet, as text or token; empty where AWS chooses."""
    return text_of(subnet, "availabilityZone") or text_of(subnet, "availabilityZoneId")


def acl_rules(view: View, acl: Node) -> tuple[AclRule, ...]:
    """The IPv4 rules of a network ACL, its own and those declared apart."""
    found: list[AclRule] = []
    for direction in ("ingress", "egress"):
        for entry in listing(acl.inputs.get(direction)):
            found += _acl_rule(mapping(entry), egress=direction == "egress")
    apart = view.pointing_at(acl, "aws:ec2/networkAclRule:NetworkAclRule", "networkAclId")
    for node in apart:
        found += _acl_rule(node.inputs, egress=node.inputs.get("egress") is True)
    return tuple(found)


def _acl_rule(entry: Mapping[str, Json], *, egress: bool) -> Iterator[AclRule]:
    protocol = _PROTOCOLS.get(str(entry.get("protocol")).lower())
    block = entry.get("cidrBlock")
    if protocol is None or not isinstance(block, str) or "<<TF:" in block:
        return
    first, last = ("icmpType", "icmpCode") if protocol is Protocol.ICMP else ("fromPort", "toPort")
    default = (-1, -1) if protocol is Protocol.ICMP else (0, 65535)
    ports = (number(entry.get(first), default[0]), number(entry.get(last), default[1]))
    if protocol is Protocol.ALL:
        ports = (0, 65535)
    yield AclRule(
        number=number(entry.get("ruleNumber", entry.get("ruleNo")), 0),
        egress=egress,
        protocol=protocol,
        peer=IPv4Network(block, strict=False),
        ports=ports,
        allow=str(entry.get("ruleAction", entry.get("action"))).lower() == "allow",
    )


def number(value: Json, default: int) -> int:
    """A whole number that may stand as text; `default` where it is none."""
    try:
        return int(str(value))
    except ValueError:
        return default


def acl_subnets(view: View, acl: Node) -> tuple[Node, ...]:
    """The subnets that a network ACL guards."""
    inline = view.all_referred(acl.inputs.get("subnetIds"))
    kind = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
    apart = (
        view.referred(item.inputs.get("subnetId"))
        for item in view.pointing_at(acl, kind, "networkAclId")
    )
    return (*inline, *(node for node in apart if node is not None))

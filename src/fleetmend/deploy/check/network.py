"""Rules on placement and passage: zones, NAT, ACLs, flow logs."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from fleetmend.core import acl as packets
from fleetmend.core import flows
from fleetmend.core.acl import EPHEMERAL, AclRule, Needs, Protocol
from fleetmend.core.graph import Node
from fleetmend.deploy.check import topology
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.check.topology import NAT, SUBNET
from fleetmend.deploy.view import View, listing, text_of

LEAST_ZONES = 2
_SHOWN = 3

_SPREAD = {
    "aws:autoscaling/group:Group": ("vpcZoneIdentifiers",),
    "aws:lb/loadBalancer:LoadBalancer": ("subnets", "subnetMappings"),
}


@rule("net-one-zone")
def one_zone(view: View) -> Iterator[Fault]:
    """A group or a balancer stands in fewer than two Availability Zones.

    When the zone fails, all of it is gone, and a group cannot replace what it lost.

    Remedy: give it subnets of at least two zones.

    See: https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html
    """
    for kind, inputs in _SPREAD.items():
        for node in view.of_type(kind):
            given = [node.inputs[name] for name in inputs if node.inputs.get(name)]
            known = view.all_referred(list(given))
            subnets = [found for found in known if found.type == SUBNET]
            zones = {topology.zone(subnet) or subnet.urn for subnet in subnets}
            literal = sum(len(listing(value)) for value in given)
            if given and len(zones) < LEAST_ZONES and (subnets or literal < LEAST_ZONES):
                names = ", ".join(subnet.name for subnet in subnets)
                yield Fault(node, "stands in one zone only", names or given[0])


@rule("net-single-nat", Severity.WARNING)
def single_nat(view: View) -> Iterator[Fault]:
    """Subnets of one zone reach the internet through the NAT gateway of another.

    When that zone fails, the others are cut off too; and traffic between zones is paid for. It is
    a fair choice for what need not be available.

    Remedy: one NAT gateway per zone, and a private route table per zone that uses its own zone's.

    See: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
    """
    served: dict[str, set[str]] = {}
    for way in topology.ways_out(view):
        home = view.referred(way.gateway.inputs.get("subnetId"))
        if way.gateway.type != NAT or home is None:
            continue
        far = [
            subnet.name
            for subnet in topology.subnets_of(view, way.table)
            if topology.zone(subnet) != topology.zone(home)
        ]
        served.setdefault(way.gateway.urn, set()).update(far)
    for urn, names in served.items():
        node = view.node(urn)
        if node is not None and names:
            yield Fault(node, "is the way out of other zones too", ", ".join(sorted(names)))


@rule("net-acl-return")
def acl_return(view: View) -> Iterator[Fault]:
    """A network ACL lets something out or in, but not the answer.

    ACLs are stateless: answers come to the ephemeral port that the caller chose (1024-65535 for
    NAT gateways), and routers' word that a packet is too large comes as ICMP type 3 code 4.
    Without them NAT, Session Manager and package installs break silently. Found by walking flows
    through the rules: what an ACL allows must have its answer, and instances must reach NAT
    gateways and endpoints and back.

    Remedy: allow TCP 1024-65535 the other way, and ICMP type 3 code 4 both ways.

    See: https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html
    """
    broken = _broken_flows(view)
    for node in view.of_type(topology.ACL, topology.DEFAULT_ACL):
        reasons = [*_unanswered(topology.acl_rules(view, node))]
        for subnet in topology.acl_subnets(view, node):
            reasons += broken.get(subnet.urn, [])
        reasons = list(dict.fromkeys(reasons))
        if reasons:
            more = f" (and {len(reasons) - _SHOWN} more)" if len(reasons) > _SHOWN else ""
            yield Fault(node, "breaks return traffic", "; ".join(reasons[:_SHOWN]) + more)


@rule("net-flow-log", Severity.WARNING)
def flow_log(view: View) -> Iterator[Fault]:
    """A VPC has no flow logs.

    After an incident nobody can say who spoke to whom.

    Remedy: add a flow log of all traffic, to a log group with retention.

    See: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html
    """
    for vpc in view.of_type("aws:ec2/vpc:Vpc"):
        if not view.pointing_at(vpc, "aws:ec2/flowLog:FlowLog", "vpcId"):
            yield Fault(vpc, "has no flow log")


def _unanswered(rules: tuple[AclRule, ...]) -> Iterator[str]:
    """What the rules let one way without letting the answer back."""
    for one in sorted(rules, key=lambda r: (r.egress, r.number)):
        is_answer = EPHEMERAL[0] <= one.ports[0]
        if not one.allow or one.protocol not in {Protocol.TCP, Protocol.ALL} or is_answer:
            continue
        refused = packets.refusal(
            rules,
            egress=not one.egress,
            protocol=Protocol.TCP,
            peer=one.peer,
            ports=EPHEMERAL,
        )
        if refused:
            way = "egress" if one.egress else "ingress"
            yield f"{way} rule {one.number} has no answer: {refused}"


def _broken_flows(view: View) -> dict[str, list[str]]:
    """The flows that must work and do not, by the URN of the subnet where they break."""
    found: dict[str, list[str]] = {}
    for vpc in view.of_type("aws:ec2/vpc:Vpc"):
        picture = _topology(view, vpc)
        for broken in flows.broken(picture) if picture else ():
            found.setdefault(broken.subnet, []).append(_worded(view, broken))
    return found


def _worded(view: View, broken: flows.Broken) -> str:
    text = f"{broken.flow}: {broken.reason}"
    for subnet in view.of_type(SUBNET):
        text = text.replace(subnet.urn, subnet.name)
    return text


def _topology(view: View, vpc: Node) -> flows.Topology | None:
    """A VPC as flows see it; None where its blocks are not known, or it has no ACL of its own.

    Clients are left out: who they are stands in no ACL. Subnets without a way out are left out,
    too: they may be meant to have none.
    """
    guards: dict[str, Node] = {}
    own = view.pointing_at(vpc, topology.ACL, "vpcId")
    for acl in (*own, *view.pointing_at(vpc, topology.DEFAULT_ACL, "defaultNetworkAclId")):
        for subnet in topology.acl_subnets(view, acl):
            guards[subnet.urn] = acl
    block = text_of(vpc, "cidrBlock")
    if not guards or not block or "<<TF:" in block:
        return None
    outward = topology.public_subnets(view)
    through_nat = {
        subnet.urn
        for way in topology.ways_out(view)
        if way.gateway.type == NAT
        for subnet in topology.subnets_of(view, way.table)
    }
    public: list[flows.Subnet] = []
    private: list[flows.Subnet] = []
    for subnet in view.pointing_at(vpc, SUBNET, "vpcId"):
        cidr = text_of(subnet, "cidrBlock")
        if subnet.urn not in guards or not cidr or "<<TF:" in cidr:
            continue
        rules = topology.acl_rules(view, guards[subnet.urn])
        seen = flows.Subnet(subnet.urn, IPv4Network(cidr), rules)
        if subnet.urn in outward:
            public.append(seen)
        elif subnet.urn in through_nat:
            private.append(seen)
    kind = "aws:ec2/vpcEndpoint:VpcEndpoint"
    endpoints = bool(view.pointing_at(vpc, kind, "vpcId"))
    needs = Needs(block=IPv4Network(block), authorized=(), application_port=packets.HTTPS)
    return flows.Topology(needs, tuple(public), tuple(private), endpoints=endpoints)

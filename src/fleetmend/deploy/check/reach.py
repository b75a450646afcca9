"""Rules on who can reach what: open ingress, public addresses, plain text, metadata."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetmend.core import ranges
from fleetmend.core.graph import Node
from fleetmend.deploy.check import topology
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.check.topology import number
from fleetmend.deploy.tokens import Json
from fleetmend.deploy.view import View, listing, mapping, text_of

ADMIN_PORTS = (22, 3389)
_ALL_PORTS = (0, 65535)
_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_INSTANCE = "aws:ec2/instance:Instance"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


@dataclass(frozen=True, slots=True)
class Opening:
    """One ingress rule: the group (or the rule, where the group is not ours), block and ports."""

    node: Node
    block: str
    ports: tuple[int, int]

    def overlaps(self, other: "Opening") -> bool:
        """Whether the two are open on a common port."""
        return self.ports[0] <= other.ports[1] and other.ports[0] <= self.ports[1]


@rule("net-world-ingress")
def world_ingress(view: View) -> Iterator[Fault]:
    """A security group is open to the world.

    `0.0.0.0/0` and `::/0` are, and so are ranges that add up to them, such as the two halves
    `0.0.0.0/1` and `128.0.0.0/1`.

    Remedy: name the ranges that need it (the setting `authorizedIpRanges`).

    See: https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    """
    openings = list(_openings(view))
    for urn in dict.fromkeys(opening.node.urn for opening in openings):
        own = [opening for opening in openings if opening.node.urn == urn]
        for one in own:
            together = [o.block for o in own if one.overlaps(o)]
            world = ranges.open_to_world(map(ranges.parse, together))
            if world:
                blocks = " and ".join(dict.fromkeys(str(block) for block in world))
                yield Fault(one.node, f"is open to the world on {_ports(one)}", blocks)
                break


@rule("net-admin-port")
def admin_port(view: View) -> Iterator[Fault]:
    """A security group lets SSH or RDP in.

    Instances are reached by Session Manager, which needs no open port, no key and no bastion, and
    keeps a record.

    Remedy: drop the rule; open a session with `aws ssm start-session`.

    See: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager.html
    """
    for opening in _openings(view):
        for port in ADMIN_PORTS:
            if opening.ports[0] <= port <= opening.ports[1] and opening.ports != _ALL_PORTS:
                yield Fault(opening.node, f"lets in port {port}", opening.block)


@rule("net-ssh-key", Severity.WARNING)
def ssh_key(view: View) -> Iterator[Fault]:
    """An instance is started with an SSH key.

    A key that nobody needs is one more that can leak, and nobody can take it back.

    Remedy: leave `keyName` out; use Session Manager.

    See: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager.html
    """
    for node in view.of_type(_INSTANCE, _TEMPLATE):
        if node.inputs.get("keyName"):
            yield Fault(node, "starts instances with an SSH key", node.inputs["keyName"])


@rule("net-public-instance")
def public_instance(view: View) -> Iterator[Fault]:
    """Instances or a group stand in public subnets, or get public addresses.

    One wrong security group then puts them on the internet.

    Remedy: private subnets, with NAT or VPC endpoints as the way out, and a balancer in front.

    See: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-best-practices.html
    """
    outward = topology.public_subnets(view)
    for node, inputs in _placed(view):
        reasons = [
            outward[subnet.urn] for subnet in view.all_referred(inputs) if subnet.urn in outward
        ]
        if reasons:
            yield Fault(node, "stands in public subnets", "; ".join(reasons))
    for node in view.of_type(_TEMPLATE):
        for interface in listing(node.inputs.get("networkInterfaces")):
            if str(mapping(interface).get("associatePublicIpAddress")).lower() == "true":
                yield Fault(node, "gives out public addresses", "associatePublicIpAddress: true")
    for node in view.of_type(_INSTANCE):
        if node.inputs.get("associatePublicIpAddress") is True:
            yield Fault(node, "has a public address", "associatePublicIpAddress: true")


@rule("net-imds")
def metadata_service(view: View) -> Iterator[Fault]:
    """Instances answer metadata requests without a session token (IMDSv1).

    A web server that can be made to fetch an address then hands out the role's credentials.

    Remedy: set `metadataOptions.httpTokens` to `required`.

    See: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
    """
    for node in view.of_type(_INSTANCE, _TEMPLATE):
        tokens = mapping(node.inputs.get("metadataOptions")).get("httpTokens")
        from_template = node.type == _INSTANCE and node.inputs.get("launchTemplate")
        if tokens != "required" and not (tokens is None and from_template):
            yield Fault(node, "allows IMDSv1", f"httpTokens: {tokens or 'not set'}")


@rule("net-plain-listener")
def plain_listener(view: View) -> Iterator[Fault]:
    """A balancer listens in clear text, or with TLS older than 1.2.

    What clients send can be read and changed on the way.

    Remedy: HTTPS with a policy such as ELBSecurityPolicy-TLS13-1-2-2021-06; HTTP only to redirect.

    See: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    """
    for node in view.of_type("aws:lb/listener:Listener"):
        protocol = text_of(node, "protocol") or "HTTP"
        actions = [mapping(a).get("type") for a in listing(node.inputs.get("defaultActions"))]
        policy = text_of(node, "sslPolicy")
        if protocol == "HTTP" and actions != ["redirect"]:
            yield Fault(node, "listens in clear text", "protocol: HTTP")
        if protocol in {"HTTPS", "TLS"} and not _is_recent(policy):
            yield Fault(node, "accepts TLS older than 1.2", policy or "no sslPolicy")


def _is_recent(policy: str) -> bool:
    return any(mark in policy for mark in ("TLS13-1-2", "TLS13-1-3", "TLS-1-2", "FS-1-2"))


def _placed(view: View) -> Iterator[tuple[Node, Json]]:
    for node in view.of_type("aws:autoscaling/group:Group"):
        yield node, node.inputs.get("vpcZoneIdentifiers")
    for node in view.of_type(_INSTANCE):
        yield node, node.inputs.get("subnetId")
    for node in view.of_type(_TEMPLATE):
        for interface in listing(node.inputs.get("networkInterfaces")):
            yield node, mapping(interface).get("subnetId")


def _openings(view: View) -> Iterator[Opening]:
    for node in view.of_type(_GROUP, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"):
        for entry in listing(node.inputs.get("ingress")):
            yield from _blocks(node, mapping(entry))
    for node in view.of_type("aws:ec2/securityGroupRule:SecurityGroupRule"):
        if node.inputs.get("type") == "ingress":
            group = view.referred(node.inputs.get("securityGroupId"))
            yield from _blocks(group or node, node.inputs)
    for node in view.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        group = view.referred(node.inputs.get("securityGroupId"))
        yield from _blocks(group or node, node.inputs)


def _blocks(node: Node, given: Mapping[str, Json]) -> Iterator[Opening]:
    protocol = str(given.get("protocol", given.get("ipProtocol")))
    span = (number(given.get("fromPort"), 0), number(given.get("toPort"), 65535))
    ports = _ALL_PORTS if protocol in {"-1", "all"} else span
    names = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
    for name in names:
        for block in listing(given.get(name)):
            if isinstance(block, str) and _is_block(block):
                yield Opening(node, block, ports)


def _is_block(text: str) -> bool:
    try:
        ranges.parse(text)
    except ValueError:
        return False
    return True


def _ports(opening: Opening) -> str:
    first, last = opening.ports
    if opening.ports == _ALL_PORTS:
        return "all ports"
    return f"port {first}" if first == last else f"ports {first}-{last}"

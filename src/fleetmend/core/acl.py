"""Network ACL rules as data: which there are, and what a list of them lets through.

ACLs are stateless: the answer to a connection is a packet of its own, to the ephemeral port that
the caller chose. NAT gateways and Lambda choose from 1024-65535, so that whole range must be
open on the way back (VPC User Guide, Custom network ACLs, Ephemeral ports). ICMP type 3 code 4
(fragmentation needed) must pass too, or large packets vanish without a word.

Traffic to the VPC's DNS resolver, the time service at 169.254.169.123, instance metadata and
DHCP is not filtered by ACLs at all (VPC User Guide, Network ACL basics), so no rule stands here
for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, collapse_addresses

ANYWHERE = IPv4Network("0.0.0.0/0")
HTTPS = 443
EPHEMERAL = (1024, 65535)
FRAGMENTATION_NEEDED = (3, 4)
"""ICMP type and code: the router's answer to a packet that is too large for the next hop."""

MOST_RULES = 20
"""Rules per direction that AWS allows by default (VPC quotas, Rules per network ACL)."""

Ports = tuple[int, int]
Row = tuple["Protocol", IPv4Network, Ports, str]


class Protocol(StrEnum):
    """The protocols that rules here are about; `ALL` stands for any, as AWS writes it."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ALL = "-1"


class Balancer(StrEnum):
    """Where clients find the application."""

    NONE = "none"  # clients speak to the instances
    INTERNAL = "internal"  # a balancer in the private subnets
    PUBLIC = "public"  # a balancer in the public subnets


@dataclass(frozen=True, slots=True)
class AclRule:
    """One rule of a network ACL; the lowest number that matches decides.

    `ports` are the destination's, first and last; for ICMP they are type and code, where -1
    means any. `peer` is the other end: the source of ingress, the destination of egress.
    """

    number: int
    egress: bool
    protocol: Protocol
    peer: IPv4Network
    ports: Ports = (0, 65535)
    allow: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What must get through: the VPC's block, who comes in, and where instances connect to."""

    block: IPv4Network
    authorized: tuple[IPv4Network, ...]
    application_port: int
    egress_ports: tuple[int, ...] = (HTTPS,)
    balancer: Balancer = Balancer.NONE

    @property
    def outside_ports(self) -> tuple[int, ...]:
        """The TCP ports that instances reach outside; HTTPS always, for AWS's own services."""
        return tuple(sorted({HTTPS, *self.egress_ports}))

    @property
    def clients(self) -> tuple[IPv4Network, ...]:
        """The authorised ranges, merged where they touch: every rule counts."""
        return tuple(collapse_addresses(self.authorized))


def public_rules(needs: Needs) -> tuple[AclRule, ...]:
    """The rules of the public subnets, where NAT gateways and a public balancer stand."""
    reached = needs.balancer is Balancer.PUBLIC
    clients = needs.clients if reached else ()
    ingress = (
        [_ANSWERS_FROM_OUTSIDE, _PATH_MTU],
        [
            (Protocol.TCP, needs.block, _one(port), "instances to the NAT gateway")
            for port in needs.outside_ports
        ],
        [(Protocol.TCP, peer, _one(HTTPS), "clients to the balancer") for peer in clients],
    )
    egress = (
        [(Protocol.TCP, needs.block, EPHEMERAL, "answers back to instances"), _PATH_MTU],
        [
            (Protocol.TCP, ANYWHERE, _one(port), "the NAT gateway to the outside")
            for port in needs.outside_ports
        ],
        [(Protocol.TCP, peer, EPHEMERAL, "answers to clients") for peer in clients],
        [_behind(needs)] if reached else [],
    )
    return (*_numbered(ingress, egress=False), *_numbered(egress, egress=True))


def private_rules(needs: Needs) -> tuple[AclRule, ...]:
    """The rules of the private subnets: the fleet, endpoints, and an internal balancer."""
    front = _one(HTTPS if needs.balancer is Balancer.INTERNAL else needs.application_port)
    clients = () if needs.balancer is Balancer.PUBLIC else needs.clients
    ingress: tuple[list[Row], ...] = (
        [
            _ANSWERS_FROM_OUTSIDE,
            _PATH_MTU,
            (Protocol.TCP, needs.block, _one(HTTPS), "instances to VPC endpoints"),
        ],
        [],
        [(Protocol.TCP, peer, front, "clients to the application") for peer in clients],
        [] if needs.balancer is Balancer.NONE else [_behind(needs)],
    )
    egress = (
        [(Protocol.TCP, needs.block, EPHEMERAL, "answers inside the VPC"), _PATH_MTU],
        [
            (Protocol.TCP, ANYWHERE, _one(port), "instances to the outside and to endpoints")
            for port in needs.outside_ports
        ],
        [(Protocol.TCP, peer, EPHEMERAL, "answers to clients") for peer in clients],
        [_behind(needs)] if needs.balancer is Balancer.INTERNAL else [],
    )
    return (*_numbered(ingress, egress=False), *_numbered(egress, egress=True))


def too_many(rules: Iterable[AclRule]) -> int:
    """By how many rules the fuller direction exceeds what AWS allows; 0 where they fit."""
    rules = list(rules)
    egress = sum(rule.egress for rule in rules)
    return max(0, max(egress, len(rules) - egress) - MOST_RULES)


def refusal(
    rules: Iterable[AclRule], *, egress: bool, protocol: Protocol, peer: IPv4Network, ports: Ports
) -> str:
    """Why some packet of this kind would not pass, or nothing where every one of them does.

    The rules are taken in order over all addresses of `peer` and all `ports` at once, so that a
    rule that covers only a part of them does not pass for the whole.
    """
    remaining = [(peer, ports)]
    for rule in sorted(rules, key=lambda r: r.number):
        if rule.egress is not egress or rule.protocol not in {protocol, Protocol.ALL}:
            continue
        rest: list[tuple[IPv4Network, Ports]] = []
        for block, span in remaining:
            hit = _overlap(rule, protocol, block, span)
            if hit is None:
                rest.append((block, span))
            elif not rule.allow:
                return f"rule {rule.number} denies {_describe(protocol, *hit, egress=egress)}"
            else:
                rest += _left(block, span, *hit)
        remaining = rest
    if not remaining:
        return ""
    return f"no rule allows {_describe(protocol, *remaining[0], egress=egress)}"


_ANSWERS_FROM_OUTSIDE: Row = (
    Protocol.TCP,
    ANYWHERE,
    EPHEMERAL,
    "answers to what went out",
)
_PATH_MTU: Row = (Protocol.ICMP, ANYWHERE, FRAGMENTATION_NEEDED, "path MTU discovery")


def _behind(needs: Needs) -> Row:
    port = _one(needs.application_port)
    return (Protocol.TCP, needs.block, port, "balancer to instances, health checks too")


def _one(port: int) -> Ports:
    return (port, port)


def _numbered(families: Sequence[Sequence[Row]], *, egress: bool) -> Iterator[AclRule]:
    """Rules with a hundred of numbers to each family, so that one more client moves no other.

    A rule whose number changes is deleted before it is made anew, and until then its packets are
    dropped. Rows that say the same as one before them are left out: every rule counts.
    """
    seen: set[tuple[Protocol, IPv4Network, Ports]] = set()
    for family, rows in enumerate(families, start=1):
        for place, (protocol, peer, ports, why) in enumerate(rows):
            if (protocol, peer, ports) not in seen:
                seen.add((protocol, peer, ports))
                yield AclRule(100 * family + place, egress, protocol, peer, ports, why=why)


def _overlap(
    rule: AclRule, protocol: Protocol, block: IPv4Network, span: Ports
) -> tuple[IPv4Network, Ports] | None:
    if not rule.peer.overlaps(block):
        return None
    common = block if block.subnet_of(rule.peer) else rule.peer
    if rule.protocol is Protocol.ALL:
        return common, span
    if protocol is Protocol.ICMP:
        fits = all(mine in {-1, asked} for mine, asked in zip(rule.ports, span, strict=True))
        return (common, span) if fits else None
    first, last = max(rule.ports[0], span[0]), min(rule.ports[1], span[1])
    return (common, (first, last)) if first <= last else None


def _left(
    block: IPv4Network, span: Ports, taken: IPv4Network, ports: Ports
) -> Iterable[tuple[IPv4Network, Ports]]:
    """What is left of `block` on `span` once `taken` on `ports` is allowed."""
    if taken != block:
        for other in block.address_exclude(taken):
            yield other, span
    if span[0] < ports[0]:
        yield taken, (span[0], ports[0] - 1)
    if ports[1] < span[1]:
        yield taken, (ports[1] + 1, span[1])


def _describe(protocol: Protocol, block: IPv4Network, ports: Ports, *, egress: bool) -> str:
    if protocol is Protocol.ICMP:
        what = f"icmp type {ports[0]} code {ports[1]}"
    else:
        what = (
            f"{protocol} {ports[0]}"
            if ports[0] == ports[1]
            else f"{protocol} {ports[0]}-{ports[1]}"
        )
    return f"{what} {'to' if egress else 'from'} {block}"

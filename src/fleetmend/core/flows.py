"""Real flows walked through network ACLs: what must work, packet by packet.

A flow is every crossing of a subnet's edge, there **and back**. Inside one subnet no ACL applies.
Behind a NAT gateway a packet crosses the private subnet's edge with the far address on it, both
ways: only the near address is translated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from fleetmend.core.acl import (
    ANYWHERE,
    EPHEMERAL,
    FRAGMENTATION_NEEDED,
    HTTPS,
    AclRule,
    Balancer,
    Needs,
    Ports,
    Protocol,
    refusal,
)


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet: a name for messages, its block, and the rules of its ACL."""

    name: str
    block: IPv4Network
    rules: tuple[AclRule, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """A VPC as flows see it. `nat` and `endpoints` say which ways out there are."""

    needs: Needs
    public: tuple[Subnet, ...]
    private: tuple[Subnet, ...]
    nat: bool = True
    endpoints: bool = True


@dataclass(frozen=True, slots=True)
class Crossing:
    """One packet over one subnet's edge."""

    subnet: Subnet
    egress: bool
    peer: IPv4Network
    ports: Ports
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True)
class Flow:
    """Something that must work: the crossings it takes, there and back."""

    name: str
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A flow that does not get through, at which subnet, and why."""

    flow: str
    subnet: str
    reason: str

    def __str__(self) -> str:
        return f"{self.flow} breaks at {self.subnet}: {self.reason}"


def broken(topology: Topology) -> list[Broken]:
    """Every crossing of a needed flow that an ACL refuses."""
    return [found for flow in flows(topology) for found in walk(flow)]


def walk(flow: Flow) -> Iterator[Broken]:
    """The crossings of one flow that are refused."""
    for crossing in flow.crossings:
        reason = refusal(
            crossing.subnet.rules,
            egress=crossing.egress,
            protocol=crossing.protocol,
            peer=crossing.peer,
            ports=crossing.ports,
        )
        if reason:
            yield Broken(flow.name, crossing.subnet.name, reason)


def flows(topology: Topology) -> Iterator[Flow]:
    """All that must work in this VPC."""
    yield from _clients(topology)
    for instance in topology.private:
        if topology.nat:
            for gateway in topology.public:
                yield from _through_nat(topology, instance, gateway)
        if topology.endpoints:
            yield _straight(f"{instance.name} to the S3 gateway endpoint", instance, HTTPS)
            for endpoint in topology.private:
                name = f"{instance.name} to a VPC endpoint in {endpoint.name}"
                yield _between(name, instance, endpoint, HTTPS)
        yield _large_packets(instance)
    for gateway in topology.public if topology.nat else ():
        yield _large_packets(gateway)


def _clients(topology: Topology) -> Iterator[Flow]:
    needs = topology.needs
    front = topology.public if needs.balancer is Balancer.PUBLIC else topology.private
    port = needs.application_port if needs.balancer is Balancer.NONE else HTTPS
    for client in needs.clients:
        for entry in front:
            inside = Crossing(entry, egress=False, peer=client, ports=(port, port))
            answer = Crossing(entry, egress=True, peer=client, ports=EPHEMERAL)
            yield Flow(f"client {client} to {entry.name}:{port}", (inside, answer))
    if needs.balancer is not Balancer.NONE:
        for entry in front:
            for target in topology.private:
                name = (
                    f"balancer in {entry.name} to an instance in {target.name}, health checks too"
                )
                yield _between(name, entry, target, needs.application_port)


def _through_nat(topology: Topology, instance: Subnet, gateway: Subnet) -> Iterator[Flow]:
    for port in topology.needs.outside_ports:
        there = (port, port)
        yield Flow(
            f"{instance.name} through NAT in {gateway.name} to the internet:{port}",
            (
                Crossing(instance, egress=True, peer=ANYWHERE, ports=there),
                Crossing(gateway, egress=False, peer=instance.block, ports=there),
                Crossing(gateway, egress=True, peer=ANYWHERE, ports=there),
                Crossing(gateway, egress=False, peer=ANYWHERE, ports=EPHEMERAL),
                Crossing(gateway, egress=True, peer=instance.block, ports=EPHEMERAL),
                Crossing(instance, egress=False, peer=ANYWHERE, ports=EPHEMERAL),
            ),
        )


def _straight(name: str, subnet: Subnet, port: int) -> Flow:
    """To an address outside the VPC that is reached without NAT, and back."""
    there = Crossing(subnet, egress=True, peer=ANYWHERE, ports=(port, port))
    return Flow(name, (there, Crossing(subnet, egress=False, peer=ANYWHERE, ports=EPHEMERAL)))


def _between(name: str, caller: Subnet, called: Subnet, port: int) -> Flow:
    """From one subnet to another; within the same one no ACL is crossed."""
    if caller == called:
        return Flow(name, ())
    there = (port, port)
    return Flow(
        name,
        (
            Crossing(caller, egress=True, peer=called.block, ports=there),
            Crossing(called, egress=False, peer=caller.block, ports=there),
            Crossing(called, egress=True, peer=caller.block, ports=EPHEMERAL),
            Crossing(caller, egress=False, peer=called.block, ports=EPHEMERAL),
        ),
    )


def _large_packets(subnet: Subnet) -> Flow:
    """A router's word that a packet was too large comes in; ours to others goes out."""
    return Flow(
        f"path MTU discovery in {subnet.name}",
        tuple(
            Crossing(subnet, egress, ANYWHERE, FRAGMENTATION_NEEDED, Protocol.ICMP)
            for egress in (False, True)
        ),
    )

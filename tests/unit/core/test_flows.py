"""Our ACL rules let every needed flow through, and each of them is needed."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.acl import (
    ANYWHERE,
    EPHEMERAL,
    AclRule,
    Balancer,
    Needs,
    Protocol,
    private_rules,
    public_rules,
    refusal,
    too_many,
)
from fleetmend.core.flows import Subnet, Topology, broken, flows
from fleetmend.core.network_plan import plan

TEN = IPv4Network("10.0.0.0/8")
OFFICE = IPv4Network("198.51.100.0/24")


def topology(
    balancer: Balancer = Balancer.NONE,
    *,
    authorized: tuple[IPv4Network, ...] = (TEN,),
    ports: tuple[int, ...] = (443,),
    nat: bool = True,
) -> Topology:
    made = plan("10.0.0.0/16", 2)
    needs = Needs(made.block, authorized, 843, ports, balancer)
    public, private = public_rules(needs), private_rules(needs)
    return Topology(
        needs,
        tuple(Subnet(f"public-{z.index}", z.public, public) for z in made.zones),
        tuple(Subnet(f"private-{z.index}", z.private, private) for z in made.zones),
        nat=nat,
    )


def without(world: Topology, *, private: bool, index: int) -> Topology:
    """The same world with one rule missing."""
    subnets = world.private if private else world.public
    rules = subnets[0].rules[:index] + subnets[0].rules[index + 1 :]
    changed = tuple(replace(subnet, rules=rules) for subnet in subnets)
    return replace(world, **{"private" if private else "public": changed})


@pytest.mark.parametrize("balancer", list(Balancer))
@pytest.mark.parametrize("ports", [(443,), (443, 5432), (80,)])
@pytest.mark.parametrize("authorized", [(TEN,), (OFFICE,), (TEN, OFFICE), ()])
def test_every_needed_flow_gets_through(
    balancer: Balancer, ports: tuple[int, ...], authorized: tuple[IPv4Network, ...]
) -> None:
    assert broken(topology(balancer, authorized=authorized, ports=ports)) == []


def test_the_flows_are_those_that_matter() -> None:
    names = " | ".join(flow.name for flow in flows(topology(Balancer.PUBLIC)))
    for part in ("client", "balancer", "NAT", "VPC endpoint", "S3 gateway", "path MTU"):
        assert part in names


@pytest.mark.parametrize("balancer", list(Balancer))
@pytest.mark.parametrize("private", [True, False])
def test_a_missing_rule_breaks_a_flow(balancer: Balancer, private: bool) -> None:
    world = topology(balancer, authorized=(OFFICE,))
    rules = (world.private if private else world.public)[0].rules
    for index, rule in enumerate(rules):
        assert broken(without(world, private=private, index=index)), rule


def test_ephemeral_ports_that_leave_out_what_nat_uses_are_noticed() -> None:
    world = topology()
    narrow = tuple(
        replace(rule, ports=(32768, 65535)) if rule.ports == EPHEMERAL else rule
        for rule in world.private[0].rules
    )
    world = replace(world, private=tuple(replace(s, rules=narrow) for s in world.private))
    reasons = [str(item) for item in broken(world)]
    assert any("tcp 1024-32767" in reason for reason in reasons)


def test_a_deny_in_front_wins() -> None:
    deny = AclRule(50, False, Protocol.TCP, IPv4Network("203.0.113.0/24"), EPHEMERAL, allow=False)
    world = topology()
    rules = (deny, *world.private[0].rules)
    world = replace(world, private=tuple(replace(s, rules=rules) for s in world.private))
    assert any("rule 50 denies" in item.reason for item in broken(world))


def test_a_deny_behind_an_allow_changes_nothing() -> None:
    allow = AclRule(10, True, Protocol.ALL, ANYWHERE)
    deny = AclRule(20, True, Protocol.TCP, ANYWHERE, allow=False)
    assert not refusal(
        [deny, allow], egress=True, protocol=Protocol.TCP, peer=OFFICE, ports=(443, 443)
    )


rules = st.builds(
    AclRule,
    number=st.integers(1, 50),
    egress=st.just(False),
    protocol=st.just(Protocol.TCP),
    peer=st.sampled_from([IPv4Network(f"10.0.0.{n}/{p}") for p in (30, 31, 32) for n in (0, 4)]),
    ports=st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda p: (min(p), max(p))),
    allow=st.booleans(),
)


@given(st.lists(rules, max_size=5, unique_by=lambda r: r.number))
def test_judging_ranges_is_judging_every_packet(some: list[AclRule]) -> None:
    """The oracle takes each address and port alone, as the router does: first match decides."""

    def passes(address: IPv4Network, port: int) -> bool:
        for rule in sorted(some, key=lambda r: r.number):
            if address.subnet_of(rule.peer) and rule.ports[0] <= port <= rule.ports[1]:
                return rule.allow
        return False

    block = IPv4Network("10.0.0.0/29")
    expected = all(passes(a, p) for a in block.subnets(new_prefix=32) for p in range(1, 5))
    got = refusal(some, egress=False, protocol=Protocol.TCP, peer=block, ports=(1, 4))
    assert (got == "") is expected


def test_more_rules_than_aws_allows_are_counted() -> None:
    many = tuple(IPv4Network(f"198.51.100.{4 * n}/32") for n in range(30))
    needs = Needs(IPv4Network("10.0.0.0/16"), many, 443)
    assert too_many(private_rules(needs)) > 0
    assert too_many(private_rules(replace(needs, authorized=many[:4]))) == 0


def test_no_rule_opens_ssh() -> None:
    for balancer in Balancer:
        for subnet in (*topology(balancer).public, *topology(balancer).private):
            assert refusal(
                subnet.rules, egress=False, protocol=Protocol.TCP, peer=TEN, ports=(22, 22)
            )

"""The CIDR planner: nothing overlaps, nothing leaves the block, nothing moves."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.network_plan import MAX_ZONES, PlanError, plan

PRIVATE_SPACE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


@st.composite
def blocks(draw: st.DrawFn) -> str:
    space = IPv4Network(draw(st.sampled_from(PRIVATE_SPACE)))
    prefix = draw(st.integers(max(16, space.prefixlen), 23))
    place = draw(st.integers(0, 2 ** (prefix - space.prefixlen) - 1))
    size = 2 ** (32 - prefix)
    return f"{space.network_address + place * size}/{prefix}"


@given(blocks(), st.integers(1, MAX_ZONES))
def test_subnets_lie_in_the_block_and_never_overlap(block: str, zones: int) -> None:
    made = plan(block, zones)
    subnets = [subnet for zone in made.zones for subnet in (zone.private, zone.public)]
    assert len(subnets) == 2 * zones
    assert all(subnet.subnet_of(IPv4Network(block)) for subnet in subnets)
    for index, one in enumerate(subnets):
        assert not any(one.overlaps(other) for other in subnets[index + 1 :])


@given(blocks())
def test_adding_a_zone_moves_no_subnet(block: str) -> None:
    for zones in range(1, MAX_ZONES):
        assert plan(block, zones + 1).zones[:zones] == plan(block, zones).zones


@given(blocks(), st.integers(1, MAX_ZONES))
def test_subnets_are_large_enough_for_aws(block: str, zones: int) -> None:
    for zone in plan(block, zones).zones:
        assert zone.public.prefixlen <= 28
        assert zone.private.num_addresses >= 4 * zone.public.num_addresses


def test_the_default_block_is_cut_as_documented() -> None:
    made = plan("10.0.0.0/16", 2)
    assert [(str(z.private), str(z.public)) for z in made.zones] == [
        ("10.0.0.0/19", "10.0.32.0/21"),
        ("10.0.64.0/19", "10.0.96.0/21"),
    ]


@pytest.mark.parametrize(
    ("block", "zones", "says"),
    [
        ("10.0.0.0/15", 2, "too large"),
        ("10.0.0.0/24", 2, "too small"),
        ("8.8.0.0/16", 2, "not private"),
        ("10.0.0.1/16", 2, "host bits"),
        ("fd00::/48", 2, "IPv6"),
        ("ten", 2, "ten"),
        ("10.0.0.0/16", 4, "4 zones"),
        ("10.0.0.0/16", 0, "0 zones"),
    ],
)
def test_what_cannot_be_planned_says_why(block: str, zones: int, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        plan(block, zones)

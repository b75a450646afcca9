"""Which subnet gets which addresses: computed, never typed in.

The block is cut into four equal slots, one per zone, whether that many zones are used or not.
So a zone's addresses follow from its index alone, and adding a zone moves no existing subnet (a
subnet whose block changes is replaced, and with it whatever lives there). The last slot stays
free for what the user adds.

Within a slot the first half is the private subnet, where the fleet lives; the eighth after it is
the public one, which holds only NAT gateways and balancer nodes. The rest of the slot is free.
For `10.0.0.0/16` zone 0 gets `10.0.0.0/19` private and `10.0.32.0/21` public.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from fleetmend.core import ranges

MAX_ZONES = 3
LARGEST_PREFIX = 16
"""AWS takes no VPC block larger than this (EC2 CreateVpc)."""
SMALLEST_PREFIX = 23
"""The public subnet is five bits longer, and AWS takes no subnet smaller than /28."""


class PlanError(ValueError):
    """The block cannot be divided as asked; the message says what would be valid."""


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """One zone's subnets. `index` is the zone's place among the region's zones, from 0."""

    index: int
    private: IPv4Network
    public: IPv4Network


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A VPC's block and its zones' subnets."""

    block: IPv4Network
    zones: tuple[ZonePlan, ...]


def plan(block: str, zones: int) -> NetworkPlan:
    """The subnets of `zones` zones inside `block`.

    Raises:
        PlanError: The block is no private IPv4 block of a size that fits, or too many zones.
    """
    network = _block(block)
    if not 1 <= zones <= MAX_ZONES:
        raise PlanError(f"{zones} zones: 1 to {MAX_ZONES} fit")
    slots = list(network.subnets(prefixlen_diff=2))
    return NetworkPlan(network, tuple(_zone(index, slots[index]) for index in range(zones)))


def _block(text: str) -> IPv4Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise PlanError(str(error)) from None
    if not isinstance(network, IPv4Network):
        raise PlanError(f"{text} is an IPv6 block; the VPC's is IPv4")
    if not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
        size = "large" if network.prefixlen < LARGEST_PREFIX else "small"
        bounds = f"/{LARGEST_PREFIX} to /{SMALLEST_PREFIX}"
        raise PlanError(f"{text} is too {size}: a VPC that holds all subnets is {bounds}")
    if not ranges.is_private(network):
        raise PlanError(f"{text} is not private address space (RFC 1918 or 100.64.0.0/10)")
    return network


def _zone(index: int, slot: IPv4Network) -> ZonePlan:
    private, rest = slot.subnets(prefixlen_diff=1)
    public = next(rest.subnets(prefixlen_diff=2))
    return ZonePlan(index, private, public)

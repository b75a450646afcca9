"""IP ranges: what is private, what is public, and what adds up to the whole world."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

Range = IPv4Network | IPv6Network

PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),  # RFC 6598: carriers, and many VPCs' secondary blocks
    IPv6Network("fc00::/7"),
)
"""Ranges that no packet from the internet can come from."""

WORLD_SHARE = 2
"""A list of ranges is open to the world when it covers one part in this many of all addresses."""


def parse(text: str) -> Range:
    """The range that a CIDR block such as `10.0.0.0/8` names.

    Raises:
        ValueError: It is no CIDR block, or has bits set beyond its prefix.
    """
    return ip_network(text)


def is_private(block: Range) -> bool:
    """Whether the block lies wholly within private address space."""
    return any(_within(block, private) for private in PRIVATE)


def open_to_world(blocks: Iterable[Range]) -> list[Range]:
    """The ranges that together are as good as everybody, or nothing where they are not.

    `0.0.0.0/0` and `::/0` alone are, and so are ranges that add up to them: blocks of one IP
    version are merged, and half of all addresses or more counts as the world, so that leaving
    out a corner of it does not help.
    """
    blocks = list(blocks)
    v4 = list(collapse_addresses(b for b in blocks if isinstance(b, IPv4Network)))
    v6 = list(collapse_addresses(b for b in blocks if isinstance(b, IPv6Network)))
    found: list[Range] = []
    if sum(b.num_addresses for b in v4) * WORLD_SHARE >= 2**32:
        found += [b for b in blocks if isinstance(b, IPv4Network) and not is_private(b)]
    if sum(b.num_addresses for b in v6) * WORLD_SHARE >= 2**128:
        found += [b for b in blocks if isinstance(b, IPv6Network) and not is_private(b)]
    return found


def _within(block: Range, other: Range) -> bool:
    if isinstance(block, IPv4Network):
        return isinstance(other, IPv4Network) and block.subnet_of(other)
    return isinstance(other, IPv6Network) and block.subnet_of(other)

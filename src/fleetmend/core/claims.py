"""Who has claimed a selector: one installation for each account and region.

Two installations that start the same instances would fight over them, and neither sees the
other's ledger. So the claim is a parameter outside of both, named by the concern and the tag.
"""

import hashlib
from datetime import datetime, timedelta

from fleetmend.core.model import Selector

ROOT = "/fleetmend-claims"
"""Shared by all installations, whatever their project is called."""

REFRESH = timedelta(minutes=15)
"""A claim older than this is written anew by its owner, in every mode."""

LEASE = timedelta(hours=2)
"""A claim older than this belongs to nobody: its installation has been gone for long."""


MARGIN = timedelta(minutes=5)
"""So long before that its owner counts it as lost: longer than a run, and what clocks differ by."""


def parameter(concern: str, selector: Selector) -> str:
    """The parameter that holds the claim; a tag may hold what a parameter's name may not."""
    tag = f"{selector.key}={selector.value}".encode()
    # Short, because scanners take forty letters and slashes for a secret key of AWS.
    return f"{ROOT}/{concern}/{hashlib.sha256(tag).hexdigest()[:16]}"


def is_due(claimed_at: datetime, now: datetime) -> bool:
    """Whether its owner should write it anew."""
    return now - claimed_at > REFRESH


def is_slipping(claimed_at: datetime, now: datetime) -> bool:
    """Whether its owner has been gone for so long that somebody else may be taking it."""
    return now - claimed_at > LEASE - MARGIN


def is_over(claimed_at: datetime, now: datetime) -> bool:
    """Whether somebody else may take it."""
    return now - claimed_at > LEASE

"""Times as people read them."""

from datetime import UTC, datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week as settings name them; Monday is 0, as Python counts."""


def utc(moment: datetime) -> str:
    """A time with its zone: `2026-03-01 12:00:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

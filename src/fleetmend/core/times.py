"""Times as people read them."""

from datetime import UTC, datetime


def utc(moment: datetime) -> str:
    """A time with its zone: `2026-03-01 12:00:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

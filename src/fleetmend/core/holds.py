"""Holds: a person's word that a subject is to be left alone until a time.

A hold is a tag on the subject, `fleetmend:hold-until=<ISO 8601 time>`, or stands in the record
with who said it and why, or comes back in windows of the settings. A tag that cannot be read as
a time holds without end: somebody meant something by it, and doubt means no harm.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from fleetmend.core.model import Hold
from fleetmend.core.windows import Window

TAG = "fleetmend:hold-until"
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def in_force(
    tags: Mapping[str, str],
    recorded: Hold | None,
    now: datetime,
    windows: Iterable[Window] = (),
) -> Hold | None:
    """The hold that ends last among those not yet over, or None."""
    ends = ((window, window.open_until(now)) for window in windows)
    coming_back = (Hold(end, window.by, window.reason) for window, end in ends if end)
    said = (_tagged(tags), recorded, *coming_back)
    holds = [hold for hold in said if hold and now < hold.until]
    return max(holds, key=lambda hold: hold.until, default=None)


def sentence(hold: Hold) -> str:
    """Until when, by whom and why, for people."""
    return f"held until {hold.until:%Y-%m-%dT%H:%M:%SZ} by {hold.by}: {hold.reason}"


def _tagged(tags: Mapping[str, str]) -> Hold | None:
    value = tags.get(TAG)
    if value is None:
        return None
    by = f"the tag {TAG}"
    try:
        until = datetime.fromisoformat(value.strip())
        until = until.replace(tzinfo=UTC) if until.tzinfo is None else until.astimezone(UTC)
    except (ValueError, OverflowError):
        return Hold(FOREVER, by, f"{value!r} is not an ISO 8601 time, so it holds until corrected")
    return Hold(until, by, value)

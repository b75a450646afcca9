"""Times in a scenario that count from its start: `"+2h"` is that long after it.

A world says when its start is, and how much faster its time goes by.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleetmend.lab.words import seconds

_RELATIVE = re.compile(r"\+(\S+)")


def when_tagged(tags: Mapping[str, str], start: datetime, speed: float = 1.0) -> dict[str, str]:
    """The tags with relative times spelled out, in UTC.

    `speed` divides the lengths, for a world whose scenario time is scaled.
    """
    moments = {key: _moment(value, start, speed) for key, value in tags.items()}
    return {
        key: tags[key] if moment is None else _in_utc(moment) for key, moment in moments.items()
    }


def when_set(settings: Mapping[str, Any], start: datetime, speed: float = 1.0) -> dict[str, Any]:
    """The settings with the relative times of hold windows as clocks of their zone show them.

    Windows know whole minutes: such a one begins up to a minute early, and ends up to one late.
    What is no window stays as it is: whoever reads the settings says so.
    """
    given = dict(settings)
    windows = given.get("hold_windows")
    if isinstance(windows, list):
        given["hold_windows"] = [
            _window(cast("dict[str, object]", one), start, speed) if isinstance(one, dict) else one
            for one in cast("list[object]", windows)
        ]
    return given


def _window(window: dict[str, object], start: datetime, speed: float) -> dict[str, object]:
    shown, zone = dict(window), _zone(window.get("zone"))
    for key, late in (("from", timedelta()), ("to", timedelta(minutes=1, microseconds=-1))):
        moment = _moment(window.get(key), start, speed)
        if moment is not None:
            shown[key] = f"{(moment + late).astimezone(zone):%H:%M}"
    return shown


def _zone(name: object) -> tzinfo:
    try:
        return ZoneInfo(str(name))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return UTC  # the window is refused for its zone


def _moment(value: object, start: datetime, speed: float) -> datetime | None:
    """When it is, or None where it is no relative time."""
    match = _RELATIVE.fullmatch(value) if isinstance(value, str) else None
    try:
        return start + timedelta(seconds=seconds(match[1]) / speed) if match else None
    except ValueError:
        return None


def _in_utc(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")

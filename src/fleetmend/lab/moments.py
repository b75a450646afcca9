"""Times in a scenario that count from its start: `"+2h"` is that long after it.

A world says when its start is, and how much faster its time goes by.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
    """
    given = dict(settings)
    if "hold_windows" in given:
        given["hold_windows"] = [_window(one, start, speed) for one in given["hold_windows"]]
    return given


def _window(window: Mapping[str, str], start: datetime, speed: float) -> dict[str, str]:
    shown = dict(window)
    for key, late in (("from", timedelta()), ("to", timedelta(minutes=1, microseconds=-1))):
        moment = _moment(window.get(key, ""), start, speed)
        if moment is not None:
            shown[key] = f"{(moment + late).astimezone(ZoneInfo(window['zone'])):%H:%M}"
    return shown


def _moment(value: str, start: datetime, speed: float) -> datetime | None:
    """When it is, or None where the text is no relative time."""
    match = _RELATIVE.fullmatch(value)
    try:
        return start + timedelta(seconds=seconds(match[1]) / speed) if match else None
    except ValueError:
        return None


def _in_utc(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")

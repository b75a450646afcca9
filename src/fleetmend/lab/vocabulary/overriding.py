"""A concern's settings as a scenario's file gives them."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from fleetmend.core.fields import Windows
from fleetmend.lab.moments import when_set
from fleetmend.lab.words import seconds

_SOME_TIME = datetime(2026, 3, 1, tzinfo=UTC)
"""Relative times are well-formed or not whenever the start is."""


def overrides(policy: type) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What turns a concern's settings into what Parameter Store holds: durations in seconds.

    What it gives raises `ValueError`, naming each setting that does not exist, or is no duration or
    window.
    """
    known = {f.name: f.type for f in fields(cast("Any", policy)) if f.name != "mode"}

    def taken(value: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        wrong: list[str] = []
        for name, given in value.items():
            if name not in known:
                wrong.append(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
                continue
            try:
                result[name] = _taken(name, known[name], given)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return result

    return taken


def _taken(name: str, kind: object, given: object) -> object:
    if kind is timedelta and isinstance(given, str):
        return seconds(given)
    if name == "hold_windows":
        Windows().take(when_set({name: given}, _SOME_TIME)[name])
    return given

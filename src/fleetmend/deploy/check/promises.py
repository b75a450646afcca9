"""Rules on promises: what is promised must be possible with every event lost."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleetmend.core.graph import Node
from fleetmend.deploy.check.functions import DEFAULT_TIMEOUT
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.check.topology import number
from fleetmend.deploy.lambdas import SCHEDULE, called, sources
from fleetmend.deploy.view import View, mapping, parameter_text, text_of

SCHEDULER_PRECISION = 60
"""Seconds by which EventBridge Scheduler may be late.
See https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""

PROMISES = "promises"
"""The field of the installation's parameter that says what is promised: seconds by concern."""

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


@rule("promise-unkept")
def unkept(view: View) -> Iterator[Fault]:
    """A schedule cannot keep what is promised.

    With every event lost, the sweep alone must keep it: interval, scheduler precision (60 s),
    longest run and batch window together may not exceed the promised time. A sweep every five
    minutes cannot keep a promise of five.

    Remedy: sweep more often, shorten the time-out or the batch window, or promise less.

    See: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    promised = _promised(view)
    for schedule in view.of_type(SCHEDULE):
        target = mapping(schedule.inputs.get("target"))
        function = called(view, target.get("arn"))
        seconds = promised.get(_concern(function)) if function else None
        interval = _interval(text_of(schedule, "scheduleExpression"))
        if function is None or seconds is None or interval is None:
            continue
        parts = {
            "sweep": interval,
            "scheduler precision": SCHEDULER_PRECISION,
            "run": number(function.inputs.get("timeout"), DEFAULT_TIMEOUT),
            "batch window": _window(view, function),
            "flexible window": _flexible(schedule),
        }
        worst = sum(parts.values())
        if worst > seconds:
            sum_ = " + ".join(f"{name} {value} s" for name, value in parts.items() if value)
            message = f"{worst} s at worst, {seconds} s promised"
            yield Fault(schedule, message, f"{sum_} = {worst} s")


def _promised(view: View) -> Mapping[str, int]:
    """Seconds by concern, from the installation's parameter."""
    found: dict[str, int] = {}
    for node in view.of_type("aws:ssm/parameter:Parameter"):
        try:
            value: Any = json.loads(parameter_text(node) or "null")
        except json.JSONDecodeError:
            continue
        for concern, seconds in mapping(mapping(value).get(PROMISES)).items():
            found[concern] = number(seconds, 0)
    return found


def _concern(function: Node) -> str:
    """The concern a function serves, as its own environment says."""
    variables = mapping(mapping(function.inputs.get("environment")).get("variables"))
    return str(variables.get("POWERTOOLS_SERVICE_NAME", ""))


def _interval(expression: str) -> int | None:
    """Seconds between two calls, for `rate(…)` and for cron's every-n-minutes; else None."""
    match = _RATE.fullmatch(expression.strip())
    if match:
        return int(match[1]) * _UNITS[match[2]]
    cron = re.fullmatch(r"cron\(\*/(\d+) \* [*?] \* [*?] \*\)", expression.strip()) or (
        re.fullmatch(r"cron\(0/(\d+) \* [*?] \* [*?] \*\)", expression.strip())
    )
    return int(cron[1]) * 60 if cron else None


def _window(view: View, function: Node) -> int:
    windows = [
        number(source.inputs.get("maximumBatchingWindowInSeconds"), 0)
        for source in sources(view, function)
    ]
    return max(windows, default=0)


def _flexible(schedule: Node) -> int:
    window = mapping(schedule.inputs.get("flexibleTimeWindow"))
    if window.get("mode") != "FLEXIBLE":
        return 0
    return 60 * number(window.get("maximumWindowInMinutes"), 0)

"""Mode and policy from Parameter Store, read anew on each run with one call.

Doubt means no harm: while a parameter is missing or wrong, the mode is `observe` at most, what
can be understood of the rest is in force, and the mistakes are handed to whoever tells people.
A missing policy is a mistake too: the installation writes `{}` where nothing is overridden, and
a deleted one may have held the selector. When Parameter Store does not answer, the run ends
before it began: the kill switch may have been thrown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from fleetmend.aws.clients import SHORTEST_LEASE, Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.model import Mode, RecoveryPolicy, Selector
from fleetmend.core.ports import PortError
from fleetmend.lambdas.settings import Settings

_STRICTEST_FIRST = (Mode.OFF, Mode.OBSERVE, Mode.ACT)

_DAY = 86400.0

DURATIONS: Mapping[str, tuple[float, float]] = {
    "retry_interval": (0.01, _DAY),
    "capacity_first": (0.01, _DAY),
    "capacity_longest": (0.01, _DAY),
    "capacity_window": (0.01, 30 * _DAY),
    "transition_look": (0.01, 900.0),
    "verify_look": (0.01, 900.0),
    "verify_window": (0.01, _DAY),
    "settle": (0.0, 3600.0),
    "intent_lifetime": (SHORTEST_LEASE.total_seconds(), 900.0),
    "observation_lifetime": (0.5, 900.0),
}
"""Fields of `RecoveryPolicy` in seconds: the least and the most that is taken."""

NUMBERS: Mapping[str, tuple[float, float]] = {"jitter": (0.0, 1.0)}
WHOLE_NUMBERS: Mapping[str, tuple[int, int]] = {"max_attempts": (1, 100)}


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy of this run, and what is wrong with the parameters, one sentence each."""

    policy: RecoveryPolicy
    problems: tuple[str, ...] = ()


def read(client: Client, settings: Settings) -> InForce:
    """The policy in force; one GetParameters.

    Raises:
        PortError: Parameter Store did not answer, or refused.
    """
    concern = settings.concern
    everywhere, here, overrides = names = [
        settings.parameter("mode/all"),
        settings.parameter(f"mode/{concern}"),
        settings.parameter(f"{concern}/policy"),
    ]
    try:
        answer = client.get_parameters(Names=names)
    except SdkError as error:
        raise failed(PortError, f"ssm:GetParameters of {', '.join(names)}", error) from error
    items = cast("list[Mapping[str, Any]]", answer.get("Parameters") or [])
    values = {str(item.get("Name")): str(item.get("Value")) for item in items}
    problems = [f"the parameter {name} is missing" for name in names if name not in values]
    modes = [_mode(name, values[name], problems) for name in (everywhere, here) if name in values]
    policy = parse_policy(values.get(overrides, "{}"), overrides, problems)
    if problems:
        modes.append(Mode.OBSERVE)
    return InForce(replace(policy, mode=min(modes, key=_STRICTEST_FIRST.index)), tuple(problems))


def parse_policy(text: str, name: str, problems: list[str]) -> RecoveryPolicy:
    """The default policy with the overrides of one parameter.

    Args:
        text: a JSON object of field → value; durations in seconds.
        name: the parameter's name, for the sentences.
        problems: gets a sentence for every key that is unknown or whose value is not taken.
    """
    default = RecoveryPolicy()
    try:
        loaded: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(f"{name} is not JSON: {error}")
        return default
    if not isinstance(loaded, dict):
        problems.append(f"{name} is not a JSON object")
        return default
    taken: dict[str, Any] = {}
    for key, value in cast("Mapping[str, object]", loaded).items():
        try:
            taken[key] = _value(key, value)
        except ValueError as error:
            problems.append(f"{name}: {key}: {error}")
    policy = replace(default, **taken)
    if policy.capacity_first > policy.capacity_longest:
        problems.append(f"{name}: capacity_first is longer than capacity_longest")
        return replace(
            policy,
            capacity_first=default.capacity_first,
            capacity_longest=default.capacity_longest,
        )
    return policy


def _mode(name: str, value: str, problems: list[str]) -> Mode:
    try:
        return Mode(value.strip())
    except ValueError:
        problems.append(f"{name}: {value!r} is not one of off, observe, act")
        return Mode.OBSERVE


def _value(key: str, value: object) -> object:
    """One field's value as `RecoveryPolicy` holds it.

    Raises:
        ValueError: says what would be taken.
    """
    if key in DURATIONS:
        return timedelta(seconds=_number(value, *DURATIONS[key], " seconds"))
    if key in NUMBERS:
        return _number(value, *NUMBERS[key])
    if key in WHOLE_NUMBERS:
        number = _number(value, *WHOLE_NUMBERS[key])
        if not number.is_integer():
            raise ValueError(f"{value!r} is not a whole number")
        return int(number)
    if key == "selector":
        return _selector(value)
    known = ", ".join(sorted([*DURATIONS, *NUMBERS, *WHOLE_NUMBERS, "selector"]))
    raise ValueError(f"unknown; there are {known}")


def _number(value: object, least: float, most: float, unit: str = "") -> float:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is None or not least <= number <= most:
        raise ValueError(f"{value!r} is not a number from {least:g} to {most:g}{unit}")
    return float(number)


def _selector(value: object) -> Selector:
    fields = cast("Mapping[str, object]", value) if isinstance(value, dict) else None
    if fields is not None and set(fields) == {"key", "value"}:
        key, wanted = fields["key"], fields["value"]
        if isinstance(key, str) and isinstance(wanted, str) and _fits_a_tag(key, wanted):
            return Selector(key, wanted)
    raise ValueError('not of the form {"key": "Auto-Recover", "value": "true"}')


def _fits_a_tag(key: str, value: str) -> bool:
    """EC2 User Guide, "Tag restrictions"."""
    return 0 < len(key) <= 128 and len(value) <= 256

"""Mode and policy from Parameter Store, read anew on each run with one call.

Doubt means no harm: while a parameter is missing or wrong, the mode is `observe` at most, what
can be understood of the rest is in force, and the mistakes are handed to whoever tells people.
A missing policy is a mistake too: the installation writes `{}` where nothing is overridden, and
a deleted one may have held the selector. When Parameter Store does not answer, the run ends
before it began: the kill switch may have been thrown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.model import Mode
from fleetmend.core.ports import PortError
from fleetmend.lambdas.fields import Declared, P
from fleetmend.lambdas.settings import Settings

_STRICTEST_FIRST = (Mode.OFF, Mode.OBSERVE, Mode.ACT)


@dataclass(frozen=True, slots=True)
class InForce(Generic[P]):
    """The policy of this run, and what is wrong with the parameters, one sentence each."""

    policy: P
    problems: tuple[str, ...] = ()


def read(client: Client, settings: Settings, declared: Declared[P]) -> InForce[P]:
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
    policy = declared.parse(values.get(overrides, "{}"), overrides, problems)
    if problems:
        modes.append(Mode.OBSERVE)
    return InForce(replace(policy, mode=min(modes, key=_STRICTEST_FIRST.index)), tuple(problems))


def _mode(name: str, value: str, problems: list[str]) -> Mode:
    try:
        return Mode(value.strip())
    except ValueError:
        problems.append(f"{name}: {value!r} is not one of off, observe, act")
        return Mode.OBSERVE

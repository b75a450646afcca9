"""Mode and policy from Parameter Store, read anew on each run with one call.

Doubt means no harm: while a parameter is missing or wrong, the mode is `observe` at most, what
can be understood of the rest is in force, and the mistakes are handed to whoever tells people.
One that is missing is a mistake too: the installation writes `{}` where nothing is overridden, and
a deleted one may have held anything. What people override wins over what was deployed, key by
key, and no deployment touches it. When Parameter Store does not answer, the run ends
before it began: the kill switch may have been thrown.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic

from fleetmend.aws.parameters import ParameterStore
from fleetmend.core.fields import DEPLOYED, Declared, P
from fleetmend.core.model import Mode
from fleetmend.lambdas import claiming
from fleetmend.lambdas.settings import Settings

_STRICTEST_FIRST = (Mode.OFF, Mode.OBSERVE, Mode.ACT)


@dataclass(frozen=True, slots=True)
class InForce(Generic[P]):
    """The policy of this run, and what is wrong with the parameters, one sentence each.

    `claimed` says that another installation has claimed the selector, so that this one watches.
    """

    policy: P
    problems: tuple[str, ...] = ()
    claimed: str = ""


def read(
    store: ParameterStore, settings: Settings, declared: Declared[P], now: Callable[[], datetime]
) -> InForce[P]:
    """The policy in force; one GetParameters, and one PutParameter where a claim is made anew.

    Raises:
        PortError: Parameter Store did not answer, or refused.
    """
    concern = settings.concern
    everywhere, here, deployed, overrides = names = [
        settings.parameter("mode/all"),
        settings.parameter(f"mode/{concern}"),
        settings.parameter(f"{concern}/policy"),
        settings.parameter(f"{concern}/overrides"),
    ]
    found = store.read([*names, settings.claim] if settings.claim else names)
    values = {name: parameter.value for name, parameter in found.items()}
    problems = [f"the parameter {name} is missing" for name in names if name not in values]
    modes = [_mode(name, values[name], problems) for name in (everywhere, here) if name in values]
    policy = declared.parse(values.get(deployed, "{}"), deployed, problems)
    said = values.get(overrides, "{}")
    policy = declared.parse(said, overrides, problems, over=policy, fixed=DEPLOYED)
    if problems:
        modes.append(Mode.OBSERVE)
    mode = min(modes, key=_STRICTEST_FIRST.index)
    claimed = ""
    if settings.claim:
        claim = found.get(settings.claim)
        other = claiming.claimant(store, settings, claim, now, acting=mode is Mode.ACT)
        if other and mode is Mode.ACT:
            mode = Mode.OBSERVE
            claimed = f"the selector is claimed by {other}: {settings.installation} observes only"
    return InForce(replace(policy, mode=mode), tuple(problems), claimed)


def _mode(name: str, value: str, problems: list[str]) -> Mode:
    try:
        return Mode(value.strip())
    except ValueError:
        problems.append(f"{name}: {value!r} is not one of off, observe, act")
        return Mode.OBSERVE

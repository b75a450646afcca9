"""The scope as a whole at one moment: what a mass stop is told from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fleetmend.core.model import RecoveryPolicy

MASS_STOP = "mass-stop"
"""The subject whose record says whether a mass stop is under way: one object for all of it."""


MASS_IMPAIRED = "mass-impaired"
"""The subject whose record says whether so many are impaired that it is an outage."""


@dataclass(frozen=True, slots=True)
class Ailing:
    """All in scope that runs with a failing status check; `observed_at` is before the calls."""

    ids: tuple[str, ...]
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Down:
    """An instance in scope that is `stopping` or `stopped`, or has `ended`: was terminated.

    `at` is when its stop was asked for, as EC2 says it (DescribeInstances,
    StateTransitionReason); None where EC2 names no time, as for a host that failed or a system
    that was shut down from inside. `named` says that `at` is when an event named it instead.
    `tags` say whose it is.
    """

    id: str
    at: datetime | None = None
    ended: bool = False
    named: bool = False
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Scope:
    """All that is down and nobody else's, and how many instances there are in scope.

    A `size` of 0 leaves that unsaid. `observed_at` is before the calls that read it.
    """

    down: tuple[Down, ...]
    observed_at: datetime
    size: int = 0

    def stopped_since(self, moment: datetime) -> tuple[Down, ...]:
        """Those whose stop was asked for after that moment."""
        return tuple(one for one in self.down if one.at is not None and one.at > moment)


def suspicious(count: int, policy: RecoveryPolicy) -> bool:
    """Whether so many recent stops are worth counting the scope: a tenth of a mass stop is."""
    return count >= max(2, policy.mass_count // 10)


def is_mass(count: int, size: int, policy: RecoveryPolicy) -> bool:
    """Whether so many stops in a scope of this size are more likely meant than not."""
    return count >= policy.mass_count and count >= policy.mass_share * size


def timed(down: Collection[Down], named: Collection[str], now: datetime) -> tuple[Down, ...]:
    """Those with a time, and those without that an event has just named, which stopped now."""
    return tuple(
        replace(one, at=now, named=True) if one.at is None and one.id in named else one
        for one in down
    )


def recent(scope: Scope, policy: RecoveryPolicy, now: datetime) -> tuple[Down, ...]:
    """Those that stopped inside the window."""
    return scope.stopped_since(now - max(policy.mass_window, timedelta(0)))

"""Auto Scaling groups as facts, and what health may do about them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fleetmend.core.model import Check, Mode, Selector

_DOWN = {"stopping", "stopped", "shutting-down", "terminated"}
_UNHEALTHY = {"unhealthy", "unhealthy.draining"}

SUSPENDABLE = "ReplaceUnhealthy"
"""The one process health ever suspends. Never `Launch`: a group whose launches are suspended
still terminates (Amazon EC2 Auto Scaling User Guide, "Suspend-resume processes")."""


@dataclass(frozen=True, slots=True)
class Member:
    """One instance of a group at one moment.

    `lifecycle` is Auto Scaling's LifecycleState (`InService`, `Pending:Wait`, `Standby`,
    `Warmed:Stopped`, ...); `marked` says that Auto Scaling holds it for unhealthy. `targets` are
    its states in the group's target groups. `retires_at` is a retirement AWS has scheduled.
    `state` is EC2's own, empty where EC2 did not say; `weight` is how much of the group's desired
    capacity it makes up (mixed instances count in units and not in heads).
    """

    id: str
    zone: str
    lifecycle: str
    state: str = "running"
    weight: int = 1
    marked: bool = False
    launched_at: datetime | None = None
    checks: tuple[Check, ...] = ()
    targets: tuple[str, ...] = ()
    alarmed: bool = False
    agent_silent: bool = False
    retires_at: datetime | None = None

    @property
    def serves(self) -> bool:
        """Whether it counts as one of the group's instances at work: standby and warm do not."""
        return self.lifecycle == "InService"

    @property
    def sound(self) -> bool:
        """Whether it is at work and all that is known of it is good: nothing still initializes."""
        return (
            self.serves
            and not self.marked
            and bool(self.checks)
            and all(check.status == "ok" for check in self.checks)
            and all(state in {"healthy", "unused"} for state in self.targets)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """One Auto Scaling group at one moment; `observed_at` is before the calls that read it.

    `desired` is in the units of its members' weights. `zones` are those it may use.
    """

    name: str
    observed_at: datetime
    desired: int
    members: tuple[Member, ...]
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    suspended: frozenset[str] = frozenset()
    refreshing: bool = False
    zones: tuple[str, ...] = ()

    @property
    def serving(self) -> tuple[Member, ...]:
        """The members at work."""
        return tuple(member for member in self.members if member.serves)


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How health behaves; every field is a setting that is re-read on each run.

    `healthy_floor` is the share of desired instances, rounded down, below which nothing more is
    taken out; so a group of one to three with a single ill instance still heals.
    `suspension` bounds how long the breaker keeps Auto Scaling from replacing on its own.
    A CloudWatch alarm whose name begins with `alarm_prefix` and that has an `InstanceId` among its
    dimensions is that instance's application alarm; without a prefix there are none.
    """

    mode: Mode = Mode.ACT
    selector: Selector = field(default_factory=lambda: Selector("Auto-Heal", "true"))
    consecutive: int = 3
    sample_every: timedelta = timedelta(minutes=1)
    boot_grace: timedelta = timedelta(minutes=5)
    target_grace: timedelta = timedelta(minutes=5)
    alarm_grace: timedelta = timedelta(minutes=10)
    agent_grace: timedelta = timedelta(minutes=10)
    retire_ahead: timedelta = timedelta(hours=24)
    replace_silent_agents: bool = False
    alarm_prefix: str = ""
    max_replacements: int = 1
    healthy_floor: float = 0.5
    outage_threshold: float = 0.30
    suspension: timedelta = timedelta(minutes=30)
    verify_window: timedelta = timedelta(minutes=15)
    intent_lifetime: timedelta = timedelta(seconds=90)
    observation_lifetime: timedelta = timedelta(seconds=30)

    def floor(self, group: Group) -> int:
        """How many healthy instances must remain at work."""
        return math.floor(self.healthy_floor * group.desired)


def illness(member: Member, policy: HealthPolicy, now: datetime) -> str:
    """What ails a member at work, or nothing. Each signal has a grace of its own after launch.

    `initializing`, `insufficient-data`, `initial`, `draining` and `unused` are not ill: they
    say that nobody knows yet (EC2 DescribeInstanceStatus; ELB "Target health status").
    """
    if not member.serves:
        return ""
    if member.state in _DOWN:
        return f"EC2 says that it is {member.state}"
    impaired = sorted(check.name for check in member.checks if check.status == "impaired")
    if impaired and _older(member, policy.boot_grace, now):
        return f"status check {', '.join(impaired)} impaired"
    if _UNHEALTHY & set(member.targets) and _older(member, policy.target_grace, now):
        return "unhealthy in its target group"
    if member.alarmed and _older(member, policy.alarm_grace, now):
        return "its application alarm is on"
    if policy.replace_silent_agents and is_silent(member, policy, now):
        return "its SSM agent is silent"
    return ""


def is_silent(member: Member, policy: HealthPolicy, now: datetime) -> bool:
    """Whether its SSM agent had reported once, and does so no more."""
    return member.serves and member.agent_silent and _older(member, policy.agent_grace, now)


def retirement(member: Member, policy: HealthPolicy, now: datetime) -> str:
    """What AWS has announced for a member at work and is near, or nothing.

    It is no illness: many retirements at once are no outage, they are served one by one.
    """
    if member.serves and member.retires_at and member.retires_at - now <= policy.retire_ahead:
        return f"AWS retires it at {member.retires_at:%Y-%m-%dT%H:%MZ}"
    return ""


def lone_zone(group: Group) -> str:
    """The zone where all that is at work lies, in a group that may use others; or nothing."""
    lived_in = {member.zone for member in group.serving}
    alone = len(group.serving) > 1 and len(lived_in) == 1 and len(group.zones) > 1
    return lived_in.pop() if alone else ""


def outage(group: Group, ill: Mapping[str, str], policy: HealthPolicy) -> str:
    """What a trouble looks like that is not one of instances, or nothing.

    At least two ill *and* more than `outage_threshold` of the group, or every instance of a zone
    that has at least two: replacing would make it worse. Current illness counts, not confirmed
    illness, so that the breaker closes before native replacement has done much.
    """
    serving = group.serving
    struck = [member for member in serving if member.id in ill]
    for zone in sorted({member.zone for member in struck}):
        there = [member for member in serving if member.zone == zone]
        if len(there) >= 2 and all(member.id in ill for member in there):
            return f"all {len(there)} instances in {zone} are ill"
    if len(struck) >= 2 and len(struck) > policy.outage_threshold * len(serving):
        return f"{len(struck)} of {len(serving)} instances are ill"
    return ""


def _older(member: Member, grace: timedelta, now: datetime) -> bool:
    return member.launched_at is not None and now - member.launched_at >= grace

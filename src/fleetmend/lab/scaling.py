"""What Auto Scaling does by itself, in both worlds; without it no breaker proves anything.

Amazon EC2 Auto Scaling User Guide: "Health checks for instances in an Auto Scaling group" (who is
marked, and when), "Instance maintenance policies" (launch before terminate), "Suspend and resume
processes" (what is not done meanwhile, and what is made up for afterwards).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, Protocol, TypeVar

IMPAIRED_FOR = (120.0, 240.0)
"""Auto Scaling gives an impaired instance a few minutes to get well before it marks it."""

DOWN_FOR = (30.0, 60.0)
"""Until an instance that does not run any more is marked."""

GRACE = 300.0
"""The group's health check grace period, as the compute component sets it."""

DECIDES_AFTER = (5.0, 20.0)
"""From a mark until the replacement begins."""

AGAIN = 15.0
"""Until a replacement that could not begin is tried again."""

DOWN = frozenset({"stopping", "stopped", "shutting-down", "terminated"})

REPLACE, LAUNCH, CHECK = "ReplaceUnhealthy", "Launch", "HealthCheck"

LAUNCHED = "EC2 Instance Launch Successful"
TERMINATED = "EC2 Instance Terminate Successful"


class Group(Protocol):
    """One group.

    `suspended` is assigned, never changed in place. `refreshing_until` is on the law's clock, -1
    where no instance refresh was ever made.
    """

    refreshing_until: float

    @property
    def suspended(self) -> set[str]:
        """The processes that are suspended."""
        ...

    @suspended.setter
    def suspended(self, processes: set[str], /) -> None: ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def desired(self) -> int:
        """How many it is to have."""
        ...

    @property
    def zones(self) -> Sequence[str]:
        """Where it may launch."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """Its own tags."""
        ...

    @property
    def replacing(self) -> set[str]:
        """Members whose successor is on its way."""
        ...


class Member(Protocol):
    """One instance of a group.

    `running_since` and `booted_at` are on the law's clock.
    """

    @property
    def marked(self) -> bool:
        """Whether it is marked unhealthy."""
        ...

    @marked.setter
    def marked(self, value: bool, /) -> None: ...

    @property
    def succeeds(self) -> str:
        """The id of the member in whose place it came, if it did."""
        ...

    @succeeds.setter
    def succeeds(self, value: str, /) -> None: ...

    @property
    def id(self) -> str:
        """The instance id."""
        ...

    @property
    def group(self) -> str:
        """Its group's name."""
        ...

    @property
    def zone(self) -> str:
        """Where it is."""
        ...

    @property
    def state(self) -> str:
        """As EC2 has it."""
        ...

    @property
    def aside(self) -> str:
        """Where it is in its group's life when it was taken out of work; empty where it was not."""
        ...

    @aside.setter
    def aside(self, value: str, /) -> None: ...

    @property
    def is_impaired(self) -> bool:
        """Whether a status check fails."""
        ...

    @property
    def target_ill(self) -> bool:
        """Whether it fails its balancer's check."""
        ...

    @property
    def running_since(self) -> float:
        """When it last began to run."""
        ...

    @property
    def booted_at(self) -> float:
        """When its status checks are ok, or were."""
        ...


G = TypeVar("G", bound=Group)
M = TypeVar("M", bound=Member)


class Clock(Protocol):
    """Scenario time in seconds."""

    @property
    def now(self) -> float:
        """This moment."""
        ...

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it so much later."""
        ...


class Herd(Protocol[G, M]):
    """The groups and instances of one world."""

    @property
    def groups(self) -> Mapping[str, G]:
        """All groups by name."""
        ...

    def members(self, group: G) -> list[M]:
        """Its instances, those that are on their way in or out included."""
        ...

    def member(self, identity: str) -> M | None:
        """The member of any group with that id."""
        ...

    def launch(self, gone: M, zone: str) -> M | None:
        """A new instance of the same group that boots; None where the zone has no capacity."""
        ...

    def terminate(self, member: M) -> None:
        """End an instance."""
        ...

    def marked(self, member: M) -> None:
        """A member was marked."""
        ...

    def changed(self, group: G, member: M, what: str) -> None:
        """A scaling activity ended: `what` is the detail type of its event."""
        ...


def most_at_once(group: Group) -> int:
    """Successors under way at once: at most 110% of the desired capacity, and at least one."""
    return max(1, group.desired // 10)


@dataclass
class Scaling(Generic[G, M]):
    """All groups of one world; `herd` is what there is, `random` decides how long things take."""

    clock: Clock
    herd: Herd[G, M]
    random: Random

    def heard(self, member: M, what: str) -> None:
        """Take notice of an instance's new state."""
        group = self.herd.groups.get(member.group)
        if group is None:
            return
        match what:
            case "impaired" | "stopped":
                self._watch(member)
            case "running" if member.succeeds:
                self.herd.changed(group, member, LAUNCHED)
                self.clock.after(5.0, lambda: self._succeeded(group, member))
            case "shutting-down" if member.id not in group.replacing:
                self.clock.after(30.0, lambda: self._relaunch(group, member))
            case "terminated":
                self.herd.changed(group, member, TERMINATED)
            case _:
                pass

    def mark(self, member: M, *, healthy: bool) -> None:
        """What SetInstanceHealth, or a health check, brings about."""
        member.marked = not healthy
        if healthy:
            self._watch(member)
            return
        self.herd.marked(member)
        self.clock.after(self.random.uniform(*DECIDES_AFTER), lambda: self._replace(member))

    def suspend(self, group: G, processes: set[str]) -> None:
        """From now on these are not done; what has begun goes on."""
        group.suspended = group.suspended | processes

    def resume(self, group: G, processes: set[str]) -> None:
        """Whatever is marked by now is replaced."""
        group.suspended = group.suspended - processes
        for one in self.herd.members(group):
            if one.marked and REPLACE not in group.suspended:
                self.clock.after(self.random.uniform(1.0, 10.0), lambda one=one: self._replace(one))

    def set_aside(self, member: M, lifecycle: str, seconds: float | None) -> None:
        """Take a member out of work, for so long or for good."""

        def back() -> None:
            member.aside = ""

        member.aside = lifecycle
        if seconds is not None:
            self.clock.after(seconds, back)

    def _watch(self, member: M) -> None:
        """A health check marks it, if it is as ill then as it is now."""
        down = member.state in DOWN
        if not down and not member.is_impaired:
            return
        patience = self.random.uniform(*(DOWN_FOR if down else IMPAIRED_FOR))
        grace = member.running_since + GRACE - self.clock.now
        self.clock.after(max(patience, 0.0 if down else grace), lambda: self._judge(member))

    def _judge(self, member: M) -> None:
        group = self.herd.groups[member.group]
        ill = member.state in {"stopping", "stopped"} or (
            member.state == "running" and member.is_impaired
        )
        if ill and not member.marked and not member.aside and CHECK not in group.suspended:
            self.mark(member, healthy=False)

    def _replace(self, member: M) -> None:
        """Launch before terminate; what does not run any more need not be waited for."""
        group = self.herd.groups[member.group]
        gone = member.state in {"shutting-down", "terminated"}
        if not member.marked or gone or member.id in group.replacing:
            return
        if REPLACE in group.suspended:
            return  # the resume takes it up
        if LAUNCH in group.suspended or member.state in DOWN:
            self.herd.terminate(member)
            return
        if len(group.replacing) >= most_at_once(group) or not self._launch(group, member):
            self.clock.after(AGAIN, lambda: self._replace(member))
            return
        group.replacing.add(member.id)

    def _relaunch(self, group: G, gone: M) -> None:
        self._launch(group, gone)

    def _launch(self, group: G, gone: M) -> bool:
        """A successor, in the zone with the fewest instances that has capacity."""
        up = {"pending", "running"}
        here = [one.zone for one in self.herd.members(group) if one.state in up]
        if len(here) >= group.desired + most_at_once(group) or LAUNCH in group.suspended:
            return False
        for zone in sorted(group.zones, key=lambda zone: (here.count(zone), zone)):
            fresh = self.herd.launch(gone, zone)
            if fresh is not None:
                fresh.succeeds = gone.id
                return True
        if gone.state in {"shutting-down", "terminated"}:
            self.clock.after(60.0, lambda: self._relaunch(group, gone))
        return False

    def _succeeded(self, group: G, fresh: M) -> None:
        old = self.herd.member(fresh.succeeds)
        if old is not None:
            self.herd.terminate(old)
        group.replacing.discard(fresh.succeeds)

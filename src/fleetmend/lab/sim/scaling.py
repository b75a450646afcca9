"""Auto Scaling groups and what AWS does with them by itself; without it no breaker proves anything.

Amazon EC2 Auto Scaling User Guide: "Health checks for instances in an Auto Scaling group" (who is
marked, and when), "Instance maintenance policies" (launch before terminate), "Suspend and resume
processes" (what is not done meanwhile, and what is made up for afterwards).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from fleetmend.lab.sim.engine import Engine
from fleetmend.lab.sim.fleet import Instance, SimFleet

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


@dataclass
class SimGroup:
    """One group; `replacing` are the members whose successor is on its way."""

    name: str
    desired: int
    zones: tuple[str, ...]
    tags: dict[str, str]
    balanced: bool = False
    suspended: set[str] = field(default_factory=set[str])
    refreshing_until: float = -1.0
    replacing: set[str] = field(default_factory=set[str])

    @property
    def most_at_once(self) -> int:
        """Successors under way at once: at most 110% of the desired capacity, and at least one."""
        return max(1, self.desired // 10)


@dataclass
class Scaling:
    """All groups. `changed` hears (group, instance, detail type) of each scaling activity's end."""

    engine: Engine
    fleet: SimFleet
    random: Random
    short: Callable[[Instance], bool]
    changed: Callable[[SimGroup, Instance, str], None]
    groups: dict[str, SimGroup] = field(default_factory=dict[str, SimGroup])

    def members(self, group: SimGroup) -> list[Instance]:
        """Its instances, those that are on their way in or out included."""
        return [
            one
            for one in self.fleet.instances.values()
            if one.group == group.name and one.state != "terminated"
        ]

    def heard(self, instance: Instance, what: str) -> None:
        """Take notice of an instance's new state."""
        group = self.groups.get(instance.group)
        if group is None:
            return
        match what:
            case "impaired" | "stopped":
                self._watch(instance)
            case "running" if instance.succeeds:
                self.changed(group, instance, "EC2 Instance Launch Successful")
                self.engine.after(5.0, lambda: self._succeeded(group, instance))
            case "shutting-down" if instance.id not in group.replacing:
                self.engine.after(30.0, lambda: self._relaunch(group, instance))
            case "terminated":
                self.changed(group, instance, "EC2 Instance Terminate Successful")
            case _:
                pass

    def mark(self, instance: Instance, *, healthy: bool) -> None:
        """What SetInstanceHealth, or a health check, brings about."""
        instance.marked = not healthy
        if healthy:
            self._watch(instance)
            return
        self.fleet.told(instance, "marked")
        self.engine.after(self.random.uniform(*DECIDES_AFTER), lambda: self._replace(instance))

    def suspend(self, group: SimGroup, processes: set[str]) -> None:
        """From now on these are not done; what has begun goes on."""
        group.suspended |= processes

    def resume(self, group: SimGroup, processes: set[str]) -> None:
        """Whatever is marked by now is replaced."""
        group.suspended -= processes
        for one in self.members(group):
            if one.marked and REPLACE not in group.suspended:
                self.engine.after(
                    self.random.uniform(1.0, 10.0), lambda one=one: self._replace(one)
                )

    def _watch(self, instance: Instance) -> None:
        """A health check marks it, if it is as ill then as it is now."""
        down = instance.state in DOWN
        if not down and not instance.past[-1].impaired:
            return
        patience = self.random.uniform(*(DOWN_FOR if down else IMPAIRED_FOR))
        grace = instance.past[-1].running_since + GRACE - self.engine.now
        self.engine.after(max(patience, 0.0 if down else grace), lambda: self._judge(instance))

    def _judge(self, instance: Instance) -> None:
        group = self.groups[instance.group]
        ill = instance.state in {"stopping", "stopped"} or (
            instance.state == "running" and instance.past[-1].impaired
        )
        if ill and not instance.marked and not instance.standby and CHECK not in group.suspended:
            self.mark(instance, healthy=False)

    def _replace(self, instance: Instance) -> None:
        """Launch before terminate; what does not run any more need not be waited for."""
        group = self.groups[instance.group]
        gone = instance.state in {"shutting-down", "terminated"}
        if not instance.marked or gone or instance.id in group.replacing:
            return
        if REPLACE in group.suspended:
            return  # the resume takes it up
        if LAUNCH in group.suspended or instance.state in DOWN:
            self.fleet.terminate(instance)
            return
        if len(group.replacing) >= group.most_at_once or not self._launch(group, instance):
            self.engine.after(AGAIN, lambda: self._replace(instance))
            return
        group.replacing.add(instance.id)

    def _relaunch(self, group: SimGroup, gone: Instance) -> None:
        self._launch(group, gone)

    def _launch(self, group: SimGroup, gone: Instance) -> bool:
        """A successor, in the zone with the fewest instances that has capacity."""
        here = [one.zone for one in self.members(group) if one.state in {"pending", "running"}]
        if len(here) >= group.desired + group.most_at_once or LAUNCH in group.suspended:
            return False
        for zone in sorted(group.zones, key=lambda zone: (here.count(zone), zone)):
            fresh = self.fleet.successor(gone, zone)
            if not self.short(fresh):
                fresh.succeeds = gone.id
                self.fleet.start(fresh)
                return True
            self.fleet.undo(fresh)
        if gone.state in {"shutting-down", "terminated"}:
            self.engine.after(60.0, lambda: self._relaunch(group, gone))
        return False

    def _succeeded(self, group: SimGroup, fresh: Instance) -> None:
        old = self.fleet.instances.get(fresh.succeeds)
        if old is not None:
            self.fleet.terminate(old)
        group.replacing.discard(fresh.succeeds)

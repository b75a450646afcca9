"""The simulated fleet's groups: what the law of Auto Scaling (lab/scaling.py) works on."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fleetmend.lab.sim.fleet import Instance, SimFleet


@dataclass
class SimGroup:
    """One group; see `Group` in lab/scaling.py."""

    name: str
    desired: int
    zones: tuple[str, ...]
    tags: dict[str, str]
    balanced: bool = False
    suspended: set[str] = field(default_factory=set[str])
    refreshing_until: float = -1.0
    replacing: set[str] = field(default_factory=set[str])


@dataclass
class SimHerd:
    """All groups and their instances; see `Herd` in lab/scaling.py."""

    fleet: SimFleet
    short: Callable[[Instance], bool]
    tell: Callable[[SimGroup, Instance, str], None]
    groups: dict[str, SimGroup] = field(default_factory=dict[str, SimGroup])

    def members(self, group: SimGroup) -> list[Instance]:
        """See `Herd`."""
        return [
            one
            for one in self.fleet.instances.values()
            if one.group == group.name and one.state != "terminated"
        ]

    def member(self, identity: str) -> Instance | None:
        """See `Herd`."""
        return self.fleet.instances.get(identity)

    def launch(self, gone: Instance, zone: str) -> Instance | None:
        """See `Herd`."""
        fresh = self.fleet.successor(gone, zone)
        if self.short(fresh):
            self.fleet.undo(fresh)
            return None
        self.fleet.start(fresh)
        return fresh

    def terminate(self, member: Instance) -> None:
        """See `Herd`."""
        self.fleet.terminate(member)

    def marked(self, member: Instance) -> None:
        """See `Herd`."""
        self.fleet.told(member, "marked")

    def changed(self, group: SimGroup, member: Instance, what: str) -> None:
        """See `Herd`."""
        self.tell(group, member, what)

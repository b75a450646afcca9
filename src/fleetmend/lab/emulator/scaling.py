"""moto's groups: what the law of Auto Scaling (lab/scaling.py) works on over the wire.

moto keeps groups and members, and neither marks nor replaces anybody. All methods want the
gateway's lock to be held; what happens later takes it itself.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from random import Random

from fleetmend.lab.autoscaling import GroupCalls
from fleetmend.lab.emulator.paging import Refused
from fleetmend.lab.emulator.physics import Change, Physics
from fleetmend.lab.emulator.timers import Timers
from fleetmend.lab.emulator.untyped import Untyped
from fleetmend.lab.scaling import Scaling

_OF_GROUP = "aws:autoscaling:groupName"
_LIFECYCLES = {"pending": "Pending", "running": "InService", "shutting-down": "Terminating"}


class LabClock:
    """Scenario time, and what happens later in it; see `Clock` in lab/scaling.py."""

    def __init__(self, timers: Timers, lock: threading.RLock, speed: float) -> None:
        self._timers = timers
        self._lock = lock
        self._speed = speed

    @property
    def now(self) -> float:
        """Scenario seconds on the machine's own clock."""
        return self.of(time.monotonic())

    def of(self, moment: float) -> float:
        """A reading of the machine's clock in scenario seconds."""
        return moment * self._speed

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it so many scenario seconds later."""

        def act() -> None:
            with self._lock:
                action()

        self._timers.after(seconds / self._speed, act)


class MotoGroup:
    """One group of moto's; see `Group` in lab/scaling.py."""

    def __init__(self, raw: Untyped) -> None:
        self.raw = raw
        self.refreshing_until = -1.0
        self.replacing = set[str]()

    @property
    def name(self) -> str:
        """See `Group`."""
        return str(self.raw.name)

    @property
    def desired(self) -> int:
        """See `Group`."""
        return int(self.raw.desired_capacity or 0)

    @property
    def zones(self) -> list[str]:
        """See `Group`."""
        return list(self.raw.availability_zones)

    @property
    def tags(self) -> dict[str, str]:
        """See `Group`."""
        return {str(tag["Key"]): str(tag["Value"]) for tag in self.raw.tags}

    @property
    def suspended(self) -> set[str]:
        """See `Group`."""
        return {str(process["ProcessName"]) for process in self.raw.suspended_processes}

    @suspended.setter
    def suspended(self, processes: set[str]) -> None:
        self.raw.suspended_processes = sorted(processes)


class MotoMember:
    """One instance of a group; see `Member` in lab/scaling.py."""

    def __init__(self, physics: Physics, clock: LabClock, raw: Untyped, entry: Untyped) -> None:
        """`raw` is moto's instance, `entry` its place in its group, None once it has none."""
        self._raw = raw
        self._body = physics.body(raw.id)
        self._clock = clock
        self.entry = entry

    @property
    def id(self) -> str:
        """See `Member`."""
        return str(self._raw.id)

    @property
    def group(self) -> str:
        """See `Member`."""
        return group_of(self._raw)

    @property
    def zone(self) -> str:
        """See `Member`."""
        return str(self._raw.placement.zone)

    @property
    def state(self) -> str:
        """See `Member`."""
        return str(self._raw.state)

    @property
    def aside(self) -> str:
        """See `Member`."""
        state = str(self.entry.lifecycle_state) if self.entry is not None else ""
        return "" if state in {*_LIFECYCLES.values()} else state

    @aside.setter
    def aside(self, value: str) -> None:
        if self.entry is not None:
            self.entry.lifecycle_state = value or "InService"

    @property
    def marked(self) -> bool:
        """See `Member`."""
        return self.entry is not None and self.entry.health_status == "Unhealthy"

    @marked.setter
    def marked(self, value: bool) -> None:
        if self.entry is not None:
            self.entry.health_status = "Unhealthy" if value else "Healthy"

    @property
    def succeeds(self) -> str:
        """See `Member`."""
        return self._body.succeeds

    @succeeds.setter
    def succeeds(self, value: str) -> None:
        self._body.succeeds = value

    @property
    def is_impaired(self) -> bool:
        """See `Member`."""
        return bool(self._body.impaired)

    @property
    def target_ill(self) -> bool:
        """See `Member`."""
        return self._body.target_ill

    @property
    def running_since(self) -> float:
        """See `Member`."""
        return self._clock.of(self._body.running_at)

    @property
    def booted_at(self) -> float:
        """See `Member`."""
        return self._clock.of(self._body.ready_at)


class MotoHerd:
    """All groups of one region; see `Herd` in lab/scaling.py.

    `tell` hears of each scaling activity's end: (group, instance, detail type).
    """

    def __init__(self, backend: Untyped, physics: Physics, clock: LabClock) -> None:
        self._backend = backend
        self._physics = physics
        self._clock = clock
        self._known: dict[str, MotoGroup] = {}
        self.tell: Callable[[str, str, str], None] = lambda _group, _instance, _what: None
        self.scaling: Scaling[MotoGroup, MotoMember] = Scaling(clock, self, Random(0))  # noqa: S311 - chance in a play
        self.calls = GroupCalls(self.scaling)
        physics.watch(self._heard)

    @property
    def groups(self) -> dict[str, MotoGroup]:
        """See `Herd`."""
        there: dict[str, Untyped] = self._backend.autoscaling_groups
        self._known = {
            name: known if (known := self._known.get(name)) and known.raw is raw else MotoGroup(raw)
            for name, raw in there.items()
        }
        return self._known

    def members(self, group: MotoGroup) -> list[MotoMember]:
        """See `Herd`."""
        entries: list[Untyped] = group.raw.instance_states
        return [self._member(entry.instance, entry) for entry in entries]

    def member(self, identity: str) -> MotoMember | None:
        """See `Herd`."""
        raw = self._physics.instances().get(identity)
        group = self.groups.get(group_of(raw)) if raw else None
        if raw is None or group is None:
            return None
        entries: list[Untyped] = group.raw.instance_states
        return self._member(raw, next((e for e in entries if e.instance.id == identity), None))

    def launch(self, gone: MotoMember, zone: str) -> MotoMember | None:
        """See `Herd`."""
        made = self.add(self.groups[gone.group], zone)
        if made is not None:
            takes = self._physics.body(gone.id).checks_take
            self._physics.body(made.id).checks_take = takes
        return made

    def add(self, group: MotoGroup, zone: str) -> MotoMember | None:
        """A new instance of a group in that zone; None where there is no capacity."""
        raw = group.raw
        try:
            self._physics.check_room(str(raw.instance_type), zone)
        except Refused:
            return None
        usual, raw.availability_zones = raw.availability_zones, [zone]  # moto draws one of them
        try:
            raw.replace_autoscaling_group_instances(1, raw.get_propagated_tags())
        finally:
            raw.availability_zones = usual
        entry = raw.instance_states[-1]
        self._physics.discover()
        return self._member(entry.instance, entry)

    def terminate(self, member: MotoMember) -> None:
        """See `Herd`."""
        was = member.state
        if was not in {"shutting-down", "terminated"}:
            self._physics.terminate(member.id, was)

    def marked(self, member: MotoMember) -> None:
        """See `Herd`."""
        self._physics.announce(member.id, "marked")

    def changed(self, group: MotoGroup, member: MotoMember, what: str) -> None:
        """See `Herd`."""
        self.tell(group.name, member.id, what)

    @contextmanager
    def ending(self, ids: Iterable[str]) -> Generator[None]:
        """Keep members on their way out in their groups; moto would replace them at once."""
        taken: list[tuple[Untyped, Untyped]] = []
        for name in ids:
            member = self.member(name)
            if member and member.entry is not None:
                raw = self.groups[member.group].raw
                raw.instance_states.remove(member.entry)
                taken.append((raw, member.entry))
        try:
            yield
        finally:
            for raw, entry in taken:
                raw.instance_states.append(entry)

    def _member(self, raw: Untyped, entry: Untyped) -> MotoMember:
        return MotoMember(self._physics, self._clock, raw, entry)

    def _heard(self, change: Change) -> None:
        member = self.member(change.instance)
        if member is None:
            return
        if member.entry is not None and change.state in _LIFECYCLES and not member.aside:
            member.entry.lifecycle_state = _LIFECYCLES[change.state]
        self.scaling.heard(member, change.state)
        if member.entry is not None and change.state == "terminated":
            self.groups[member.group].raw.instance_states.remove(member.entry)


def group_of(instance: Untyped) -> str:
    """The name of an instance's group, empty if it is in none."""
    tags: list[Untyped] = instance.get_tags()
    return next((str(tag["value"]) for tag in tags if tag["key"] == _OF_GROUP), "")

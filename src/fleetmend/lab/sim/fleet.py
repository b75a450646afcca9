"""Instances and their physics: transitions that take time, checks that fill in after the boot."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from fleetmend.lab.history import HEALTHY
from fleetmend.lab.sim.engine import Engine
from fleetmend.lab.tape import Truth

PENDING_TAKES = (4.0, 12.0)
"""Seconds from `pending` to `running`, least and most."""

BOOT_TAKES = 45.0
"""Seconds from `running` until every status check is ok, unless a scenario says otherwise."""

WITH_STORE = re.compile(r"(i\d|d\d|h\d|x1|z1d|[a-z]+\d+[a-z]*d)[a-z0-9-]*\.\w+")
"""Types with instance store volumes: `d` for disk after the generation, and storage families."""

REBOOT_TAKES = 60.0
"""Seconds from a reboot until the status checks know of it."""

SHUTDOWN_TAKES = 10.0
FORGOTTEN_AFTER = 3600.0
"""A terminated instance stays visible for a while, usually under an hour (EC2 User Guide)."""


@dataclass(frozen=True)
class Look:
    """What is true of an instance from `at` on. Times in seconds from the start."""

    at: float
    state: str
    launched: float
    running_since: float
    tags: Mapping[str, str]
    impaired: frozenset[str] = frozenset()
    stop_asked: float | None = None
    type: str = ""


@dataclass
class Instance:
    """One simulated instance. `past` is everything that was ever true of it, newest last.

    `ills` are its failing checks, with what mends each: `reboot`, `start`, `heal`.
    What concerns its group: `marked` unhealthy, set `aside`, `succeeds` another member; what is
    said of it beside EC2: `target_ill`, `alarmed`, `silent`, and when AWS retires it.
    """

    id: str
    name: str
    zone: str
    lifecycle: str
    group: str
    past: list[Look]
    boot_takes: float = BOOT_TAKES
    falls_back: int = 0
    operator: str = ""
    root: bool = True
    protected: bool = False
    ills: dict[str, str] = field(default_factory=dict[str, str])
    is_spoiled: bool = False
    marked: bool = False
    aside: str = ""
    target_ill: bool = False
    alarmed: bool = False
    silent: bool = False
    retires_at: float | None = None
    succeeds: str = ""
    generation: int = 0

    @property
    def state(self) -> str:
        """The state as it is, whatever a describe may still say."""
        return self.past[-1].state

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags as they are."""
        return self.past[-1].tags

    @property
    def type(self) -> str:
        """The type as it is."""
        return self.past[-1].type

    @property
    def is_impaired(self) -> bool:
        """Whether a status check fails."""
        return bool(self.past[-1].impaired)

    @property
    def running_since(self) -> float:
        """When it last began to run."""
        return self.past[-1].running_since

    @property
    def booted_at(self) -> float:
        """When every status check is ok, or was."""
        return self.running_since + self.boot_takes

    @property
    def stores(self) -> bool:
        """Whether its type comes with volumes on the host."""
        return bool(WITH_STORE.fullmatch(self.type))

    def truth(self, at: float, what: str) -> Truth:
        """What is so of it at that moment, for the tape."""
        return Truth(
            at,
            self.id,
            what,
            self.tags,
            operator=self.operator,
            stores=self.stores,
            type=self.type,
            zone=self.zone,
            timed=self.past[-1].stop_asked is not None,
        )

    def as_of(self, moment: float) -> Look | None:
        """What was true at that moment; None before it existed."""
        for look in reversed(self.past):
            if look.at <= moment:
                return look
        return None

    def checks(self, moment: float, look: Look) -> str:
        """The overall status check at that moment: `initializing`, `ok`, or `impaired`."""
        if look.impaired:
            return "impaired"
        return "ok" if moment >= look.running_since + self.boot_takes else "initializing"


Told = Callable[[Instance, str], None]


@dataclass
class SimFleet:
    """All instances. `told` hears of every new state, `healthy` and `impaired` included."""

    engine: Engine
    random: Random
    told: Told
    instances: dict[str, Instance] = field(default_factory=dict[str, Instance])
    named: dict[str, Instance] = field(default_factory=dict[str, Instance])
    groups: dict[str, int] = field(default_factory=dict[str, int])
    made: int = 0

    def add(
        self,
        name: str,
        *,
        kind: str,
        zone: str,
        tags: Mapping[str, str],
        lifecycle: str = "normal",
        state: str = "running",
        group: str = "",
        launched: float = -86400.0,
    ) -> Instance:
        """A new instance, in that state for a day already."""
        self.made += 1
        number = self.made
        own = {"Name": name.partition("+")[0], **tags}
        if group:
            own["aws:autoscaling:groupName"] = group
            self.groups[group] = self.groups.get(group, 0) + 1
        instance = Instance(
            f"i-{number:017x}",
            name,
            zone,
            lifecycle,
            group,
            [Look(launched, state, launched, launched, own, type=kind)],
        )
        self.instances[instance.id] = instance
        self.named[name] = instance
        return instance

    def stop(self, instance: Instance, takes: float, *, is_asked: bool = True) -> None:
        """What StopInstances brings about; EC2 names the time only of a stop that was asked for."""
        if instance.state not in {"running", "pending"}:
            return
        asked = self.engine.now if is_asked else None
        self._become(instance, "stopping", stop_asked=asked)
        self._later(instance, takes, lambda: self._become(instance, "stopped", stop_asked=asked))

    def start(self, instance: Instance) -> None:
        """What StartInstances brings about: pending, running, checks ok; or back to stopped."""
        if instance.state != "stopped":
            return
        self._become(instance, "pending", launched=self.engine.now)
        self._later(instance, self.random.uniform(*PENDING_TAKES), lambda: self._booted(instance))

    def terminate(self, instance: Instance) -> None:
        """Shutting down, terminated, and after an hour forgotten."""
        if instance.state in {"shutting-down", "terminated"}:
            return
        self._become(instance, "shutting-down")
        self._later(instance, SHUTDOWN_TAKES, lambda: self._become(instance, "terminated"))
        forget = SHUTDOWN_TAKES + FORGOTTEN_AFTER
        self._later(instance, forget, lambda: self.instances.pop(instance.id) and None)

    def retag(self, instance: Instance, tags: Mapping[str, str], gone: list[str]) -> None:
        """Set and remove tags."""
        kept = {key: value for key, value in instance.tags.items() if key not in gone}
        self._note(instance, tags={**kept, **tags})

    def retype(self, instance: Instance, kind: str) -> None:
        """What ModifyInstanceAttribute brings about."""
        self._note(instance, type=kind)

    def impair(self, instance: Instance, check: str, until: str = "start") -> None:
        """Let a status check fail; without effect on what does not run."""
        if instance.state == "running":
            instance.ills[check] = until
            self._show(instance, "impaired")

    def reboot(self, instance: Instance) -> None:
        """What RebootInstances brings about: the state stays, and what a reboot mends is mended."""
        mended = [check for check, until in instance.ills.items() if until == "reboot"]
        self._later(instance, REBOOT_TAKES, lambda: self._mend(instance, mended))

    def _mend(self, instance: Instance, checks: Collection[str]) -> None:
        for check in checks:
            instance.ills.pop(check, None)
        if instance.past[-1].impaired and not instance.ills:
            self._show(instance, HEALTHY)

    def _show(self, instance: Instance, what: str) -> None:
        self._note(instance, impaired=frozenset(instance.ills))
        self.told(instance, what)

    def heal(self, instance: Instance) -> None:
        """Let every status check be ok again, and whatever else was said of it be good."""
        instance.target_ill = instance.alarmed = instance.silent = False
        self._mend(instance, list(instance.ills))

    def _booted(self, instance: Instance) -> None:
        if instance.is_spoiled:
            self.terminate(instance)
            return
        if instance.falls_back:
            instance.falls_back -= 1
            self._become(instance, "stopped")
            return
        self._become(instance, "running", running_since=self.engine.now)
        instance.ills = {one: until for one, until in instance.ills.items() if until == "heal"}
        if instance.ills:
            self._show(instance, "impaired")
        self._later(instance, instance.boot_takes, lambda: self._ok(instance))

    def _ok(self, instance: Instance) -> None:
        if not instance.past[-1].impaired:
            self.told(instance, HEALTHY)

    def successor(self, gone: Instance, zone: str) -> Instance:
        """A new member of the same group in that zone; not started yet."""
        tags = {key: value for key, value in gone.tags.items() if key != "Name"}
        fresh = self.add(
            f"{gone.group}-{self.groups[gone.group] + 1}",
            kind=gone.type,
            zone=zone,
            tags=tags,
            state="stopped",
            group=gone.group,
            launched=self.engine.now,
        )
        fresh.boot_takes = gone.boot_takes
        return fresh

    def undo(self, fresh: Instance) -> None:
        """As if it had never been: AWS had no capacity for it."""
        del self.instances[fresh.id], self.named[fresh.name]
        self.groups[fresh.group] -= 1

    def _become(self, instance: Instance, state: str, **changes: float | None) -> None:
        instance.generation += 1
        told = {"stop_asked": None, **changes}
        self._note(instance, state=state, impaired=frozenset(), **told)
        self.told(instance, state)

    def _note(self, instance: Instance, **changes: Any) -> None:  # noqa: ANN401 -- Look's fields
        instance.past.append(replace(instance.past[-1], at=self.engine.now, **changes))

    def _later(self, instance: Instance, seconds: float, action: Callable[[], None]) -> None:
        """Do it then, unless the instance has gone another way meanwhile."""
        generation = instance.generation

        def due() -> None:
            if instance.generation == generation:
                action()

        self.engine.after(seconds, due)

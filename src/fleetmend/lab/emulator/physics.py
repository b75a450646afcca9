"""What EC2 does and moto does not: states that take time, status checks, capacity, lag.

moto keeps the instances; this moves them. All methods want the gateway's lock to be held, which
the timers' actions take themselves.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fleetmend.lab.emulator.body import Body
from fleetmend.lab.emulator.paging import Refused
from fleetmend.lab.emulator.releasing import release
from fleetmend.lab.emulator.timers import Timers
from fleetmend.lab.emulator.untyped import Untyped
from fleetmend.lab.sim.replies import CODES

CHECKS = ("system", "instance", "attached-ebs")
UNTOLD = frozenset({"healthy", "impaired", "marked"})
"""What becomes of an instance that is no state of EC2's, and has no event."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in real seconds; what Auto Scaling does goes by `speed`."""

    pending: float = 8.0
    checks: float = 45.0
    stopping: float = 20.0
    shutting_down: float = 10.0
    speed: float = 1.0

    def at(self, speed: float) -> "Pace":
        """The same, `speed` times as fast."""
        return Pace(
            self.pending / speed,
            self.checks / speed,
            self.stopping / speed,
            self.shutting_down / speed,
            speed,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """An instance entered a state, or one of `UNTOLD`; `at` is real time."""

    at: float
    instance: str
    state: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """No capacity until then for a type, in a zone; empty means any."""

    until: float
    type: str = ""
    zone: str = ""


class Physics:
    """The states of one region's instances."""

    def __init__(self, backend: Untyped, pace: Pace, timers: Timers, lock: threading.RLock) -> None:
        self._backend = backend
        self.pace = pace
        self._timers = timers
        self._lock = lock
        self._bodies: dict[str, Body] = {}
        self._shortages: list[Shortage] = []
        self._watchers: list[Callable[[Change], None]] = []
        self.born_settled = False
        """Whether new instances run at once, with their checks ok and for a day already."""
        self.spoiled: dict[str, int] = {}
        """How many launches in an instance's place are ended at once, by its id."""
        self.coveted: set[str] = set()
        """Whose private address something else takes as soon as it is free."""
        self.lag: tuple[float, float] = (0.0, 0.0)
        """How old describes are, in seconds, and until when."""

    @property
    def region(self) -> str:
        """Where all of it is."""
        return str(self._backend.region_name)

    def watch(self, watcher: Callable[[Change], None]) -> None:
        """Call `watcher` with every change, under the lock."""
        self._watchers.append(watcher)

    def instances(self) -> dict[str, Any]:
        """Instances as moto holds them, by id."""
        return {instance.id: instance for instance in self._backend.all_instances()}

    def tags(self, name: str) -> dict[str, str]:
        """The tags of an instance or a part, as IAM sees them."""
        return dict(self._backend.tags.get(name, {}))

    def body(self, instance: str) -> Body:
        """What the lab knows of an instance."""
        return self._bodies.setdefault(instance, Body())

    def summaries(self, instance: str) -> dict[str, str]:
        """Its status checks as DescribeInstanceStatus words them, by check."""
        body = self.body(instance)
        usual = "ok" if time.monotonic() >= body.ready_at else "initializing"
        return {name: "impaired" if name in body.impaired else usual for name in CHECKS}

    # What AWS refuses before anything happens

    def check_start(self, ids: Iterable[str]) -> None:
        """Refuse a start as a whole, as StartInstances does.

        Raises:
            Refused: one is in no state to be started, or has no capacity.
        """
        known = self.instances()
        for instance in (known[name] for name in ids if name in known):
            state = str(instance.state)
            if state not in {"stopped", "pending", "running"}:
                raise Refused(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be started.",
                )
            root = instance.root_device_name
            if state == "stopped" and root not in instance.block_device_mapping:
                raise Refused(
                    "IncorrectInstanceState",
                    f"Instance '{instance.id}' does not have a volume attached at root ({root})",
                )
            if state == "stopped":
                self.check_room(instance.instance_type, instance.placement.zone)

    def check_room(self, kind: str, zone: str) -> None:
        """Refuse what there is no capacity for.

        Raises:
            Refused: the type is short in the zone.
        """
        self._shortages = [entry for entry in self._shortages if time.time() < entry.until]
        if any(s.type in ("", kind) and s.zone in ("", zone) for s in self._shortages):
            raise Refused(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {kind} capacity in the Availability Zone "
                f"you requested ({zone}).",
            )

    def check_address(self, subnet: str, address: str) -> None:
        """Refuse a private address that something has.

        Raises:
            Refused: it is taken.
        """
        cards: Untyped = self._backend.enis.values()
        taken = [card for card in cards if card.subnet and card.subnet.id == subnet]
        if address and any(card.private_ip_address == address for card in taken):
            raise Refused("InvalidIPAddress.InUse", "Address is in use.")

    # What happens after moto did its part

    def started(self, before: dict[str, str]) -> None:
        """Instances were started; `before` has their states until then."""
        for name, was in before.items():
            if was != "stopped":
                self._put(name, was)
                continue
            self.instances()[name].launch_time = datetime.now(UTC).replace(
                microsecond=0, tzinfo=None
            )
            self._enter(name, "pending")
            self._later(name, self.pace.pending, self._booted)

    def stopped(self, before: dict[str, str]) -> None:
        """Instances were stopped; `before` has their states until then."""
        for name, was in before.items():
            if was != "running":
                self._put(name, was)
                continue
            body = self.body(name)
            takes = self.pace.stopping if body.stopping_takes is None else body.stopping_takes
            body.stopping_takes = None
            self._enter(name, "stopping")
            self._later(name, takes, lambda name: self._enter(name, "stopped"))

    def leave_unexplained(self, name: str) -> None:
        """Let EC2 not say who asked for its stop, and when: nobody did."""
        self.instances()[name]._reason = ""  # noqa: SLF001 -- moto has no word for it

    def terminated(self, before: dict[str, str]) -> None:
        """Instances were terminated; `before` has their states until then."""
        for name, was in before.items():
            if was in {"shutting-down", "terminated"}:
                self._put(name, was)
                continue
            self._enter(name, "shutting-down")
            takes = self.pace.shutting_down
            self._later(name, takes, self._ended)

    def terminate(self, name: str, was: str) -> None:
        """End an instance, as whoever owns it would; `was` is its state until then."""
        self._backend.terminate_instances([name])
        self.terminated({name: was})

    def _ended(self, name: str) -> None:
        release(self._backend, self.instances()[name], covet=name in self.coveted)
        self._enter(name, "terminated")

    def spoil(self, made: str, origin: str) -> None:
        """End what was just launched in an instance's place, if a scenario asks for that."""
        if self.spoiled.get(origin, 0) > 0:
            self.spoiled[origin] -= 1
            self.body(made).spoiled = True

    def discover(self) -> list[str]:
        """Take in instances that moto made or terminated since, such as a group's."""
        for name, instance in self.instances().items():
            body = self._bodies.get(name)
            known = body.past[-1][1] if body and body.past else ""
            if instance.state == "terminated" and known not in {"", "shutting-down", "terminated"}:
                self.terminated({name: known})
        new = [name for name in self.instances() if name not in self._bodies]
        for name in new:
            if self.born_settled:
                self.settle(name, "running")
            else:
                self._enter(name, "pending")
                self._later(name, self.pace.pending, self._booted)
        return new

    def settle(self, name: str, state: str) -> None:
        """Put an instance into a state as if it had been so for a day; nobody is told."""
        instance = self.instances()[name]
        if state == "stopped":
            instance.stop()
        launched = datetime.now(UTC) - timedelta(days=1)
        instance.launch_time = launched.replace(microsecond=0, tzinfo=None)
        self._put(name, state)
        self.body(name).ready_at = 0.0

    # What the lab does to the fleet

    def lose_root(self, name: str) -> None:
        """Take the root volume off."""
        instance = self.instances()[name]
        instance.block_device_mapping.pop(instance.root_device_name)

    def impair(self, name: str, check: str, until: str = "start") -> None:
        """Let a status check fail until `heal`, or until a `reboot` or a fresh `start`."""
        self.body(name).impaired[check] = until
        if self.instances()[name].state == "running":
            self.announce(name, "impaired")

    def heal(self, name: str) -> None:
        """Let every status check be ok again, and whatever else was said of it be good."""
        self.body(name).target_ill = False
        self._mend(name, {"reboot", "start", "heal"})

    def rebooted(self, name: str) -> None:
        """It was rebooted: the state stays, and the checks know of it after a while."""
        self._later(name, self.pace.checks, lambda name: self._mend(name, {"reboot"}))

    def _mend(self, name: str, ways: set[str]) -> None:
        body = self.body(name)
        ill = bool(body.impaired)
        body.impaired = {one: way for one, way in body.impaired.items() if way not in ways}
        if not ill or body.impaired:
            return
        if self.instances()[name].state == "running" and time.monotonic() >= body.ready_at:
            self.announce(name, "healthy")

    def fall_back(self, name: str, times: int) -> None:
        """Make so many starts fail after they were accepted."""
        self.body(name).falls_back += times

    def slow_boot(self, name: str, takes: float) -> None:
        """Set how long status checks need after `running`, in real seconds."""
        self.body(name).checks_take = takes

    def stopping_takes(self, name: str, takes: float) -> None:
        """Set how long the next stop takes, in real seconds."""
        self.body(name).stopping_takes = takes

    def shortage(self, shortage: Shortage) -> None:
        """Let capacity be short."""
        self._shortages.append(shortage)

    # The past, for describes that lag

    def rewind(self) -> Callable[[], None]:
        """Show every instance as it was `lag` seconds ago; call the answer to undo it."""
        lag, until = self.lag
        if not lag or time.time() >= until:
            return lambda: None
        undo: list[tuple[Any, str, datetime]] = []
        moment = time.monotonic() - lag
        for name, instance in self.instances().items():
            then = [entry for entry in self.body(name).past if entry[0] <= moment]
            if then:
                undo.append((instance, instance.state, instance.launch_time))
                _set(instance, then[-1][1])
                instance.launch_time = then[-1][2]

        def restore() -> None:
            for instance, state, launched in undo:
                _set(instance, state)
                instance.launch_time = launched

        return restore

    # Inside

    def _booted(self, name: str) -> None:
        body = self.body(name)
        if body.spoiled:
            self.terminate(name, "pending")
            return
        if body.falls_back:
            body.falls_back -= 1
            instance = self.instances()[name]
            instance.stop()
            instance.state_reason.code = "Client.InternalError"
            instance.state_reason.message = "Client.InternalError: Client error on launch"
            self._enter(name, "stopped")
            return
        takes = self.pace.checks if body.checks_take is None else body.checks_take
        body.impaired = {one: way for one, way in body.impaired.items() if way == "heal"}
        body.running_at = time.monotonic()
        body.ready_at = body.running_at + takes
        self._enter(name, "running")
        self._later(name, takes, self._checked)

    def _checked(self, name: str) -> None:
        self.announce(name, "impaired" if self.body(name).impaired else "healthy")

    def _later(self, name: str, seconds: float, action: Callable[[str], None]) -> None:
        """Do something to an instance later, unless it changed meanwhile."""
        turn = self.body(name).turn

        def act() -> None:
            with self._lock:
                if self.body(name).turn == turn:
                    action(name)

        self._timers.after(seconds, act)

    def _enter(self, name: str, state: str) -> None:
        self._put(name, state)
        self.body(name).turn += 1
        self.announce(name, state)

    def _put(self, name: str, state: str) -> None:
        instance = self.instances()[name]
        _set(instance, state)
        self.body(name).past.append((time.monotonic(), state, instance.launch_time))

    def announce(self, name: str, state: str) -> None:
        """Tell all watchers."""
        change = Change(time.time(), name, state)
        for watcher in self._watchers:
            watcher(change)


def _set(instance: Untyped, state: str) -> None:
    """Set moto's state of an instance in place."""
    current = instance.instance_state
    current.name, current.code = state, CODES[state]

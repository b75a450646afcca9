"""One scenario played over the wire, in real time divided by `speed`."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import fields as fields_of
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from fleetmend.core.blueprint import REBUILT_FROM
from fleetmend.core.declared import BY_CONCERN
from fleetmend.core.graph import Graph
from fleetmend.core.model import RecoveryPolicy
from fleetmend.lab.emulator import remedying, telling
from fleetmend.lab.emulator.calls import WireCall
from fleetmend.lab.emulator.emulators import Emulators, say_nothing
from fleetmend.lab.emulator.fleet import Fleet, create
from fleetmend.lab.emulator.installed import Installed, look_up, roles
from fleetmend.lab.emulator.installer import install
from fleetmend.lab.emulator.physics import Change, Pace
from fleetmend.lab.emulator.processes import EmulatorFailed
from fleetmend.lab.emulator.scaling import group_of
from fleetmend.lab.emulator.untyped import Fields, Untyped
from fleetmend.lab.emulator.verbs import carry_out, refuse_what_cannot_be
from fleetmend.lab.history import Event, History, Kind, measure
from fleetmend.lab.moments import when_set
from fleetmend.lab.scenario import FASTEST, Policy, Scenario
from fleetmend.lab.vocabulary.runs import CrashAtCall

_LOGGER = logging.getLogger(__name__)

WORKERS = 3
"""Runs at once: two that the installed event source mapping allows, and a sweep."""

MOST_WORKERS = 5
"""However many crashes a scenario has: each takes 100 MB and two seconds to start."""

NOT_SCALED = frozenset({"intent_lifetime", "observation_lifetime"})
"""Durations that cover real time: a function's time-out and the SDK's patience are not scaled."""

_BLUR = 3.0
"""Real seconds that this world cannot resolve: SQS delays whole seconds, MiniStack looks for
messages once a second, and a run takes what it takes."""


def tolerance(speed: float) -> float:
    """Scenario seconds to allow for on every time limit."""
    return _BLUR * speed


def scaled_settings(overrides: Fields, speed: float, kind: type[Policy] = RecoveryPolicy) -> Fields:
    """A concern's whole policy as its parameter holds it, all durations at the lab's speed."""
    taken = next(one.fields for one in BY_CONCERN.values() if type(one.default) is kind)
    policy, result = kind(), dict(overrides)
    for field in fields_of(kind):
        default: Untyped = getattr(policy, field.name)
        scales = field.name in taken and field.name not in NOT_SCALED
        if scales and isinstance(default, timedelta):
            seconds = float(overrides.get(field.name, default.total_seconds()))
            result[field.name] = max(0.01, round(seconds / speed, 3))
    return result


class World:
    """A scenario under way; `play` is what everybody but a test wants."""

    def __init__(
        self,
        scenario: Scenario,
        emulators: Emulators,
        speed: float,
        tell: Callable[[str], None] = say_nothing,
    ) -> None:
        self.scenario = scenario
        self.emulators = emulators
        self.speed = speed
        self.tell = tell
        self.settings: Fields = dict(scenario.overrides)
        self.no_sweeps_until = 0.0
        self.alarms: set[str] = set()
        """The applications' alarms that there are."""
        self.installed: Installed
        self.fleet: Fleet
        self.start = datetime.now(UTC)
        self._began = time.time()
        self._notes: list[Event] = []
        self._replacements: dict[str, int] = {}
        self._over = threading.Event()

    # Time

    def clock(self, real: float) -> float:
        """Scenario seconds for a real time since the epoch."""
        return (real - self._began) * self.speed

    def real(self, span: float) -> float:
        """The real time that is so many scenario seconds from now."""
        return time.time() + span / self.speed

    def note(self, kind: Kind, names: list[str], what: str, **detail: object) -> None:
        """Put a fact on the timeline."""
        about = names[0] if len(names) == 1 else ""
        event = Event(self.clock(time.time()), kind, about, what, {"subjects": names, **detail})
        self._notes.append(event)
        self.tell(f"{event.at:7.0f} s  {detail.get('told') or what}")

    # What is set up

    def prepare(self, graph: Graph, artifact: Path) -> None:
        """Install, create the fleet, and start the function once, so that time starts warm."""
        scheduled = self.speed == 1.0
        installation = install(
            graph,
            artifact,
            client=self.emulators.client,
            region=self.scenario.region,
            environment=self.emulators.endpoints(),
            speed=self.speed,
            scheduled=scheduled,
            tell=self.tell,
        )
        for line in installation.left_out():
            self.tell(line)
        self.installed = look_up(self.emulators, installation, self.scenario.concern)
        self._obey_iam()
        gateway = self.emulators.ec2_server.gateway
        gateway.trail.roles |= roles(self.emulators, installation)
        remedying.outfit(self)
        self.put_parameter(f"mode/{self.scenario.concern}", self.scenario.settings.mode)
        self.put_settings()
        self._warm_up()
        self.start = datetime.now(UTC)
        self.fleet = create(self.emulators, self.scenario, self.start, self.speed)
        chance = Random(f"{self.scenario.seed}/scaling")  # noqa: S311 - chance in a play
        self.emulators.herd.scaling.random = chance
        self.emulators.physics.watch(self._name)
        self.tell(f"a fleet of {len(self.fleet.ids)} instances runs")

    def _obey_iam(self) -> None:
        """Have EC2 ask for the tag that the role's policy asks for, or the scenario's instead."""
        chosen = self.settings.get("selector")
        tag = (chosen["key"], chosen["value"]) if chosen else self.installed.may_start
        if tag:
            self.emulators.ec2_server.gateway.may_start[self.installed.function[:50]] = tag

    def put_parameter(self, name: str, value: str) -> None:
        """Set one of the installation's parameters, as an operator would."""
        self.emulators.client("ssm").put_parameter(
            Name=self.installed.parameter(name), Value=value, Type="String", Overwrite=True
        )

    def put_settings(self) -> None:
        """Set the concern's policy from the scenario's settings, as a deployment does."""
        policy = self._scaled(self.settings)
        self.put_parameter(f"{self.scenario.concern}/policy", json.dumps(policy))

    def _scaled(self, given: Fields) -> Fields:
        """The whole policy, with these settings as they are from the start on at this speed."""
        given = when_set(given, self.start, self.speed)
        return scaled_settings(given, self.speed, self.scenario.policy)

    def override(self, changes: Fields) -> None:
        """Override some of these settings, as an operator does."""
        policy = self._scaled(changes)
        said = {name: policy[name] for name in changes}
        self.put_parameter(f"{self.scenario.concern}/overrides", json.dumps(said))

    def send(self, kind: str, **given: object) -> None:
        """Put a message on the controller's queue, as its function or a person would."""
        body = json.dumps({"fleetmend": kind, **given})
        self.emulators.client("sqs").send_message(QueueUrl=self.installed.queue, MessageBody=body)

    def _warm_up(self) -> None:
        """Start as many workers as may be needed, so that no play waits for an import."""
        crashes = sum(isinstance(step.verb, CrashAtCall) for step in self.scenario.timeline)
        number = min(WORKERS + crashes, MOST_WORKERS)
        workers = [threading.Thread(target=self.sweep) for _ in range(number)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    # What happens

    def run(self) -> None:
        """Let the timeline happen."""
        with self.sweeping():
            for step in self.scenario.timeline:
                self._wait(step.at)
                carry_out(self, step.verb)
            self._wait(self.scenario.end)

    @contextlib.contextmanager
    def sweeping(self) -> Generator[None]:
        """Time starts, and the schedule fires; at speed 1 the installed one does by itself."""
        self.start, self._began = datetime.now(UTC), time.time()
        self.put_settings()  # windows count from now on
        self._stopped_from_the_start()
        sweeps = threading.Thread(target=self._sweeps, name="lab-sweeps", daemon=True)
        try:
            if self.speed != 1.0:
                sweeps.start()
            yield
        finally:
            self._over.set()
        if sweeps.is_alive():
            sweeps.join(90)

    def _wait(self, at: float) -> None:
        """Sleep until that moment; a late start is made up for by the next entries."""
        left = self._began + at / self.speed - time.time()
        if left > 0:
            time.sleep(left)

    def _stopped_from_the_start(self) -> None:
        ids = [self.fleet.ids[m.name] for m in self.scenario.members() if m.state == "stopped"]
        if ids:
            names = self.fleet.called(ids)
            self.note("fault", names, "stop", told="stopped from the start")
        for instance in ids:
            self.emulators.changes.append(Change(time.time(), instance, "stopped"))
            self.emulators.events.publish(instance, "stopped")

    def sweep(self) -> None:
        """What the schedule does: call its target with its payload."""
        self.emulators.client("lambda").invoke(
            FunctionName=self.installed.sweep_target, Payload=self.installed.sweep_input.encode()
        )

    def _sweeps(self) -> None:
        """Fire the schedule at the lab's speed; the installed one sleeps."""
        chance = Random(f"{self.scenario.seed}/sweeps")  # noqa: S311 - chance in a play
        every = self.installed.sweep_every / self.speed
        due = self._began + chance.uniform(0.0, every)
        while not self._over.wait(max(0.0, due - time.time())):
            if time.time() >= self.no_sweeps_until:
                try:
                    self.sweep()
                except Exception:  # what a sweep meets must not end the schedule
                    _LOGGER.exception("a sweep could not be fired")
            due = max(due + every, time.time())

    def _name(self, change: Change) -> None:
        """Name what comes in the place of another, when it is first seen.

        A new instance of a group gets the next number of the group's name.
        """
        if change.state != "pending" or change.instance in self.fleet.names:
            return
        raw = self.emulators.physics.instances()[change.instance]
        group = group_of(raw)
        if group:
            self._replacements[group] = self._replacements.get(group, 0) + 1
            first = len(self.scenario.expand(group))
            self.fleet.add(f"{group}-{first + self._replacements[group]}", change.instance)
            return
        tags: list[Untyped] = raw.get_tags()
        origin = [t["value"] for t in tags if t["key"] == REBUILT_FROM]
        if origin:
            self.fleet.add_successor(change.instance, str(origin[0]))

    def subjects(self, subject: str) -> list[str]:
        """Whom the controller at work would name for it: instances, or a group."""
        return [subject] if self.scenario.concern == "health" else self.fleet.expand(subject)

    # What came of it

    def calls(self) -> list[WireCall]:
        """Every call of every function since the start: what a role's policy must allow."""
        return [call for call in self.emulators.calls() if call.at >= self._began and call.caller]

    def history(self) -> History:
        """All that happened since the start, in order of time."""
        began = self._began
        runs: list[Fields] = self.emulators.control.get("runs", since=0)
        runs = [run for run in runs if run["started"] >= began]
        calls = self.calls()
        changes = [change for change in self.emulators.changes if change.at >= began]
        name = self.installed.function
        events = [
            *self._notes,
            *telling.of_changes(changes, self.fleet, self.clock),
            *telling.of_runs(runs, name, self.clock),
            *telling.of_calls(calls, runs, name, self.fleet, self.clock),
        ]
        events = sorted(events, key=lambda event: event.at)
        figures = measure(events)
        figures["speed"] = self.speed
        figures["dead_letters"] = float(self._dead_letters())
        return History(
            self.scenario.name,
            "emulator",
            self.scenario.seed,
            tuple(events),
            figures,
            self.scenario.end,
        )

    def _dead_letters(self) -> int:
        sqs = self.emulators.client("sqs")
        queue = sqs.get_queue_attributes(
            QueueUrl=self.installed.queue, AttributeNames=["RedrivePolicy"]
        )
        policy = json.loads(queue.get("Attributes", {}).get("RedrivePolicy", "{}"))
        if not policy:
            return 0
        name = str(policy["deadLetterTargetArn"]).rpartition(":")[2]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        counted = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(counted["Attributes"]["ApproximateNumberOfMessages"])


def play(
    scenario: Scenario,
    *,
    graph: Graph,
    artifact: Path,
    speed: float | None = None,
    tell: Callable[[str], None] = say_nothing,
) -> History:
    """Play a scenario in an embedded AWS of its own.

    Args:
        scenario: what happens.
        graph: the captured installation.
        artifact: the Lambda zip.
        speed: scenario seconds per real second, the scenario's own if left out; the installed
            intervals are divided by it. At 1 the installed schedules fire by themselves, else the
            lab fires the sweep.
        tell: gets a line for each step.

    Returns:
        What happened, in scenario time; judge it with `tolerance(speed)`.

    Raises:
        EmulatorFailed: an emulator or the installation failed, or the scenario asks for what
            this world cannot do.
    """
    refuse_what_cannot_be(step.verb for step in scenario.timeline)
    if "emulator" not in scenario.worlds:
        raise EmulatorFailed(
            f"the scenario {scenario.name!r} is not meant for the emulator",
            remedy="play it in the sim: --world sim",
        )
    with opened(scenario, graph=graph, artifact=artifact, speed=speed, tell=tell) as world:
        world.run()
        return world.history()


@contextlib.contextmanager
def opened(
    scenario: Scenario,
    *,
    graph: Graph,
    artifact: Path,
    speed: float | None = None,
    tell: Callable[[str], None] = say_nothing,
) -> Generator[World]:
    """A world with its installation and fleet, stopped when the block ends. See `play`."""
    speed = scenario.speed if speed is None else speed
    if not 0 < speed <= FASTEST:
        raise EmulatorFailed(
            f"speed {speed:g} is not possible here", remedy=f"choose more than 0, at most {FASTEST}"
        )
    pace = Pace().at(speed)
    with Emulators(region=scenario.region, pace=pace, tell=tell) as emulators:
        world = World(scenario, emulators, speed, tell)
        world.prepare(graph, artifact)
        yield world

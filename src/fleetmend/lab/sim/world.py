"""The simulated account: everything that is in it, and the calls that reach it."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any

from fleetmend.lab.checker.evidence import Law
from fleetmend.lab.history import Event, History, Kind, measure
from fleetmend.lab.moments import when_set, when_tagged
from fleetmend.lab.scaling import Scaling
from fleetmend.lab.scenario import Scenario
from fleetmend.lab.sim import remedying, telling, trail, wire
from fleetmend.lab.sim.autoscaling import AutoScaling
from fleetmend.lab.sim.disturbances import Disturbances
from fleetmend.lab.sim.ec2 import Ec2
from fleetmend.lab.sim.engine import Crashed, Engine, Fiber
from fleetmend.lab.sim.fleet import Instance, SimFleet
from fleetmend.lab.sim.function import Entry, Function
from fleetmend.lab.sim.hardware import Hardware
from fleetmend.lab.sim.installed import Installed
from fleetmend.lab.sim.law import law_of
from fleetmend.lab.sim.queue import Queue, scaled, state_change
from fleetmend.lab.sim.replies import CODES, Answer, AwsError, NoAnswer
from fleetmend.lab.sim.s3 import S3
from fleetmend.lab.sim.scaling import SimGroup, SimHerd
from fleetmend.lab.sim.small import Parameters, Topic, assume
from fleetmend.lab.tape import Call, Run, Tape, as_json, extras, subjects
from fleetmend.lab.trail import EventHistory
from fleetmend.lab.vocabulary.runs import CrashAtCall, PauseAtCall

LATENCY = {
    "autoscaling": (0.05, 0.3),
    "cloudtrail": (0.1, 0.5),
    "cloudwatch": (0.03, 0.15),
    "elbv2": (0.03, 0.15),
    "ec2": (0.08, 0.4),
    "s3": (0.01, 0.08),
    "sns": (0.02, 0.08),
    "sqs": (0.01, 0.05),
    "ssm": (0.01, 0.05),
    "stepfunctions": (0.05, 0.2),
    "sts": (0.02, 0.1),
}
"""Seconds that a call takes, least and most."""

EVENT_DELAY = (0.5, 3.0)
"""Seconds from a state change until its event is on the queue."""


class World:
    """One scenario under way. `play` is what everybody but a test wants."""

    def __init__(self, scenario: Scenario, entry: Entry, seed: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.engine = Engine()
        self.tape = Tape()
        self.events: list[Event] = []
        self.installed = Installed.of(scenario.concern, scenario.region)
        self.disturbances = Disturbances(self.tape, lambda: self.engine.now)
        self.lag, self.lagging_until = 0.0, 0.0
        self.lost_events: list[tuple[float, frozenset[str] | None]] = []
        self.repeated_events, self.repeats = 0.0, 1
        self.delayed_events, self.delay = 0.0, 0.0
        self.no_sweeps_until = 0.0
        self._latency, self._chance = self.random("latency"), self.random("chance")
        self._told = 0
        self.served: Call | None = None
        self.fleet = SimFleet(self.engine, self.random("fleet"), self._state)
        epoch = self.installed.epoch
        self.ec2 = Ec2(self.engine, self.fleet, epoch, self.selector(), lag=self._lag)
        self.ec2.type_role = self.installed.type_role
        self.ec2.retagged = lambda one: self._true(one, "retagged")
        if scenario.concern == "rebuild":
            self.ec2.hardware = Hardware(self.ec2.known, self.selector())
        self.herd = SimHerd(self.fleet, self.ec2.is_short, self._scaled)
        self.scaling = Scaling(self.engine, self.herd, self.random("scaling"))
        arns = scenario.region, self.installed.account
        self.autoscaling = AutoScaling(self.scaling, self.herd, arns, self.selector())
        self.s3 = S3(self.engine, epoch, self.installed.bucket)
        self.function = Function(
            self.engine, self.tape, self.installed, entry, self.random("nonce"), self.note
        )
        self.queue = Queue(
            self.engine,
            self.installed,
            lambda event, done: self.function.invoke(event, "queue", done),
        )
        self.trail = EventHistory(self.installed.account, scenario.region, self.time)
        self.topic = Topic(self.installed.topic, lambda _, text: telling.of_alert(self, text))
        self.parameters = Parameters(self.autoscaling.agents, self._parameters(), clock=self.time)
        self._services: dict[str, Callable[[str, Mapping[str, Any]], Answer]] = {
            "autoscaling": self.autoscaling.handle,
            "cloudtrail": self.trail.handle,
            "cloudwatch": self.autoscaling.alarms,
            "elbv2": self.autoscaling.balancers,
            "ec2": trail.heard(self.trail, self.installed, self.ec2.handle),
            "s3": self.s3.handle,
            "sqs": self.queue.handle,
            "sns": self.topic.handle,
            "ssm": self.parameters.handle,
            "sts": assume,
        }

    def law(self) -> Law:
        """What the checker holds this world to: the specification, and the scenario's settings."""
        return law_of(self)

    def random(self, purpose: str) -> Random:
        """A source of its own for each purpose, so that one more draw here shifts nothing there."""
        return Random(f"{self.seed}/{purpose}")  # noqa: S311 -- chance in a simulation

    def play(self, carry_out: Callable[["World", Any], None]) -> History:
        """Let it all happen, and say what did."""
        remedying.outfit(self)
        self._populate()
        for step in self.scenario.timeline:
            self.engine.at(step.at, lambda verb=step.verb: carry_out(self, verb))
        self._schedule()
        with wire.connected(self.serve, self._sleep, self.seed):
            try:
                self.engine.run(self.scenario.end)
            finally:
                self.engine.close()
        if self.function.defects:
            raise self.function.defects[0]
        return self.history()

    def history(self) -> History:
        """What has happened so far."""
        figures = measure(self.events)
        figures["dead_letters"] = float(len(self.queue.dead))
        name, end = self.scenario.name, self.scenario.end
        return History(name, "sim", self.seed, tuple(self.events), figures, end)

    def instances(self, subject: str | None) -> list[Instance]:
        """The instances a scenario's subject stands for."""
        names = self.scenario.expand(subject) if subject else ()
        return [self.fleet.named[name] for name in names]

    def subjects(self, subject: str) -> list[str]:
        """Whom the controller at work would name for it: instances, or a group."""
        if self.installed.concern == "health":
            return [subject]
        return [one.id for one in self.instances(subject)]

    def group(self, name: str) -> SimGroup:
        """A group by its name."""
        return self.herd.groups[name]

    def note(self, kind: Kind, subject: str, what: str, **detail: Any) -> None:  # noqa: ANN401
        """Put a fact on the timeline."""
        self.events.append(Event(self.engine.now, kind, subject, what, detail))

    def name(self, identity: str) -> str:
        """An instance's fleet name; its id when it has none."""
        instance = self.fleet.instances.get(identity)
        return instance.name if instance else identity

    def time(self, moment: float | None = None) -> datetime:
        """Seconds from the start as a time; now if left out."""
        seconds = self.engine.now if moment is None else moment
        return self.installed.epoch + timedelta(seconds=seconds)

    # --- calls ---------------------------------------------------------------------------

    def serve(
        self, service: str, operation: str, params: Mapping[str, Any], patience: float
    ) -> Answer:
        """Answer one request of the function run whose turn it is; takes virtual time.

        Raises:
            AwsError: AWS refuses.
            NoAnswer: nothing comes back, whether or not it took effect.
        """
        fiber, run = self.function.current()
        call = Call(
            len(self.tape.calls) + 1,
            run.n,
            self.engine.now,
            service,
            operation,
            params,
            subjects(service, params),
        )
        run.calls += 1
        self.tape.calls.append(call)
        strike = self.disturbances.struck(call)
        self._strike_before(strike, fiber, run, call)
        takes = self._latency.uniform(*LATENCY[service]) + self.disturbances.delay(call)
        if takes > patience:
            self.engine.after(takes, lambda: self._unheard(call))
            fiber.sleep(patience)
            raise NoAnswer(timed_out=True)
        fiber.sleep(takes / 2)
        try:
            answer = self._effect(call)
        except NoAnswer as silence:
            fiber.sleep(patience if silence.timed_out else takes / 2)
            raise
        except AwsError:
            fiber.sleep(takes / 2)
            raise
        self._strike_after(strike, fiber, run)
        if call.lost:
            timed_out = self._chance.random() < 0.5
            fiber.sleep(patience if timed_out else takes / 2)
            raise NoAnswer(timed_out=timed_out)
        fiber.sleep(takes / 2)
        return answer

    def _strike_before(
        self, strike: CrashAtCall | PauseAtCall | None, fiber: Fiber, run: Run, call: Call
    ) -> None:
        match strike:
            case CrashAtCall(when="before"):
                self.tape.fire("crash before")
                raise Crashed
            case PauseAtCall(when="before", span=span):
                self.tape.fire("pause before")
                self.function.pause(fiber, run, span)
                call.at, call.frozen = self.engine.now, True
            case _:
                pass

    def _strike_after(
        self, strike: CrashAtCall | PauseAtCall | None, fiber: Fiber, run: Run
    ) -> None:
        match strike:
            case CrashAtCall(when="after"):
                self.tape.fire("crash after")
                raise Crashed
            case PauseAtCall(when="after", span=span):
                self.tape.fire("pause after")
                self.function.pause(fiber, run, span)
            case _:
                pass

    def _unheard(self, call: Call) -> None:
        """A call whose sender no longer listens reaches AWS after all."""
        call.lost = True
        with suppress(AwsError, NoAnswer):
            self._effect(call)

    def _effect(self, call: Call) -> Answer:
        """The moment at which AWS takes or refuses a call."""
        self.served = call
        try:
            call.injected = True
            self.disturbances.refuse(call)
            call.injected = False
            answer = self._services[call.service](call.operation, call.params)
        except AwsError as problem:
            call.done, call.error = self.engine.now, problem.code
            call.culprits = problem.culprits
            self._called(call)
            raise
        except NoAnswer:
            call.lost = True
            self._called(call)
            raise
        call.done = self.engine.now
        call.lost = call.lost or self.disturbances.loses(call)
        if call.name == "s3:PutObject":
            call.written = as_json(call.params.get("Body"))
        self._called(call)
        if call.name == "s3:PutObject":
            telling.of_record(self, call)
        return answer

    def _called(self, call: Call) -> None:
        names = [self.name(identity) for identity in call.subjects]
        error = call.error or ("NoAnswer" if call.done is None else "")
        self.note(
            "call",
            names[0] if len(names) == 1 else "",
            call.name,
            subjects=names,
            error=error,
            run=call.run,
            lost=call.lost,
            **extras(call.params),
        )

    def _sleep(self, seconds: float) -> None:
        self.function.current()[0].sleep(seconds)

    # --- what surrounds the calls --------------------------------------------------------

    def _state(self, instance: Instance, what: str) -> None:
        self.note("state", instance.name, what)
        self._true(instance, what)
        if what == "terminated" and self.ec2.hardware:
            self.ec2.hardware.release(instance)
        self.scaling.heard(instance, what)
        if what in CODES and what in self.installed.states:
            self.send_event(instance, what)

    def _true(self, instance: Instance, what: str) -> None:
        self.tape.truths.append(instance.truth(self.engine.now, what))

    def _scaled(self, group: SimGroup, instance: Instance, kind: str) -> None:
        """The end of a scaling activity: its event wakes health."""
        if self.installed.concern == "health":
            self._send(
                instance,
                lambda number, _: scaled(self.installed, number, kind, group.name, instance.id),
            )

    def send_event(self, instance: Instance, state: str) -> None:
        """A state change's event on its way to the queue."""
        self._send(
            instance,
            lambda number, at: state_change(self.installed, number, instance.id, state, at),
        )

    def _send(self, instance: Instance, body: Callable[[int, str], str]) -> None:
        """An event on its way to the queue, unless it is lost; it may come twice, or late."""
        now = self.engine.now
        if any(
            now <= until and (ids is None or instance.id in ids) for until, ids in self.lost_events
        ):
            self.tape.fire("event lost")
            return
        times = self.repeats if now <= self.repeated_events else 1
        late = self.delay if now <= self.delayed_events else 0.0
        if times > 1:
            self.tape.fire("event repeated")
        if late:
            self.tape.fire("event late")
        for _ in range(times):
            self._told += 1
            text = body(self._told, self.time().strftime("%Y-%m-%dT%H:%M:%SZ"))
            delay = self._chance.uniform(*EVENT_DELAY) + late
            self.engine.after(delay, lambda text=text: self.queue.put(text) and None)

    def sweep(self) -> None:
        """What the schedule sends."""
        self.function.invoke({"fleetmend": "sweep"}, "schedule", lambda _how, _result: None)

    def _schedule(self) -> None:
        def due() -> None:
            if self.engine.now >= self.no_sweeps_until:
                self.sweep()
            self.engine.after(self.installed.sweep_every, due)

        self.engine.at(self._chance.uniform(0.0, self.installed.sweep_every), due)

    def _lag(self) -> float:
        return self.lag if self.engine.now <= self.lagging_until else 0.0

    def _populate(self) -> None:
        stopped: list[str] = []
        for group in self.scenario.fleet.groups:
            zones = tuple(self.scenario.zone(k) for k in range(group.zones))
            tags = when_tagged(group.tags, self.installed.epoch)
            self.herd.groups[group.name] = SimGroup(
                group.name, group.desired, zones, tags, balanced=group.balanced
            )
        for member in self.scenario.members():
            self.fleet.add(
                member.name,
                kind=member.type,
                zone=member.zone,
                tags=when_tagged(member.tags, self.installed.epoch),
                lifecycle=member.lifecycle,
                state=member.state,
                group=member.group,
            )
            instance = self.fleet.named[member.name]
            instance.operator, instance.root = member.operator, member.root
            instance.protected = member.protected
            if self.ec2.hardware:
                self.ec2.hardware.outfit(instance, member.parts)
            self._true(instance, "running")
            if member.state == "stopped":
                stopped.append(member.name)
        trail.launched(self)
        if stopped:
            self.note("fault", "", "stop", subjects=stopped, told="stopped from the start")
        for name in stopped:
            self._state(self.fleet.named[name], "stopped")

    def selector(self) -> tuple[str, str]:
        """The tag of the controller's scope."""
        return self.scenario.selector.key, self.scenario.selector.value

    def _parameters(self) -> dict[str, str]:
        me, one = self.installed, self.scenario
        return {
            **({me.claim: me.name} if me.claim else {}),
            me.parameter("mode/all"): "act",
            me.parameter(f"mode/{one.concern}"): one.settings.mode,
            me.parameter(f"{one.concern}/policy"): json.dumps(when_set(one.overrides, me.epoch)),
            me.parameter(f"{one.concern}/overrides"): "{}",
        }

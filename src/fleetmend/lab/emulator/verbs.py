"""What each verb of a timeline does to the emulated account."""

import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fleetmend.lab.emulator import groups, hardware, remedying
from fleetmend.lab.emulator.faults import Disturbance
from fleetmend.lab.emulator.physics import Shortage
from fleetmend.lab.emulator.processes import EmulatorFailed
from fleetmend.lab.emulator.state_events import EventRule
from fleetmend.lab.moments import when_tagged
from fleetmend.lab.vocabulary import (
    aws,
    fleet,
    general,
    health,
    rebuild,
    recovery,
    remediation,
    runs,
)
from fleetmend.lab.words import Verb

if TYPE_CHECKING:
    from fleetmend.lab.emulator.world import World

_ZONE_STOPS_IN = 5.0
_CANNOT = (runs.SkewedClock,)
"""Functions take the machine's own clock here."""


def refuse_what_cannot_be(verbs: Iterable[Verb]) -> None:
    """Say before anything starts which verbs this world does not know.

    Raises:
        EmulatorFailed: naming all of them.
    """
    known = (aws, fleet, general, health, rebuild, recovery, remediation, runs)
    unknown = sorted(
        {
            verb.word
            for verb in verbs
            if isinstance(verb, _CANNOT)
            or type(verb).__module__ not in {module.__name__ for module in known}
        }
    )
    if unknown:
        raise EmulatorFailed(
            f"the emulator world cannot carry out: {', '.join(unknown)}",
            remedy="play this scenario in the sim, and say so in it: worlds: [sim]",
        )


def carry_out(world: "World", verb: Verb) -> None:
    """Do what the verb says, now, and put it on the timeline."""
    if isinstance(verb, general.End):
        return
    touched = _touched(world, verb)
    world.note("fault", touched, verb.word, told=verb.told())
    if not any(does(world, verb) for does in _DOERS):
        _people(world, verb)


def _ids(world: "World", verb: Verb) -> list[str]:
    subject = getattr(verb, "subject", None)
    return world.fleet.expand(subject) if subject else []


def _touched(world: "World", verb: Verb) -> list[str]:
    """The names it touches: what is down already is not brought down."""
    with world.emulators.lock:
        known = world.emulators.physics.instances()
        if isinstance(verb, fleet.ZoneOutage):
            ids = [name for name, one in known.items() if one.placement.zone == verb.zone]
        else:
            ids = _ids(world, verb)
        states = {"pending", "running"}
        if isinstance(verb, fleet.Terminate):
            states |= {"stopping", "stopped"}
        if isinstance(verb, fleet.Stop | fleet.PowerOff | fleet.ZoneOutage | fleet.Terminate):
            ids = [name for name in ids if known[name].state in states]
    return world.fleet.called(ids)


def _fleet(world: "World", verb: Verb) -> bool:
    ids, ec2 = _ids(world, verb), world.emulators.client("ec2")
    match verb:
        case fleet.Stop(takes=takes, by=by):
            _stop(world, ids, takes, by)
        case fleet.PowerOff(takes=takes):
            with world.emulators.lock:
                for name in _stop(world, ids, takes, by=""):
                    world.emulators.physics.leave_unexplained(name)
        case fleet.Start():
            ec2.start_instances(InstanceIds=ids)
        case fleet.Terminate(by=by):
            world.emulators.client("ec2", by=by).terminate_instances(InstanceIds=ids)
        case fleet.Retag():
            _retag(world, ids, verb)
        case _:
            return False
    return True


def _parts(world: "World", verb: Verb) -> bool:
    ids, ec2 = _ids(world, verb), world.emulators.client("ec2")
    match verb:
        case rebuild.DetachVolume(device=device, delete=delete):
            for name in ids:
                hardware.detach_volume(ec2, name, device, delete=delete)
        case rebuild.DetachInterfaces():
            for name in ids:
                hardware.detach_cards(ec2, name)
        case rebuild.TakeAddress():
            world.emulators.physics.coveted.update(ids)
        case rebuild.SpoilLaunch(times=times):
            for name in ids:
                world.emulators.physics.spoiled[name] = times
        case _:
            return False
    return True


def _ailments(world: "World", verb: Verb) -> bool:
    physics, ids = world.emulators.physics, _ids(world, verb)
    match verb:
        case fleet.Impair(check=check, until=until):
            with world.emulators.lock:
                for name in ids:
                    physics.impair(name, check, until)
        case fleet.Heal():
            with world.emulators.lock:
                for name in ids:
                    physics.heal(name)
            groups.heal(world, ids)
        case fleet.FallBack(times=times):
            for name in ids:
                physics.fall_back(name, times)
        case fleet.SlowBoot(takes=takes):
            for name in ids:
                physics.slow_boot(name, takes / world.speed)
        case fleet.NoCapacity(zone=zone, type=kind, span=span):
            physics.shortage(Shortage(world.real(span), kind or "", zone or ""))
        case fleet.ZoneOutage(zone=zone, span=span):
            physics.shortage(Shortage(world.real(span), zone=zone))
            there = [n for n, one in physics.instances().items() if one.placement.zone == zone]
            _stop(world, there, _ZONE_STOPS_IN, by="")
        case _:
            return False
    return True


def _stop(world: "World", ids: list[str], takes: float, by: str) -> list[str]:
    """Stop what runs, and give its ids; without `by` nobody called, and CloudTrail hears nothing.

    One that boots goes down when it is up, as EC2 would not have it sooner.
    """
    with world.emulators.lock:
        physics = world.emulators.physics
        known = physics.instances()
        up = {name: str(known[name].state) for name in ids}
        up = {name: state for name, state in up.items() if state in {"pending", "running"}}
        if by:
            world.emulators.ec2_server.gateway.trail.stopped(by, up)
        for name in up:
            physics.stopping_takes(name, takes / world.speed)
            physics.instances()[name].stop()
            physics.stopped({name: "running"})
    return list(up)


def _retag(world: "World", ids: list[str], verb: fleet.Retag) -> None:
    ec2 = world.emulators.client("ec2")
    tags = when_tagged(verb.set, world.start, world.speed)
    if tags:
        shown = [{"Key": key, "Value": value} for key, value in tags.items()]
        ec2.create_tags(Resources=ids, Tags=shown)
    if verb.remove:
        ec2.delete_tags(Resources=ids, Tags=[{"Key": key} for key in verb.remove])


def _aws(world: "World", verb: Verb) -> bool:
    events, ids = world.emulators.events, tuple(_ids(world, verb))
    match verb:
        case aws.Disturbance():
            world.emulators.disturb(_disturbance(world, verb, ids))
        case aws.StaleReads(lag=lag, span=span):
            world.emulators.physics.lag = (lag / world.speed, world.real(span))
        case aws.LateTrail(by=by):
            trail = world.emulators.ec2_server.gateway.trail
            trail.history.late = timedelta(seconds=by / world.speed)
        case aws.DropEvents(span=span):
            events.rule(EventRule("drop", world.real(span), ids))
        case aws.DuplicateEvents(span=span, times=times):
            events.rule(EventRule("duplicate", world.real(span), times=times))
        case aws.DelayEvents(span=span, by=by):
            late = by / world.speed
            events.rule(EventRule("delay", world.real(span), seconds=late))
        case aws.FalseEvent(state=state):
            for name in ids:
                events.send(name, state)
        case aws.DropSweeps(span=span):
            world.no_sweeps_until = world.real(span)
        case aws.GarbageRecord(text=text):
            s3 = world.emulators.client("s3")
            for name in world.subjects(verb.subject):
                key = f"records/{world.installed.concern}/{name}.json"
                s3.put_object(Bucket=world.installed.bucket, Key=key, Body=text.encode())
        case _:
            return False
    return True


def _disturbance(world: "World", verb: aws.Disturbance, ids: tuple[str, ...]) -> Disturbance:
    made = Disturbance(
        "error",
        service=verb.service,
        operation=verb.operation,
        subjects=ids,
        times=verb.times,
        until=None if verb.span is None else world.real(verb.span),
    )
    match verb:
        case aws.Fault(error=error, status=status):
            return replace(made, code=error, status=status)
        case aws.Throttle():
            return replace(made, kind="throttle")
        case aws.LostAnswer():
            return replace(made, kind="lost")
        case aws.Slow(by=by):
            return replace(made, kind="slow", seconds=by / world.speed)
        case _:
            raise NotImplementedError(verb.word)


def _runs(world: "World", verb: Verb) -> bool:
    match verb:
        case runs.AtCall(call=call, service=service, operation=operation):
            made = Disturbance(
                "pause", service=service, operation=operation, times=1, skip=call - 1
            )
            if isinstance(verb, runs.PauseAtCall):
                made = replace(made, seconds=verb.span / world.speed)
            elif isinstance(verb, runs.CrashAtCall):
                made = replace(made, kind=f"crash-{verb.when}")
            world.emulators.disturb(made)
        case runs.ConcurrentRuns(count=count):
            for _ in range(count):
                threading.Thread(target=world.sweep, daemon=True).start()
        case runs.Redeliver(times=times):
            for name in world.subjects(verb.subject):
                for _ in range(times):
                    world.send("look", subject=name, revision=0)
        case _:
            return False
    return True


def _people(world: "World", verb: Verb) -> None:
    """What an operator's command line does: parameters, and messages on the queue."""
    run = f"op-{time.time():.0f}"
    match verb:
        case recovery.Mode(mode=mode, concern=concern):
            world.put_parameter(f"mode/{concern}", mode)
        case recovery.Settings(recovery=changes):
            world.override(changes)
        case recovery.Hold(span=span, by=by, reason=reason):
            until = (datetime.now(UTC) + timedelta(seconds=span / world.speed)).isoformat()
            for name in world.subjects(verb.subject):
                world.send("hold", subject=name, until=until, by=by, reason=reason, run=run)
        case recovery.Release(by=by):
            for name in world.subjects(verb.subject):
                world.send("release", subject=name, by=by, run=run)
        case recovery.Retry(by=by):
            for name in world.subjects(verb.subject):
                world.send("retry", subject=name, by=by, run=run)
        case recovery.Claimed(by=by, age=age):
            _claim(world, by, age)
        case recovery.RetryAll(by=by):
            world.send("retry", all=True, by=by, run=run)
        case recovery.Run(plan=plan, by=by):
            world.send("run", run=run, plan=plan, by=by)
        case _:
            raise NotImplementedError(f"the emulator world cannot carry out {verb.word!r}")


def _claim(world: "World", by: str, age: float) -> None:
    """Somebody has the claim; its age is not scaled, for the product's two hours are not."""
    claim = world.installed.claim
    world.emulators.client("ssm").put_parameter(Name=claim, Value=by, Type="String", Overwrite=True)
    if age:
        world.emulators.backdate(claim, age)


_DOERS = (_fleet, _parts, _ailments, groups.carry_out, remedying.carry_out, _aws, _runs)
"""Each does the verbs it knows, and says whether it knew one; the rest is for `_people`."""

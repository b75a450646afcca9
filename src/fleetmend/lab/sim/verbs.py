"""What each verb of a timeline does to the simulated account."""

import json
from datetime import timedelta

from fleetmend.lab.committing import last_run
from fleetmend.lab.moments import when_set, when_tagged
from fleetmend.lab.sim import remedying
from fleetmend.lab.sim.compliance import RULES_KEY, ComplianceWorld
from fleetmend.lab.sim.ec2 import Shortage
from fleetmend.lab.sim.fleet import Instance
from fleetmend.lab.sim.world import World
from fleetmend.lab.tape import Said
from fleetmend.lab.trail import Caller, moved
from fleetmend.lab.vocabulary import (
    aws,
    compliance,
    fleet,
    general,
    health,
    rebuild,
    recovery,
    remediation,
    runs,
)
from fleetmend.lab.words import Verb


def carry_out(world: World, verb: Verb) -> None:
    """Do what the verb says, now, and put it on the timeline.

    Raises:
        NotImplementedError: the simulation cannot do it.
    """
    subject = getattr(verb, "subject", None)
    touched = [one.name for one in world.instances(subject)]
    match verb:
        case fleet.Stop() | fleet.PowerOff() | fleet.ZoneOutage() | fleet.Terminate():
            touched = _bring_down(world, verb)
        case general.End():
            return
        case _:
            pass
    about = touched[0] if len(touched) == 1 else ""
    world.note("fault", about, verb.word, subjects=touched, told=verb.told())
    world.tape.fire(verb.word)
    if not any(
        does(world, verb)
        for does in (_fleet, _parts, _makeup, _groups, _aws, _runs, _rules, _scans)
    ):
        _people(world, verb)


def _bring_down(world: World, verb: Verb) -> list[str]:
    """The names that it touches: what is down already is not brought down."""
    match verb:
        case fleet.ZoneOutage(zone=zone):
            chosen = [one for one in world.fleet.instances.values() if one.zone == zone]
        case fleet.Stop() | fleet.PowerOff() | fleet.Terminate():
            chosen = world.instances(verb.subject)
        case _:
            chosen = []
    up = {"pending", "running"}
    states = up | {"stopping", "stopped"} if isinstance(verb, fleet.Terminate) else up
    return [one.name for one in chosen if one.state in states]


def _fleet(world: World, verb: Verb) -> bool:
    them = world.instances(getattr(verb, "subject", None))
    match verb:
        case fleet.Stop() | fleet.PowerOff():
            _stop(world, verb, them)
        case fleet.Start():
            for one in them:
                world.fleet.start(one)
        case fleet.Terminate(by=by):
            _called(world, "TerminateInstances", them, by)
            for one in them:
                world.fleet.terminate(one)
        case fleet.Impair(check=check, until=until):
            for one in them:
                world.fleet.impair(one, check, until)
        case fleet.Heal():
            for one in them:
                world.fleet.heal(one)
                if world.installed.concern == "health":
                    world.tape.truths.append(one.truth(world.engine.now, "well"))
        case _:
            return False
    return True


def _stop(world: World, verb: fleet.Stop | fleet.PowerOff, them: list[Instance]) -> None:
    is_asked = isinstance(verb, fleet.Stop)
    if is_asked:
        _called(world, "StopInstances", them, verb.by)
    for one in them:
        world.fleet.stop(one, verb.takes, is_asked=is_asked)


def _called(world: World, call: str, them: list[Instance], by: str) -> None:
    """What CloudTrail hears of a scenario's hand on instances; EC2 was not asked for it here."""
    states = {"StopInstances": "stopping", "TerminateInstances": "shutting-down"}
    made = moved({one.id: one.state for one in them}, states[call])
    world.trail.note(call, Caller.of(by), [one.id for one in them], made=made)


def _parts(world: World, verb: Verb) -> bool:
    hardware = world.ec2.hardware
    them = world.instances(getattr(verb, "subject", None))
    if hardware is None:
        return False
    match verb:
        case rebuild.DetachVolume(device=device, delete=delete):
            for one in them:
                hardware.detach_volume(one, device, delete=delete)
        case rebuild.DetachInterfaces():
            for one in them:
                hardware.detach_cards(one)
        case rebuild.TakeAddress():
            for one in them:
                hardware.occupy(one)
        case rebuild.SpoilLaunch(times=times):
            for one in them:
                world.ec2.spoiled[one.id] = times
        case _:
            return False
    return True


def _makeup(world: World, verb: Verb) -> bool:
    them = world.instances(getattr(verb, "subject", None))
    match verb:
        case fleet.FallBack(times=times):
            for one in them:
                one.falls_back = times
        case fleet.SlowBoot(takes=takes):
            for one in them:
                one.boot_takes = takes
        case fleet.Retag():
            tags = when_tagged(verb.set, world.installed.epoch)
            for one in them:
                world.fleet.retag(one, tags, verb.remove)
                world.tape.truths.append(one.truth(world.engine.now, "retagged"))
        case fleet.NoCapacity(zone=zone, type=kind, span=span):
            world.ec2.shortages.append(Shortage(zone, kind, world.engine.now + span))
        case fleet.ZoneOutage(zone=zone, span=span):
            world.ec2.shortages.append(Shortage(zone, None, world.engine.now + span))
            for one in list(world.fleet.instances.values()):
                if one.zone == zone:
                    world.fleet.stop(one, 5.0)
        case _:
            return False
    return True


def _groups(world: World, verb: Verb) -> bool:
    now = world.engine.now
    match verb:
        case health.Refresh(subject=name, span=span):
            world.group(name).refreshing_until = now + span
        case health.SuspendProcess(subject=name, process=process):
            world.scaling.suspend(world.group(name), {process})
        case health.ResumeProcess(subject=name, process=process):
            world.scaling.resume(world.group(name), {process})
        case health.Aside():
            for one in world.instances(verb.subject):
                _set_aside(world, one, verb)
        case health.OfMember():
            for one in world.instances(verb.subject):
                _ail(one, verb, now)
                sick = isinstance(verb, (health.UnhealthyTarget, health.ApplicationAlarm))
                what = "ailing" if sick else verb.word
                world.tape.truths.append(one.truth(now, what))
        case _:
            return False
    return True


def _set_aside(world: World, one: Instance, verb: health.Aside) -> None:
    truths, engine = world.tape.truths, world.engine
    world.scaling.set_aside(one, verb.lifecycle, verb.span)
    truths.append(one.truth(engine.now, "aside"))
    if verb.span is not None:
        engine.after(verb.span, lambda: truths.append(one.truth(engine.now, "back")))


def _ail(one: Instance, verb: health.OfMember, now: float) -> None:
    match verb:
        case health.SilenceAgent():
            one.silent = True
        case health.UnhealthyTarget():
            one.target_ill = True
        case health.ApplicationAlarm():
            one.alarmed = True
        case health.Retire(after=after):
            one.retires_at = now + after
        case _:
            raise NotImplementedError(f"the simulation cannot carry out {verb.word!r}")


def _aws(world: World, verb: Verb) -> bool:
    now = world.engine.now
    them = world.instances(getattr(verb, "subject", None))
    ids = frozenset(one.id for one in them) if them else None
    match verb:
        case aws.Disturbance():
            world.disturbances.add(verb, ids)
        case aws.StaleReads(lag=lag, span=span):
            world.lag, world.lagging_until = lag, now + span
        case aws.LateTrail(by=by):
            world.trail.late = timedelta(seconds=by)
        case aws.DropEvents(span=span):
            world.lost_events.append((now + span, ids))
        case aws.DuplicateEvents(span=span, times=times):
            world.repeated_events, world.repeats = now + span, times
        case aws.DelayEvents(span=span, by=by):
            world.delayed_events, world.delay = now + span, by
        case aws.FalseEvent(state=state):
            for one in them:
                world.send_event(one, state)
        case aws.DropSweeps(span=span):
            world.no_sweeps_until = now + span
        case aws.GarbageRecord(text=text):
            for one in world.subjects(verb.subject):
                world.s3.replace(_record(world, one), text.encode())
                world.tape.said.append(Said(now, "garbage", one))
        case _:
            return False
    return True


def _runs(world: World, verb: Verb) -> bool:
    match verb:
        case runs.AtCall():
            world.disturbances.strike(verb)
        case runs.ConcurrentRuns(count=count):
            for _ in range(count):
                world.sweep()
        case runs.Redeliver(times=times):
            for one in world.subjects(verb.subject):
                for _ in range(times):
                    _send(world, "look", subject=one, revision=0)
        case runs.SkewedClock(ahead=ahead, behind=behind, span=span):
            world.function.skew = ahead - behind
            world.function.skewed_until = world.engine.now + span
        case _:
            return False
    return True


def _rules(world: World, verb: Verb) -> bool:
    match verb:
        case remediation.Scan():
            remedying.scan(world)
        case remediation.UndoRun(by=by):
            of = last_run(remedying.SimArchive(world.s3))
            _send(world, "undo", of=of, by=by, run=f"op-{world.engine.now:.0f}")
        case remediation.Undo(subject=subject, by=by):
            for one in world.subjects(subject):
                _send(world, "undo", subject=one, by=by, run=f"op-{world.engine.now:.0f}")
        case _:
            return False
    return True


def _scans(world: World, verb: Verb) -> bool:
    match verb:
        case compliance.AskRun(by=by) if isinstance(world, ComplianceWorld):
            world.ask({"fleetmend": "run", "by": by}, "person")
        case compliance.BrokenRules(text=text):
            world.s3.replace(RULES_KEY, text.encode())
        case compliance.Refuse(account=account, span=span):
            refused = {"service": "sts", "operation": "AssumeRole", "error": "AccessDenied"}
            fault = aws.Fault.model_validate({**refused, "for": span})
            world.disturbances.add(fault, frozenset({account}))
        case _:
            return False
    return True


def _people(world: World, verb: Verb) -> None:
    """What an operator's command line does: parameters, and messages on the queue."""
    run = f"op-{world.engine.now:.0f}"
    match verb:
        case recovery.Mode(mode=mode, concern=concern):
            world.parameters.values[world.installed.parameter(f"mode/{concern}")] = mode
            values = [v for k, v in world.parameters.values.items() if "/mode/" in k]
            strictest = min(values, key=["off", "observe", "act"].index)
            world.tape.said.append(Said(world.engine.now, f"mode:{strictest}"))
        case recovery.Settings(recovery=changes):
            name = world.installed.parameter("recovery/overrides")
            now = json.loads(world.parameters.values[name])
            new = when_set(changes, world.installed.epoch)
            world.parameters.values[name] = json.dumps({**now, **new})
        case recovery.Hold(span=span, by=by, reason=reason):
            until = (world.time() + timedelta(seconds=span)).isoformat()
            for one in world.subjects(verb.subject):
                _send(world, "hold", subject=one, until=until, by=by, reason=reason, run=run)
        case recovery.Release(by=by):
            for one in world.subjects(verb.subject):
                _send(world, "release", subject=one, by=by, run=run)
        case recovery.Retry(by=by):
            for one in world.subjects(verb.subject):
                _send(world, "retry", subject=one, by=by, run=run)
        case recovery.Claimed(by=by, age=age):
            claim = world.installed.claim
            world.parameters.values[claim] = by
            world.parameters.written[claim] = world.time(world.engine.now - age)
            world.tape.said.append(Said(world.engine.now, f"claimed:{age:g}", by))
        case recovery.RetryAll(by=by):
            _send(world, "retry", all=True, by=by, run=run)
        case recovery.Run(plan=plan, by=by):
            _send(world, "run", run=run, plan=plan, by=by)
        case _:
            raise NotImplementedError(f"the simulation cannot carry out {verb.word!r}")


def _send(world: World, kind: str, **fields: object) -> None:
    world.tape.said.append(Said(world.engine.now, kind, str(fields.get("subject", ""))))
    world.queue.put(json.dumps({"fleetmend": kind, **fields}))


def _record(world: World, identity: str) -> str:
    return f"records/{world.installed.concern}/{identity}.json"

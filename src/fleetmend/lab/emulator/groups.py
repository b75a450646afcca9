"""What health's verbs do to the emulated account."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fleetmend.lab.vocabulary import health
from fleetmend.lab.words import Verb

if TYPE_CHECKING:
    from fleetmend.lab.emulator.world import World


def carry_out(world: "World", verb: Verb) -> bool:
    """Do what the verb says, if it is one of health's; whether it is."""
    herd = world.emulators.herd
    with world.emulators.lock:
        match verb:
            case health.Refresh(subject=name, span=span):
                herd.groups[name].refreshing_until = herd.scaling.clock.now + span
            case health.SuspendProcess(subject=name, process=process):
                herd.scaling.suspend(herd.groups[name], {process})
            case health.ResumeProcess(subject=name, process=process):
                herd.scaling.resume(herd.groups[name], {process})
            case health.UnhealthyTarget(subject=subject):
                for name in world.fleet.expand(subject):
                    world.emulators.physics.body(name).target_ill = True
            case health.Retire(subject=subject, after=after):
                moment = time.time() + after / world.speed
                for name in world.fleet.expand(subject):
                    world.emulators.physics.body(name).retires_at = moment
            case health.Aside(subject=subject, span=span):
                for name in world.fleet.expand(subject):
                    member = herd.member(name)
                    if member:
                        herd.scaling.set_aside(member, verb.lifecycle, span)
            case _:
                return _beside_ec2(world, verb)
    return True


def heal(world: "World", ids: Iterable[str]) -> None:
    """Let alarms and agents of instances be well again."""
    if world.scenario.concern != "health":
        return
    world.emulators.control.post("agents", dict.fromkeys(ids, "Online"))
    for name in ids:
        if _alarm(world, name) in world.alarms:
            _set_alarm(world, name, "OK")


def _beside_ec2(world: "World", verb: Verb) -> bool:
    match verb:
        case health.SilenceAgent(subject=subject):
            silent = dict.fromkeys(world.fleet.expand(subject), "ConnectionLost")
            world.emulators.control.post("agents", silent)
        case health.ApplicationAlarm(subject=subject):
            for name in world.fleet.expand(subject):
                _set_alarm(world, name, "ALARM")
        case _:
            return False
    return True


def _alarm(world: "World", instance: str) -> str:
    return f"app-{world.fleet.name(instance)}"


def _set_alarm(world: "World", instance: str, state: str) -> None:
    """Put the application's alarm about an instance into a state."""
    cloudwatch, name = world.emulators.client("cloudwatch"), _alarm(world, instance)
    if name not in world.alarms:
        world.alarms.add(name)
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Application",
            MetricName="Errors",
            Dimensions=[{"Name": "InstanceId", "Value": instance}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="the scenario")

"""Seeded histories of rebuilds, under the same faults as recovery's, and some of their own.

Replay one, with its timeline: `.venv/bin/python -m tests.scenarios.swarm_rebuild SEED`.
"""

from collections.abc import Callable
from random import Random

from fleetmend.lab.makeup import ExtraVolume, Parts
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario
from fleetmend.lab.vocabulary import fleet, general, rebuild, runs
from fleetmend.lab.vocabulary.recovery import Mode
from tests.scenarios.swarm import END, FAULTS, QUICK, Dice, replay

ON = {"Auto-Rebuild": "true"}
SHARED = (
    *("fault", "more faults", "throttle", "lost_answer", "more lost_answer", "slow", "stale_reads"),
    *("drop_events", "duplicate_events", "delay_events", "false_event", "drop_sweeps"),
    *("garbage_record", "crash_at_call", "pause_at_call", "concurrent_runs", "redeliver"),
    *("skewed_clock", "slow_boot", "impair", "no_capacity", "hold", "retry"),
)
"""Of recovery's faults, those that a rebuild can meet."""

PARTS = Parts(
    volumes=(ExtraVolume(keeps=True), ExtraVolume(device="/dev/sdg", snapshot=True)),
    interfaces=1,
    elastic=True,
)


def _retag(dice: Dice) -> None:
    subject = dice.one()
    then = dice.at(fleet.Retag(subject=subject, remove=["Auto-Rebuild"]))
    if dice.random.random() < 0.5:
        dice.at(fleet.Retag(subject=subject, set=dict(ON)), then + dice.span())


def _mode(dice: Dice) -> None:
    then = dice.at(Mode(mode=dice.random.choice(["off", "observe"]), concern="rebuild"))
    dice.at(Mode(mode="act", concern="rebuild"), then + dice.span())


def _strike(dice: Dice) -> None:
    """The calls around an act are few among many, so chance is helped."""
    service, operation = dice.random.choice(
        [("ec2", "RunInstances"), ("ec2", "AttachVolume"), ("s3", "PutObject")]
    )
    where = {"call": dice.random.randint(1, 4), "service": service, "operation": operation}
    when = dice.random.choice(["before", "after"])
    if dice.random.random() < 0.5:
        dice.at(runs.CrashAtCall(**where, when=when))
    else:
        dice.at(runs.PauseAtCall(**where, when=when, span=dice.random.choice([100.0, 250.0])))


def _detach(dice: Dice) -> None:
    device = dice.random.choice(["/dev/sdf", "/dev/sdg"])
    away = rebuild.DetachVolume(
        subject=dice.one(), device=device, delete=dice.random.random() < 0.5
    )
    dice.at(away)


OWN: dict[str, Callable[[Dice], object]] = {
    "strike at an act": _strike,
    "more strikes": _strike,
    "retag": _retag,
    "mode": _mode,
    "detach_volume": _detach,
    "detach_interfaces": lambda dice: dice.at(rebuild.DetachInterfaces(subject=dice.one())),
    "take_address": lambda dice: dice.at(rebuild.TakeAddress(subject=dice.one())),
    "spoil_launch": lambda dice: dice.at(
        rebuild.SpoilLaunch(subject=dice.one(), times=dice.random.randint(1, 2)), 0.0
    ),
}


def scenario(seed: int) -> Scenario:
    """The history of a seed: a small fleet, most of which goes, a subset of the faults."""
    random = Random(f"swarm/rebuild/{seed}")
    count = random.randint(1, 3)
    parts = random.choice([Parts(), PARTS])
    names = [f"api-{k + 1}" for k in range(count)]
    dice = Dice(random, names)
    for name in names:
        if random.random() < 0.85:
            dice.at(fleet.Terminate(subject=name), random.uniform(150.0, 900.0))
    share = random.choice([0.05, 0.12, 0.25])
    for fault in (*(FAULTS[name] for name in SHARED), *OWN.values()):
        if random.random() < share:
            fault(dice)
    dice.at(general.End(), END)
    drift = random.choice(["alert", "reattach", "restore"])
    return Scenario(
        name=f"swarm of rebuilds {seed}",
        concern="rebuild",
        seed=seed,
        fleet=Fleet(instances=(Instances(name="api", count=count, tags=ON, parts=parts),)),
        settings=Installed(rebuild={**QUICK, "drift": drift}),
        timeline=tuple(sorted(dice.steps, key=lambda step: step.at)),
    )


if __name__ == "__main__":
    replay(scenario)

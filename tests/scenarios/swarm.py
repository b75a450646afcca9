"""Seeded histories: each seed switches on a random subset of what can go wrong.

Replay one, with its timeline: `.venv/bin/python -m tests.scenarios.swarm SEED`. With `many` after
the seed, it is one in which many stop together.
"""

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random

from fleetmend.lab import sim
from fleetmend.lab.checker import Violation, check, duplicates
from fleetmend.lab.scenario import Fleet, Group, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import aws, fleet, general, recovery, runs
from fleetmend.lab.words import Verb

TROUBLE_UNTIL = 1500.0
END = 3600.0
"""Seconds: trouble ends at the first, and everything must be settled long before the second."""

SERVICES = ("ec2", "s3", "s3", "s3", "sns", "sqs", "ssm")
ON = {"Auto-Recover": "true"}
QUICK = {
    "retry_interval": 150.0,
    "capacity_window": 400.0,
    "capacity_longest": 60.0,
    "verify_window": 240.0,
    "max_attempts": 2,
}
"""Shorter than the defaults, so that a history reaches its end within simulated minutes."""

ERRORS = {
    "ec2": ("InternalError", "RequestLimitExceeded", "UnauthorizedOperation", "timeout"),
    "s3": (
        "ServiceUnavailable",
        "SlowDown",
        "InternalError",
        "AccessDenied",
        "ConditionalRequestConflict",
        "timeout",
        "connection",
    ),
    "sns": ("InternalError", "AuthorizationError", "timeout", "connection"),
    "sqs": ("InternalError", "AccessDenied", "timeout", "connection"),
    "ssm": ("InternalServerError", "AccessDeniedException", "timeout"),
}


@dataclass
class Dice:
    """Chance, and the names it may fall on."""

    random: Random
    names: list[str]
    steps: list[Step] = field(default_factory=list[Step])

    def at(self, verb: Verb, moment: float | None = None) -> float:
        """Put a verb on the timeline; anywhere in the troubled time if no moment is given."""
        moment = self.random.uniform(0.0, TROUBLE_UNTIL - 300.0) if moment is None else moment
        self.steps.append(Step(round(moment, 3), verb))
        return moment

    def span(self, least: float = 20.0, most: float = 300.0) -> float:
        return round(self.random.uniform(least, most), 1)

    def one(self) -> str:
        return self.random.choice(self.names)

    def times(self) -> int:
        return self.random.randint(1, 4)


def _calls(dice: Dice, kind: type[aws.Disturbance], **more: object) -> None:
    service = dice.random.choice(SERVICES)
    bound = {"times": dice.times()} if dice.random.random() < 0.6 else {"span": dice.span()}
    dice.at(kind(service=service, **bound, **more))


def _fault(dice: Dice) -> None:
    service = dice.random.choice(SERVICES)
    error = dice.random.choice(ERRORS[service])
    bound = {"times": dice.times()} if dice.random.random() < 0.6 else {"span": dice.span()}
    dice.at(aws.Fault(service=service, error=error, **bound))


def _dry(dice: Dice) -> None:
    zone = dice.random.choice(["us-east-1a", "us-east-1b"])
    dice.at(fleet.NoCapacity(zone=zone, span=dice.span(60.0, 600.0)))


def _dry_for_one(dice: Dice) -> None:
    error = "InsufficientInstanceCapacity"
    operation, subject = "StartInstances", dice.one()
    dice.at(
        aws.Fault(
            service="ec2", operation=operation, error=error, subject=subject, times=dice.times()
        )
    )


def _crash(dice: Dice) -> None:
    for _ in range(dice.times()):
        when = dice.random.choice(["before", "after"])
        dice.at(runs.CrashAtCall(call=dice.random.randint(1, 40), when=when))


def _pause(dice: Dice) -> None:
    for _ in range(dice.times()):
        call, span = dice.random.randint(1, 30), dice.random.choice([20.0, 100.0, 250.0])
        when = dice.random.choice(["before", "after"])
        dice.at(runs.PauseAtCall(call=call, when=when, span=span))


def _pause_before_acting(dice: Dice) -> None:
    """The calls around an act are few among many, so chance is helped."""
    service, operation = dice.random.choice([("s3", "PutObject"), ("ec2", "StartInstances")])
    call, span = dice.random.randint(1, 4), dice.random.choice([100.0, 250.0])
    when = dice.random.choice(["before", "after"])
    verb = runs.PauseAtCall(call=call, service=service, operation=operation, when=when, span=span)
    dice.at(verb)


def _garbage(dice: Dice) -> None:
    subject = dice.one()
    then = dice.at(aws.GarbageRecord(subject=subject))
    if dice.random.random() < 0.5:
        dice.at(recovery.Retry(subject=subject), then + dice.span())


def _impair(dice: Dice) -> None:
    subject = dice.one()
    then = dice.at(fleet.Impair(subject=subject))
    dice.at(fleet.Heal(subject=subject), then + dice.span())


def _retag(dice: Dice) -> None:
    subject = dice.one()
    then = dice.at(fleet.Retag(subject=subject, remove=["Auto-Recover"]))
    if dice.random.random() < 0.7:
        dice.at(fleet.Retag(subject=subject, set=dict(ON)), then + dice.span())


def _hold(dice: Dice) -> None:
    subject = dice.one()
    then = dice.at(recovery.Hold(subject=subject, span=dice.span(100.0, 900.0)))
    if dice.random.random() < 0.5:
        dice.at(recovery.Release(subject=subject), then + dice.span())


def _mode(dice: Dice) -> None:
    mode = dice.random.choice(["off", "observe"])
    then = dice.at(recovery.Mode(mode=mode))
    dice.at(recovery.Mode(mode="act"), then + dice.span())


def _stop_again(dice: Dice) -> None:
    for _ in range(dice.times()):
        dice.at(fleet.Stop(subject=dice.one(), takes=dice.span(1.0, 40.0)))


def _skew(dice: Dice) -> None:
    way = dice.random.choice(["ahead", "behind"])
    dice.at(runs.SkewedClock(span=dice.span(100.0, 900.0), **{way: dice.span(1.0, 120.0)}))


FAULTS: dict[str, Callable[[Dice], object]] = {
    "fault": _fault,
    "more faults": _fault,
    "throttle": lambda dice: _calls(dice, aws.Throttle),
    "lost_answer": lambda dice: _calls(dice, aws.LostAnswer),
    "more lost_answer": lambda dice: _calls(dice, aws.LostAnswer),
    "slow": lambda dice: _calls(dice, aws.Slow, by=dice.span(1.0, 15.0)),
    "stale_reads": lambda dice: dice.at(aws.StaleReads(lag=dice.span(1.0, 15.0), span=dice.span())),
    "drop_events": lambda dice: dice.at(aws.DropEvents(span=dice.span(100.0, 900.0)), 0.0),
    "duplicate_events": lambda dice: dice.at(
        aws.DuplicateEvents(span=1200.0, times=dice.times() + 1), 0.0
    ),
    "delay_events": lambda dice: dice.at(aws.DelayEvents(span=1200.0, by=dice.span()), 0.0),
    "false_event": lambda dice: dice.at(aws.FalseEvent(subject=dice.one())),
    "drop_sweeps": lambda dice: dice.at(aws.DropSweeps(span=dice.span())),
    "garbage_record": _garbage,
    "crash_at_call": _crash,
    "pause_at_call": _pause,
    "pause before acting": _pause_before_acting,
    "concurrent_runs": lambda dice: dice.at(runs.ConcurrentRuns(count=2)),
    "redeliver": lambda dice: dice.at(runs.Redeliver(subject=dice.one(), times=dice.times())),
    "skewed_clock": _skew,
    "fall_back": lambda dice: dice.at(fleet.FallBack(subject=dice.one(), times=dice.times())),
    "slow_boot": lambda dice: dice.at(
        fleet.SlowBoot(subject=dice.one(), takes=dice.span(20.0, 400.0))
    ),
    "impair": _impair,
    "start": lambda dice: dice.at(fleet.Start(subject=dice.one())),
    "stop again": _stop_again,
    "terminate": lambda dice: dice.at(fleet.Terminate(subject=dice.one())),
    "retag": _retag,
    "no_capacity": _dry,
    "no capacity for one": _dry_for_one,
    "hold": _hold,
    "mode": _mode,
    "retry": lambda dice: dice.at(recovery.Retry(subject=dice.one())),
}


OTHERS = (
    Instances(name="node", tags={**ON, "karpenter.sh/nodepool": "default"}),
    Instances(name="desk", operator="workspaces.amazonaws.com", tags=ON),
    Instances(name="hollow", root=False, tags=ON),
)


def _left_alone(dice: Dice, seed: int) -> list[Instances]:
    """Instances that others look after, drawn apart, so that they shift no other chance."""
    chance = Random(f"swarm/others/{seed}")
    chosen = [part for part in OTHERS if chance.random() < 0.1]
    for part in chosen:
        stop = fleet.Stop(subject=part.name, takes=chance.uniform(1.0, 30.0))
        dice.at(stop, chance.uniform(5.0, 120.0))
    return chosen


def scenario(seed: int) -> Scenario:
    """The history of a seed: a small fleet, a subset of the faults, and a quiet end."""
    random = Random(f"swarm/{seed}")
    count = random.randint(1, 3)
    parts = [Instances(name="api", count=count, tags=ON)]
    names = [f"api-{k + 1}" for k in range(count)]
    if random.random() < 0.2:
        parts.append(Instances(name="untagged", tags={"Owner": "x"}))
    if random.random() < 0.2:
        parts.append(Instances(name="spot", lifecycle="spot", tags=ON))
    if random.random() < 0.2:
        parts.append(Instances(name="held", tags={**ON, "fleetmend:hold-until": "+5h"}))
    groups = [Group(name="web", desired=1, tags=ON)] if random.random() < 0.1 else []
    dice = Dice(random, names)
    for part in (*parts, *groups):
        for name in names if part.name == "api" else [part.name]:
            if random.random() < 0.85:
                dice.at(fleet.Stop(subject=name, takes=dice.span(1.0, 30.0)), dice.span(5.0, 120.0))
    share = random.choice([0.05, 0.12, 0.25])
    for fault in FAULTS.values():
        if random.random() < share:
            fault(dice)
    parts += _left_alone(dice, seed)
    dice.at(general.End(), END)
    return Scenario(
        name=f"swarm {seed}",
        seed=seed,
        fleet=Fleet(instances=tuple(parts), groups=tuple(groups)),
        settings=Installed(recovery=QUICK),
        timeline=tuple(sorted(dice.steps, key=lambda step: step.at)),
    )


def many(seed: int) -> Scenario:
    """A dozen stop, at once or bit by bit: a mass stop, or nearly one, under a few faults."""
    random = Random(f"swarm/many/{seed}")
    names = [f"api-{k + 1}" for k in range(12)]
    dice = Dice(random, names)
    struck = random.sample(names, random.choice([7, 10, 12]))
    begins, lasts = random.uniform(5.0, 200.0), random.choice([1.0, 60.0, 300.0])
    for name in struck:
        stop = fleet.Stop(subject=name, takes=dice.span(1.0, 30.0))
        dice.at(stop, begins + random.uniform(0.0, lasts))
    share = random.choice([0.02, 0.05, 0.1])
    for fault in FAULTS.values():
        if random.random() < share:
            fault(dice)
    dice.at(recovery.RetryAll(by="ana"), TROUBLE_UNTIL)
    dice.at(general.End(), 2 * END)
    mass = {"mass_count": 9, "pace": 3, "mass_stop": random.choice(["hold", "hold", "pace"])}
    return Scenario(
        name=f"swarm of many {seed}",
        seed=seed,
        fleet=Fleet(instances=(Instances(name="api", count=12, tags=ON),)),
        settings=Installed(recovery={**QUICK, **mass}),
        timeline=tuple(sorted(dice.steps, key=lambda step: step.at)),
    )


Swarm = Callable[[int], Scenario]
"""A history for each seed."""


@dataclass
class Tally:
    """What some seeds came to. `transitions` are pairs of a record's (status, reason)."""

    seeds: int = 0
    broken: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    fired: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    duplicates: int = 0

    def add(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.broken.update(other.broken)
        self.fired.update(other.fired)
        self.reasons.update(other.reasons)
        self.duplicates += other.duplicates

    def told(self) -> str:
        """The coverage report."""
        lines = [f"{self.seeds} histories, {self.duplicates} starts after a freeze"]
        lines += [f"  {count:7} {what}" for what, count in sorted(self.fired.items())]
        lines += ["records:"]
        lines += [f"  {count:7} {what}" for what, count in sorted(self.reasons.items())]
        return "\n".join(lines)


def hunt(seed: int, of: Swarm = scenario) -> tuple[list[Violation], sim.World]:
    """Play a seed and check it."""
    _, world = sim.record(of(seed))
    return check(world.tape, world.law(), quiet=True), world


def tally(seeds: Iterable[int], of: Swarm = scenario) -> Tally:
    """Play and check some seeds."""
    total = Tally()
    for seed in seeds:
        found, world = hunt(seed, of)
        total.seeds += 1
        if found:
            total.broken[seed] = [str(violation) for violation in found]
        total.fired.update(world.tape.fired)
        total.duplicates += duplicates(world.tape, world.law())
        for event in world.events:
            if event.kind == "record":
                would = "would " if event.detail.get("would") else ""
                total.reasons[f"{would}{event.what}: {event.detail.get('reason', '')}"] += 1
    return total


def total(seeds: int, of: Swarm = scenario) -> Tally:
    """All seeds from 1 on, on every core."""
    chunks = [range(n, min(n + 20, seeds + 1)) for n in range(1, seeds + 1, 20)]
    whole, context = Tally(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 8), mp_context=context) as pool:
        for part in pool.map(partial(tally, of=of), chunks):
            whole.add(part)
    return whole


def replay(of: Swarm) -> None:
    """Play the seed that the command line names, and print what happened."""
    found, world = hunt(int(sys.argv[1]), of)
    for event in world.events:
        print(f"{event.at:9.3f} {event.kind:6} {event.subject:10} {event.what} {event.detail}")
    print("\n".join(str(violation) for violation in found) or "every promise kept")


if __name__ == "__main__":
    replay(many if "many" in sys.argv else scenario)

"""Histories of groups: small ones with one thing going wrong, seeded ones with many, mutants.

Replay a seed, with its timeline: `.venv/bin/python -m tests.scenarios.ailing SEED`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any

from fleetmend.core.decisions import health as decisions
from fleetmend.core.health_memory import Breaker, Memory
from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Fleet, Group, Installed, Scenario, Step
from fleetmend.lab.vocabulary import aws, fleet, general, health, recovery, runs
from fleetmend.lab.words import Verb
from tests.scenarios.planted import Mutant, Patch
from tests.scenarios.points import AT_CALL
from tests.scenarios.swarm import replay

HEAL = {"Auto-Heal": "true"}


def history(
    *steps: Step, groups: tuple[Group, ...], end: float, seed: int = 1, **settings: Any
) -> Scenario:
    timeline = (*steps, Step(end, general.End()))
    return Scenario(
        name="groups",
        seed=seed,
        fleet=Fleet(groups=groups),
        concern="health",
        settings=Installed(health=settings),
        timeline=tuple(sorted(timeline, key=lambda step: step.at)),
    )


def web(desired: int, zones: int = 3) -> Group:
    return Group(name="web", desired=desired, zones=zones, balanced=True, tags=HEAL)


def ill(at: float, *names: str) -> list[Step]:
    return [Step(at, health.UnhealthyTarget(subject=name)) for name in names]


def impaired(at: float, *names: str) -> list[Step]:
    return [Step(at, fleet.Impair(subject=name)) for name in names]


FOUR = ("web-1", "web-2", "web-3", "web-5")


def one_ill(*more: Step, seed: int = 1) -> Scenario:
    return history(*ill(10.0, "web-2"), *more, groups=(web(6),), end=1500.0, seed=seed)


def outage(*more: Step, seed: int = 1, heal: float = 420.0) -> Scenario:
    return history(
        *impaired(10.0, *FOUR),
        Step(heal, fleet.Heal(subject="web")),
        *more,
        groups=(web(10),),
        end=2600.0,
        seed=seed,
        suspension=900.0,
    )


BASES: Mapping[str, tuple[Callable[..., Scenario], float]] = {
    "one ill": (one_ill, 420.0),
    "outage": (outage, 760.0),
}
"""A history by its disturbances, and until when its calls are worth disturbing."""


def calls(base: str) -> int:
    made, until = BASES[base]
    return sum(call.at < until for call in sim.record(made())[1].tape.calls)


def at_every_call(base: str, what: str, stride: int = 1) -> Iterator[tuple[int, Scenario]]:
    for call in range(1, calls(base) + 1, stride):
        yield call, BASES[base][0](Step(0.0, AT_CALL[what](call)))


def broken(scenario: Scenario) -> list[str]:
    _, world = sim.record(scenario)
    return [str(violation) for violation in check(world.tape, world.law(), quiet=True)]


# --- the swarm -------------------------------------------------------------------------------

TROUBLE_UNTIL = 1500.0
SERVICES = ("autoscaling", "autoscaling", "ec2", "elbv2", "s3", "s3", "sns", "sqs", "ssm")
ERRORS = ("InternalFailure", "ServiceUnavailable", "AccessDenied", "Throttling", "timeout")


def _trouble(random: Random, name: str, size: int) -> Verb:
    subject = f"{name}-{random.randint(1, size)}"
    span = round(random.uniform(30.0, 400.0), 1)
    service = random.choice(SERVICES)
    bound: dict[str, Any] = {"times": random.randint(1, 5)}
    made: list[Callable[[], Verb]] = [
        *[lambda: health.UnhealthyTarget(subject=subject)] * 4,
        *[lambda: fleet.Impair(subject=subject)] * 4,
        lambda: fleet.Impair(subject=name),
        lambda: fleet.Stop(subject=subject),
        lambda: fleet.Terminate(subject=subject),
        *[lambda: fleet.Heal(subject=name)] * 3,
        lambda: fleet.SlowBoot(subject=subject, takes=span),
        lambda: fleet.NoCapacity(zone="us-east-1a", span=span),
        lambda: health.Retire(subject=subject, after=7200.0),
        lambda: health.SilenceAgent(subject=subject),
        *[lambda: health.Refresh(subject=name, span=span)] * 2,
        *[lambda: recovery.Hold(subject=name, span=span)] * 2,
        lambda: recovery.Release(subject=name),
        *[lambda: aws.Fault(service=service, error=random.choice(ERRORS), **bound)] * 3,
        lambda: aws.Throttle(service=service, **bound),
        *[lambda: aws.LostAnswer(service=service, **bound)] * 2,
        lambda: aws.Slow(service=service, by=7.0, **bound),
        *[lambda: aws.DropEvents(span=2 * span)] * 2,
        *[lambda: aws.DuplicateEvents(span=2 * span, times=3)] * 3,
        lambda: runs.ConcurrentRuns(count=3),
        *[partial(_struck, random, runs.CrashAtCall)] * 4,
        *[partial(_struck, random, runs.PauseAtCall, span=random.choice([20.0, 250.0]))] * 4,
    ]
    return random.choice(made)()


def _struck(random: Random, kind: type[runs.AtCall], **more: object) -> Verb:
    """Any call, or one of the few around an act."""
    near: dict[str, Any] = {"service": "autoscaling"}
    near["operation"] = random.choice(["SetInstanceHealth", "SuspendProcesses", "ResumeProcesses"])
    chosen = {"call": 1, **near} if random.random() < 0.6 else {"call": random.randint(1, 60)}
    return kind(when=random.choice(["before", "after"]), **chosen, **more)


def scenario(seed: int) -> Scenario:
    """A group in which several things go wrong in the first 25 minutes."""
    random = Random(f"ailing/{seed}")
    size, zones = random.choice([1, 2, 3, 6, 10]), random.randint(1, 4)
    steps = [
        Step(round(random.uniform(0.0, TROUBLE_UNTIL), 3), _trouble(random, "web", size))
        for _ in range(random.randint(3, 14))
    ]
    quiet = [Step(TROUBLE_UNTIL + 420.0, fleet.Heal(subject="web"))]
    settings: dict[str, Any] = {"suspension": 600.0, "max_replacements": random.choice([1, 1, 2])}
    return history(*steps, *quiet, groups=(web(size, zones),), end=6600.0, seed=seed, **settings)


# --- planted bugs ----------------------------------------------------------------------------


def _no_breaker(patch: Patch) -> None:
    patch.setattr(decisions, "outage", lambda group, struck, policy: "")


def _floor_without_those_in_flight(patch: Patch) -> None:
    def well(seen: Any, found: Any, replacing: Any) -> int:
        return sum(member.weight for member in seen.serving if member.id not in found)

    patch.setattr(decisions, "_well", well)


def _marked_is_replaced(patch: Patch) -> None:
    def verified(memory: Any, *_: Any) -> tuple[Any, list[Any]]:
        return replace(memory, replacing={}), []

    patch.setattr(decisions, "verified", verified)


def _budget_per_run(patch: Patch) -> None:
    real = decisions._Case._refusal

    def refusal(self: Any) -> Any:
        policy, self.policy = self.policy, replace(self.policy, max_replacements=10**6)
        try:
            return real(self)
        finally:
            self.policy = policy

    patch.setattr(decisions._Case, "_refusal", refusal)


def _resume_without_reset(patch: Patch) -> None:
    patch.setattr(decisions, "_RESETS", 0)


def _suspension_without_end(patch: Patch) -> None:
    def endless(since: Any, until: Any, why: str) -> Breaker:
        return Breaker(since, since + timedelta(days=99), why)

    patch.setattr(decisions, "Breaker", endless)


def _breaker_forgotten(patch: Patch) -> None:
    """The record of a dead run says nothing of its suspension: nobody ends it."""
    real = decisions._Case._remembered

    def remembered(self: Any, record: Any) -> Any:
        memory = real(self, record)
        planned = record.intent and record.intent.state.value == "planned"
        return replace(memory, breaker=None, asked=None) if planned else memory

    patch.setattr(decisions._Case, "_remembered", remembered)


def _asked_and_forgotten(patch: Patch) -> None:
    """What a frozen run may still ask for is forgotten with its incident."""
    patch.setattr(Memory, "lasting", lambda self, now: Memory())


def _one_sample_is_ill(patch: Patch) -> None:
    real = decisions._Case._replace_one

    def at_once(self: Any) -> Any:
        self.policy = replace(self.policy, consecutive=1)
        return real(self)

    patch.setattr(decisions._Case, "_replace_one", at_once)


def many_at_once() -> Iterable[Scenario]:
    """Their balancer's word alone, so that Auto Scaling does not mark them first."""
    for seed in count(1):
        yield history(
            *ill(10.0, *FOUR),
            Step(420.0, fleet.Heal(subject="web")),
            groups=(web(10),),
            end=2600.0,
            seed=seed,
        )


def never_over() -> Iterable[Scenario]:
    return (outage(seed=seed, heal=2500.0) for seed in count(1))


def marked_meanwhile() -> Iterable[Scenario]:
    return (outage(seed=seed) for seed in count(1))


def dies_after_suspending() -> Iterable[Scenario]:
    crash = runs.CrashAtCall(
        call=1, service="autoscaling", operation="SuspendProcesses", when="after"
    )
    return (outage(Step(0.0, crash), seed=seed) for seed in count(1))


def suspends_late() -> Iterable[Scenario]:
    """Whoever was to suspend is frozen until the outage is over and its record closed."""
    frozen = runs.PauseAtCall(
        call=1, service="autoscaling", operation="SuspendProcesses", span=400.0
    )
    return (outage(Step(0.0, frozen), seed=seed, heal=90.0) for seed in count(1))


def two_ill() -> Iterable[Scenario]:
    for seed in count(1):
        yield history(*ill(10.0, "web-1", "web-2"), groups=(web(12),), end=2400.0, seed=seed)


def one_of_six() -> Iterable[Scenario]:
    return (one_ill(seed=seed) for seed in count(1))


def well_again_in_flight() -> Iterable[Scenario]:
    """No successor can be launched; who is marked gets well, and is on its way out all the same."""
    dry = [Step(0.0, fleet.NoCapacity(zone=f"us-east-1{z}", span=900.0)) for z in "abc"]
    for seed in count(1):
        yield history(
            *dry,
            *ill(10.0, "web-1"),
            *[Step(260.0, fleet.Heal(subject="web-1"))],
            *ill(270.0, "web-2", "web-3"),
            groups=(web(6),),
            end=3000.0,
            seed=seed,
            max_replacements=5,
            healthy_floor=0.7,
            outage_threshold=0.9,
        )


MUTANTS = (
    Mutant("no breaker", _no_breaker, 2, many_at_once),
    Mutant("floor counted without those in flight", _floor_without_those_in_flight, 3,
           well_again_in_flight),
    Mutant("marked counts as replaced", _marked_is_replaced, 3, two_ill),
    Mutant("budget per run instead of in flight", _budget_per_run, 3, two_ill),
    Mutant("resume without reset", _resume_without_reset, 3, marked_meanwhile),
    Mutant("suspension without end", _suspension_without_end, 2, never_over),
    Mutant("a dead run's suspension is forgotten", _breaker_forgotten, 3, dies_after_suspending),
    Mutant("what a frozen run asks late is forgotten", _asked_and_forgotten, 3, suspends_late),
    Mutant("one bad sample is ill", _one_sample_is_ill, 3, one_of_six),
)  # fmt: skip


if __name__ == "__main__":
    replay(scenario)

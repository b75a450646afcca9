"""Small histories in which one thing goes wrong at one call, for every call there is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import aws, fleet, general, recovery, runs
from fleetmend.lab.words import Verb

ON = {"Auto-Recover": "true"}
TYPES = "fleetmend:alternative-types"
AT_CALL: Mapping[str, Callable[[int], Verb]] = {
    "crash before": lambda k: runs.CrashAtCall(call=k),
    "crash after": lambda k: runs.CrashAtCall(call=k, when="after"),
    "frozen before, past the lease": lambda k: runs.PauseAtCall(call=k, span=250.0),
    "frozen after, past the lease": lambda k: runs.PauseAtCall(call=k, when="after", span=250.0),
    "frozen before, for a while": lambda k: runs.PauseAtCall(call=k, span=20.0),
    "frozen after, for a while": lambda k: runs.PauseAtCall(call=k, when="after", span=20.0),
    "answer lost": lambda k: aws.LostAnswer(skip=k - 1, times=1),
    "all answers lost": lambda k: aws.LostAnswer(skip=k - 1, times=3),
    "unavailable": lambda k: aws.Fault(skip=k - 1, times=3, error="ServiceUnavailable"),
    "denied": lambda k: aws.Fault(skip=k - 1, times=1, error="AccessDenied"),
    "slow": lambda k: aws.Slow(skip=k - 1, times=1, by=7.0),
}
"""What may go wrong at the k-th call, counted from the start of the history."""


@dataclass(frozen=True)
class Base:
    """A history without any disturbance. `until`: calls after it are idle sweeps."""

    name: str
    parts: tuple[Instances, ...]
    steps: tuple[Step, ...]
    until: float
    end: float = 1500.0
    settings: Installed = field(default_factory=Installed)

    def scenario(self, *disturbances: Step) -> Scenario:
        """The history with something going wrong."""
        timeline = (*self.steps, *disturbances, Step(self.end, general.End()))
        return Scenario(
            name=self.name,
            fleet=Fleet(instances=self.parts),
            settings=self.settings,
            timeline=tuple(sorted(timeline, key=lambda step: step.at)),
        )

    def calls(self) -> int:
        """How many calls there are to disturb."""
        _, world = sim.record(self.scenario())
        return sum(call.at < self.until for call in world.tape.calls)


ONE = Base(
    "one stop",
    (Instances(name="api", tags=ON),),
    (Step(10.0, fleet.Stop(subject="api")),),
    until=200.0,
)
TWICE = Base(
    "the first start falls back",
    (Instances(name="api", tags=ON),),
    (Step(0.0, fleet.FallBack(subject="api")), Step(10.0, fleet.Stop(subject="api"))),
    until=600.0,
    end=2000.0,
    settings=Installed(recovery={"retry_interval": 150.0}),
)
DRY = Base(
    "one of two zones is dry",
    (
        Instances(name="dry", zone="us-east-1a", tags=ON),
        Instances(name="wet", zone="us-east-1b", tags=ON),
    ),
    (
        Step(0.0, fleet.NoCapacity(zone="us-east-1a", span=100.0)),
        Step(10.0, fleet.Stop(subject="dry")),
        Step(10.0, fleet.Stop(subject="wet")),
    ),
    until=300.0,
)
SAID = Base(
    "held, released, exhausted, told to retry",
    (Instances(name="api", tags=ON),),
    (
        Step(0.0, recovery.Hold(subject="api", span=3000.0)),
        Step(0.0, fleet.FallBack(subject="api")),
        Step(10.0, fleet.Stop(subject="api")),
        Step(100.0, recovery.Release(subject="api")),
        Step(400.0, recovery.Retry(subject="api")),
    ),
    until=700.0,
    end=2000.0,
    settings=Installed(recovery={"max_attempts": 1}),
)
MANY = Base(
    "more alerts than one reads: a digest",
    (Instances(name="api", count=7, tags=ON),),
    (Step(10.0, fleet.Stop(subject="api")),),
    until=150.0,
)
MASS = Base(
    "a mass stop, held and paced",
    (Instances(name="api", count=4, tags=ON),),
    (Step(10.0, fleet.Stop(subject="api")), Step(120.0, recovery.RetryAll())),
    until=330.0,
    end=2000.0,
    settings=Installed(recovery={"mass_count": 3, "pace": 2}),
)
MOVED = Base(
    "impaired: rebooted, then moved",
    (Instances(name="api", tags=ON),),
    (Step(10.0, fleet.Impair(subject="api")),),
    until=1000.0,
    end=2600.0,
    settings=Installed(
        recovery={"impaired": "move", "impaired_wait": 200.0, "verify_window": 300.0}
    ),
)
RETYPED = Base(
    "no capacity for its type, nor for the first alternative",
    (Instances(name="api", type="m5.large", tags={**ON, TYPES: "m6i.large m5a.large"}),),
    (
        Step(0.0, fleet.NoCapacity(type="m5.large", span=900.0)),
        Step(0.0, fleet.NoCapacity(type="m6i.large", span=900.0)),
        Step(10.0, fleet.Stop(subject="api")),
    ),
    until=240.0,
    end=2000.0,
    settings=Installed(recovery={"types_tag": TYPES, "types_wait": 40.0}),
)
BASES = {base.name: base for base in (ONE, TWICE, DRY, SAID, MANY, MASS, MOVED, RETYPED)}


def broken(scenario: Scenario) -> list[str]:
    """What a history breaks of what every history must keep; `settled` holds it to the end."""
    _, world = sim.record(scenario)
    return [str(violation) for violation in check(world.tape, world.law(), quiet=True)]


def at_every_call(base: Base, what: str, stride: int = 1) -> Iterator[tuple[int, Scenario]]:
    """The history with that going wrong at each call: (call, scenario)."""
    for call in range(1, base.calls() + 1, stride):
        yield call, base.scenario(Step(0.0, AT_CALL[what](call)))


def two_sweeps(first: int, second: int = 0) -> Scenario:
    """Two sweeps at once over one stopped instance, frozen for a moment at one or two calls.

    Calls are counted over both, so that every point of one is met with the other somewhere else.
    """
    frozen = [Step(40.0, runs.PauseAtCall(call=first, span=5.0))]
    if second:
        frozen.append(Step(40.0, runs.PauseAtCall(call=second, span=11.0)))
    lost = Step(0.0, aws.DropEvents(span=2000.0))
    rounds = (Step(at, runs.ConcurrentRuns(count=2)) for at in (40.0, 84.0, 92.0, 100.0, 108.0))
    return ONE.scenario(lost, *rounds, *frozen)

"""Histories that hunt for planted bugs: each makes one kind of trouble, again and again."""

from collections.abc import Iterable, Sequence
from itertools import count

from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import aws, fleet, general, runs
from fleetmend.lab.vocabulary.recovery import Claimed, Hold, Release
from tests.scenarios import swarm

ON = {"Auto-Recover": "true"}


def swarming() -> Iterable[Scenario]:
    """The histories of the swarm, from seed 1."""
    return (swarm.scenario(seed) for seed in count(1))


def history(*steps: Step, parts: Sequence[Instances] = (), end: float = 2400.0) -> Scenario:
    parts = parts or (Instances(name="api", count=1, tags=ON),)
    timeline = (*steps, Step(end, general.End()))
    return Scenario(
        name="hunt",
        fleet=Fleet(instances=tuple(parts)),
        timeline=tuple(sorted(timeline, key=lambda step: step.at)),
    )


def frozen_before_acting() -> Iterable[Scenario]:
    """Frozen at each call between the plan and the act, longer than an intent lives."""
    for call in count(1):
        verb = runs.PauseAtCall(call=call, when="after", span=250.0)
        yield history(Step(10.0, fleet.Stop(subject="api")), Step(25.0, verb))


def said_twice() -> Iterable[Scenario]:
    """Hold and release, twice over, while a run that read the record is frozen."""
    for call in count(1):
        words = [
            Step(at, verb)
            for at, verb in (
                (100.0, Hold(subject="api", span=3000.0)),
                (200.0, Release(subject="api")),
                (300.0, Hold(subject="api", span=2800.0)),
                (400.0, Release(subject="api")),
            )
        ]
        yield history(*words, Step(150.0, runs.PauseAtCall(call=call, span=300.0)))


def one_dry_zone() -> Iterable[Scenario]:
    """Two zones stop at once, and one has no capacity."""
    for seed in count(1):
        parts = [
            Instances(name="dry", zone="us-east-1a", tags=ON),
            Instances(name="wet", zone="us-east-1b", tags=ON),
        ]
        steps = [
            Step(0.0, fleet.NoCapacity(zone="us-east-1a", span=600.0)),
            Step(10.0, fleet.Stop(subject="dry")),
            Step(10.0, fleet.Stop(subject="wet")),
        ]
        yield history(*steps, parts=parts).model_copy(update={"seed": seed})


def lost_writes() -> Iterable[Scenario]:
    """The answer to each write of the ledger is lost, one after the other."""
    for skip in count(0):
        lost = aws.LostAnswer(service="s3", operation="PutObject", skip=skip, times=1)
        yield history(Step(0.0, lost), Step(10.0, fleet.Stop(subject="api")))


AROUND_THE_END = (84.0, 88.0, 92.0, 96.0, 100.0, 104.0)
"""Seconds: one of these sweeps is the one that sees the instance healthy."""


def two_at_once() -> Iterable[Scenario]:
    """Two sweeps begin at once, and one is frozen for a moment at each call."""
    for call in count(1):
        steps = [
            Step(0.0, aws.DropEvents(span=2000.0)),
            Step(10.0, fleet.Stop(subject="api")),
            *(Step(at, runs.ConcurrentRuns(count=2)) for at in (40.0, *AROUND_THE_END)),
            Step(40.0 if call % 2 else 96.0, runs.PauseAtCall(call=call // 2 + 1, span=5.0)),
        ]
        yield history(*steps)


def never_up() -> Iterable[Scenario]:
    """Every start falls back."""
    for times in count(4):
        fallen = Step(0.0, fleet.FallBack(subject="api", times=times))
        yield history(fallen, Step(10.0, fleet.Stop(subject="api")), end=4000.0)


def unreadable() -> Iterable[Scenario]:
    """A record is garbage before its instance stops."""
    for at in count(1):
        garbage = Step(float(at), aws.GarbageRecord(subject="api"))
        yield history(garbage, Step(100.0, fleet.Stop(subject="api")))


def owned() -> Iterable[Scenario]:
    """Instances that others look after, or that nobody could start, stop."""
    parts = (
        Instances(name="timed", tags={**ON, "Schedule": "office"}),
        Instances(name="desk", tags=ON, operator="workspaces.amazonaws.com"),
        Instances(name="hollow", tags=ON, root=False),
    )
    steps = [Step(10.0, fleet.Stop(subject=part.name)) for part in parts]
    for seed in count(1):
        yield history(*steps, parts=parts).model_copy(update={"seed": seed})


def claimed() -> Iterable[Scenario]:
    """Another installation has the selector, and keeps it."""
    for at in count(5):
        kept = [Step(60.0 * k, Claimed(by="shop-prod")) for k in range(40)]
        yield history(*kept, Step(float(at), fleet.Stop(subject="api")))


WINDOW = {"days": "sun", "from": "09:00", "to": "09:30", "zone": "Asia/Tokyo"}
"""Half an hour from the simulation's first second on, by the clocks of Tokyo."""


def in_a_window() -> Iterable[Scenario]:
    """It stops in a recurring window, which ends before the history does."""
    settings = Installed(recovery={"hold_windows": [{**WINDOW, "reason": "night", "by": "ana"}]})
    for at in count(200):
        made = history(Step(float(at), fleet.Stop(subject="api")))
        yield made.model_copy(update={"settings": settings})


def unanswered() -> Iterable[Scenario]:
    """Each describe fails for good, one after the other."""
    for skip in count(0):
        fault = aws.Fault(
            service="ec2", operation="DescribeInstances", error="InternalError", skip=skip, times=2
        )
        yield history(Step(0.0, fault), Step(10.0, fleet.Stop(subject="api")))

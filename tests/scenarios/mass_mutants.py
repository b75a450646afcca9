"""Planted bugs of the mass stop and its paced start, and the histories that find them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any

from fleetmend.core import survey
from fleetmend.core.decisions.recovery import mass
from fleetmend.core.model import Status
from fleetmend.lab.scenario import Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import aws, fleet
from fleetmend.lab.vocabulary.recovery import RetryAll
from tests.scenarios.hunts import ON, history
from tests.scenarios.planted import Mutant, Patch


def _no_brake(patch: Patch) -> None:
    patch.setattr(mass, "brake", lambda scope, record, policy, now: mass.FREE)


def _no_gathering(patch: Patch) -> None:
    """What may become a mass stop is started until it is one."""
    patch.setattr(mass, "suspicious", lambda count, policy: False)


def _no_pace(patch: Patch) -> None:
    """Told to go on, all are started at once."""
    real = mass.Brake.turn

    def turn(self: mass.Brake, subject: str) -> Any:
        return None if self.pace is not None else real(self, subject)

    patch.setattr(mass.Brake, "turn", turn)


def _pace_catches_up(patch: Patch) -> None:
    """All turns that came while nobody looked are there at once."""

    def at(self: mass.Pace, now: Any) -> mass.Pace:
        missed = (now - self.turned) // self.every
        return replace(self, share=self.share + missed, turned=self.turned + missed * self.every)

    patch.setattr(mass.Pace, "at", at)


def _looks_are_events(patch: Patch) -> None:
    """Whatever is looked at and has no time counts as stopped just now."""
    real = survey.timed
    patch.setattr(survey, "timed", lambda down, _, now: real(down, {one.id for one in down}, now))


def _brake_resets_itself(patch: Patch) -> None:
    def over(record: Any, scope: Any, policy: Any) -> Any:
        gone = not scope.stopped_since(scope.observed_at - policy.mass_window)
        return replace(record, status=Status.CLOSED, reason="over") if gone else record

    patch.setattr(mass, "_if_over", over)


def _mass(*steps: Step, seed: int, end: float) -> Scenario:
    made = history(*steps, parts=[Instances(name="api", count=12, tags=ON)], end=end)
    settings = Installed(recovery={"mass_count": 9, "pace": 2})
    return made.model_copy(update={"seed": seed, "settings": settings})


def mass_stop() -> Iterable[Scenario]:
    """All stop at once; a quarter of an hour later somebody says retry."""
    for seed in count(1):
        steps = [Step(10.0, fleet.Stop(subject="api")), Step(1300.0, RetryAll())]
        yield _mass(*steps, seed=seed, end=2600.0)


def stalled_mass_stop() -> Iterable[Scenario]:
    """The ledger is gone for five minutes while starts are paced."""
    for seed in count(1):
        steps = [Step(10.0, fleet.Stop(subject="api")), Step(1300.0, RetryAll())]
        away = aws.Fault(service="s3", error="ServiceUnavailable", span=300.0)
        yield _mass(*steps, Step(1370.0, away), seed=seed, end=3000.0)


def powered_off() -> Iterable[Scenario]:
    """Some shut down from inside, and only sweeps see it: EC2 names no time.

    Starts are paced at once, since nobody can be blamed for not knowing that they went together.
    """
    for seed in count(1):
        off = [Step(10.0, fleet.PowerOff(subject=f"api-{k + 1}")) for k in range(5)]
        lost = aws.DropEvents(span=2000.0)
        made = _mass(Step(0.0, lost), *off, seed=seed, end=2600.0)
        settings = Installed(recovery={"mass_count": 9, "mass_stop": "pace"})
        yield made.model_copy(update={"settings": settings})


def slow_mass_stop() -> Iterable[Scenario]:
    """Three stop, then three more, and so on: a start of the first would be seen."""
    for seed in count(1):
        stops = [
            Step(10.0 + 40.0 * (k // 3), fleet.Stop(subject=f"api-{k + 1}")) for k in range(12)
        ]
        yield _mass(*stops, Step(700.0, RetryAll()), seed=seed, end=2600.0)


MUTANTS = (
    Mutant("no brake at a mass stop", _no_brake, 2, mass_stop),
    Mutant("what may become a mass stop is started", _no_gathering, 2, slow_mass_stop),
    Mutant("a mass stop is not paced", _no_pace, 2, mass_stop),
    Mutant("a pace catches up", _pace_catches_up, 2, stalled_mass_stop),
    Mutant("a look counts as an event", _looks_are_events, 2, powered_off),
    Mutant("a mass stop resets itself", _brake_resets_itself, 2, mass_stop),
)

"""Planted bugs of what is done about impaired instances, and the histories that find them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any

from fleetmend.aws import mending
from fleetmend.core import survey
from fleetmend.core.decisions.recovery import ailing, debts, outage, refusals, up
from fleetmend.core.model import IntentState, Status
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet, general, recovery
from tests.scenarios.hunts import ON
from tests.scenarios.planted import Mutant, Patch

SOON = {"impaired": "move", "impaired_wait": 120.0, "verify_window": 240.0}


def _store_unread(patch: Patch) -> None:
    patch.setattr(mending, "storing", lambda client, types: set())


def _no_outage(patch: Patch) -> None:
    patch.setattr(outage, "sentence", lambda seen, policy: "")


def _no_wait(patch: Patch) -> None:
    patch.setattr(ailing, "_ready", lambda record, seen, policy, act: seen.observed_at)


def _never_ends(patch: Patch) -> None:
    """A reboot or a stop is forgotten once it was done."""
    real = ailing.learn

    def learn(record: Any, attempt: Any, policy: Any, now: Any) -> Any:
        learned = real(record, attempt, policy, now)
        return replace(learned, attempts=learned.attempts[:-1])

    patch.setattr(ailing, "learn", learn)


def _on_without_setting(patch: Patch) -> None:
    """The setting is not asked."""
    real = survey.Survey.__init__

    def on(self: Any, fleet: Any, ledger: Any, policy: Any) -> None:
        real(self, fleet, ledger, replace(policy, impaired="move"))

    decide = up.running

    def running(record: Any, seen: Any, policy: Any, *rest: Any, **more: Any) -> Any:
        return decide(record, seen, replace(policy, impaired="move"), *rest, **more)

    patch.setattr(survey.Survey, "__init__", on)
    patch.setattr(up, "running", running)


def _healthy_is_ill(patch: Patch) -> None:
    """A check that still initializes counts as failing."""
    patch.setattr(
        ailing, "_failing", lambda seen: {one.name for one in seen.checks if one.status != "ok"}
    )


def _intent_unwritten(patch: Patch) -> None:
    """The act is sent on an intent that nobody wrote down as planned."""
    real = ailing.planned

    def planned(record: Any, intent: Any, *rest: Any) -> Any:
        return real(record, replace(intent, state=IntentState.DONE), *rest)

    patch.setattr(ailing, "planned", planned)


def _owned_anyway(patch: Patch) -> None:
    patch.setattr(refusals, "refusal", lambda record, seen, policy, now: None)


def _tries_for_ever(patch: Patch) -> None:
    """What was given up is taken up again by itself."""
    real = ailing.ailing

    def again(record: Any, *rest: Any, **more: Any) -> Any:
        if record.status is Status.EXHAUSTED:
            record = replace(record, status=Status.OPEN, attempts=())
        return real(record, *rest, **more)

    patch.setattr(ailing, "ailing", again)


def _silent(patch: Patch) -> None:
    """What was stopped by us and stays down is told to nobody."""
    patch.setattr(debts, "told", lambda record, seen, why: record)


def _off_is_deaf(patch: Patch) -> None:
    """Where nothing may be done, nothing is told either."""
    patch.setattr(debts, "may_be_owed", lambda record: False)


def _history(*steps: Step, parts: tuple[Instances, ...] = (), **settings: object) -> Scenario:
    timeline = (*steps, Step(1800.0, general.End()))
    return Scenario(
        name="hunt",
        fleet=Fleet(instances=parts or (Instances(name="api", tags=ON),)),
        settings=Installed(recovery={**SOON, **settings}),
        timeline=tuple(sorted(timeline, key=lambda step: step.at)),
    )


def impaired() -> Iterable[Scenario]:
    """One instance check fails, and nothing mends it."""
    for seed in count(1):
        step = Step(10.0, fleet.Impair(subject="api", until="heal"))
        yield _history(step).model_copy(update={"seed": seed})


def left_alone() -> Iterable[Scenario]:
    """A disk that a stop would lose, and a schedule of somebody else's."""
    parts = (
        Instances(name="disk", type="m5d.large", tags=ON),
        Instances(name="timed", tags={**ON, "Schedule": "office"}),
    )
    for seed in count(1):
        steps = [Step(10.0, fleet.Impair(subject=p.name, check="system")) for p in parts]
        yield _history(*steps, parts=parts).model_copy(update={"seed": seed})


def many_impaired() -> Iterable[Scenario]:
    """All of four are impaired at once."""
    parts = (Instances(name="api", count=4, tags=ON),)
    for seed in count(1):
        step = Step(10.0, fleet.Impair(subject="api", check="system"))
        yield _history(step, parts=parts).model_copy(update={"seed": seed})


def switched_off() -> Iterable[Scenario]:
    """The setting is off, and an instance is impaired."""
    for seed in count(1):
        step = Step(10.0, fleet.Impair(subject="api", check="system"))
        yield _history(step, impaired="off").model_copy(update={"seed": seed})


def booting_slowly() -> Iterable[Scenario]:
    """Stopped and started, and its checks take a while."""
    for seed in count(1):
        slow = Step(0.0, fleet.SlowBoot(subject="api", takes=900.0))
        made = _history(slow, Step(10.0, fleet.Stop(subject="api")))
        yield made.model_copy(update={"seed": seed})


def _between(step: Step, parts: tuple[Instances, ...] = ()) -> Iterable[Scenario]:
    """Stopped to be moved where there is no capacity, and then that step."""
    for seed in count(1):
        dry = Step(0.0, fleet.NoCapacity(zone="us-east-1a", **{"for": 1800.0}))
        ill = Step(10.0, fleet.Impair(subject="api", check="system"))
        here = Instances(name="api", tags=ON, zone="us-east-1a")
        made = _history(dry, ill, step, parts=(here, *parts), mass_count=5)
        yield made.model_copy(update={"seed": seed})


def untagged_between() -> Iterable[Scenario]:
    """The tag goes."""
    return _between(Step(720.0, fleet.Retag(subject="api", remove=["Auto-Recover"])))


def switched_off_between() -> Iterable[Scenario]:
    """The kill switch is thrown."""
    return _between(Step(720.0, recovery.Mode(mode="off")))


def mass_stop_between() -> Iterable[Scenario]:
    """All others stop at once."""
    others = Instances(name="web", count=6, tags=ON, zone="us-east-1b")
    return _between(Step(720.0, fleet.Stop(subject="web")), (others,))


MUTANTS = (
    Mutant("what is on the host's volumes is lost", _store_unread, 2, left_alone),
    Mutant("an outage is mended", _no_outage, 2, many_impaired),
    Mutant("EC2 is given no time", _no_wait, 2, impaired),
    Mutant("a reboot is done again and again", _never_ends, 2, impaired),
    Mutant("impaired is mended without the setting", _on_without_setting, 2, switched_off),
    Mutant("initializing counts as impaired", _healthy_is_ill, 2, booting_slowly),
    Mutant("a move without a planned intent", _intent_unwritten, 2, impaired),
    Mutant("others' instances are mended", _owned_anyway, 2, left_alone),
    Mutant("given up, and taken up again", _tries_for_ever, 2, impaired),
    Mutant("untagged after our stop, in silence", _silent, 2, untagged_between),
    Mutant("a mass stop after our stop, in silence", _silent, 2, mass_stop_between),
    Mutant("switched off after our stop, in silence", _off_is_deaf, 2, switched_off_between),
)

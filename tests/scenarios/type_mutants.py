"""Planted bugs of what is done where a type has no capacity, and the histories that find them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any

from fleetmend.aws import retyping
from fleetmend.core import instance_types, survey
from fleetmend.core.decisions.recovery import down, gates, typechange, up
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet, general, runs
from tests.scenarios.hunts import ON
from tests.scenarios.planted import Mutant, Patch
from tests.scenarios.points import TYPES

LISTS = {**ON, TYPES: "m6g.large m6i.large"}


def _anything_fits(patch: Patch) -> None:
    """Types that nobody listed are taken too."""
    patch.setattr(typechange, "_next", lambda seen, names, memory: "r5.large")


def _no_wait(patch: Patch) -> None:
    """The first refusal is enough."""
    real = typechange.change

    def change(record: Any, seen: Any, policy: Any, *rest: Any) -> Any:
        return real(record, seen, replace(policy, types_wait=policy.types_wait * 0), *rest)

    patch.setattr(typechange, "change", change)


def _unmarked(patch: Patch) -> None:
    """The old type is not written on the instance."""
    real = retyping._changed
    patch.setattr(
        retyping, "_changed", lambda made, one, fits: real(made, replace(one, is_marked=True), fits)
    )


def _untold(patch: Patch) -> None:
    """A change that a dead run made is told by nobody."""

    def told(record: Any, seen: Any) -> Any:
        return record

    for room in (typechange, down.typechange, up.typechange):
        patch.setattr(room, "told", told)


def _unremembered(patch: Patch) -> None:
    """What it is to become is not written down."""
    patch.setattr(
        typechange, "to_detail", lambda memory: instance_types.to_detail(replace(memory, target=""))
    )
    patch.setattr(
        "fleetmend.core.practices.instance_types.from_detail",
        lambda detail: replace(instance_types.Memory("m5.large"), target="m6i.large"),
    )


def _on_without_setting(patch: Patch) -> None:
    """The setting is not asked."""
    real, init = down.down, survey.Survey.__init__

    def on(self: Any, port: Any, ledger: Any, policy: Any) -> None:
        init(self, port, ledger, replace(policy, types_tag=TYPES))

    def always(record: Any, seen: Any, policy: Any, *rest: Any, **more: Any) -> Any:
        return real(record, seen, replace(policy, types_tag=TYPES), *rest, **more)

    patch.setattr(survey.Survey, "__init__", on)
    patch.setattr(down, "down", always)


def _crash_forgotten(patch: Patch) -> None:
    """What a dead run did to a type goes unseen, and what it was is forgotten with it."""
    real = gates.without_expired_intent

    def forgets(record: Any, seen: Any) -> Any:
        found = real(record, seen)
        planned = record and record.intent and record.intent.action == instance_types.CHANGE
        return replace(found, intent=None, detail={}) if planned and found else found

    patch.setattr(gates, "without_expired_intent", forgets)


def _history(*steps: Step, span: float = 3000.0, **settings: object) -> Iterable[Scenario]:
    timeline = (
        Step(0.0, fleet.NoCapacity(type="m5.large", span=span)),
        Step(10.0, fleet.Stop(subject="api")),
        *steps,
        Step(1500.0, general.End()),
    )
    for seed in count(1):
        yield Scenario(
            name="hunt",
            seed=seed,
            fleet=Fleet(instances=(Instances(name="api", type="m5.large", tags=LISTS),)),
            settings=Installed(recovery={"types_tag": TYPES, "types_wait": 90.0, **settings}),
            timeline=tuple(sorted(timeline, key=lambda step: step.at)),
        )


def dry() -> Iterable[Scenario]:
    """Its type has no capacity; of two alternatives, one does not fit."""
    return _history()


def dies_after_changing() -> Iterable[Scenario]:
    """The run that changed the type is dead before it wrote that down."""
    at = {"service": "ec2", "operation": "ModifyInstanceAttribute", "when": "after"}
    return _history(Step(0.0, runs.CrashAtCall(call=1, **at)))


def switched_off() -> Iterable[Scenario]:
    """Its type has no capacity, and types stay as they are."""
    return _history(span=600.0, types_tag="")


MUTANTS = (
    Mutant("a type that nobody listed", _anything_fits, 2, dry),
    Mutant("its own type is not waited for", _no_wait, 2, dry),
    Mutant("the old type is not marked", _unmarked, 2, dry),
    Mutant("the new type is not remembered", _unremembered, 2, dry),
    Mutant("nobody is told of a change", _untold, 2, dry),
    Mutant("a change that a crash hid is forgotten", _crash_forgotten, 2, dies_after_changing),
    Mutant("types are changed without the setting", _on_without_setting, 2, switched_off),
)

"""Histories of remediation: one thing goes wrong at one call, and bugs are planted."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from fleetmend.aws import remedying
from fleetmend.components.rules_file import loads
from fleetmend.core import holds, remediation_practice
from fleetmend.core.decisions.remediation import doing, turns
from fleetmend.core.model import Outcome, Result
from fleetmend.core.rules import Problem, Severity, Violation
from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Fleet, Group, Installed, Instances, Scenario, Step
from fleetmend.lab.sim import ec2
from fleetmend.lab.vocabulary import general, remediation
from tests.scenarios.planted import Mutant, Patch

RULES = loads("""\
rules:
  - {name: owner, tag: Owner, default: platform, remedy: fill}
  - {name: stage, tag: Stage, allowed: [prod, dev], remedy: stop, stop_after: 1h}
""")
MISSING = Violation("owner", "Owner", Severity.ERROR, Problem.MISSING)
BARE = Instances(name="bare", tags={"Stage": "prod"})
WRONG = Instances(name="wrong", tags={"Owner": "web", "Stage": "production"})
TIMELINE = (
    Step(600.0, remediation.Scan()),
    Step(21_600.0, remediation.Undo(subject="bare")),
    Step(21_600.0, remediation.Undo(subject="wrong")),
)
END = 36_000.0


def history(
    *steps: Step,
    instances: tuple[Instances, ...] = (BARE, WRONG),
    groups: tuple[Group, ...] = (),
    settings: Installed | None = None,
    end: float = END,
) -> Scenario:
    timeline = (*steps, Step(end, general.End()))
    return Scenario(
        name="remediation",
        concern="remediation",
        rules=RULES,
        fleet=Fleet(instances=instances, groups=groups),
        settings=settings or Installed(),
        timeline=tuple(sorted(timeline, key=lambda step: step.at)),
    )


def broken(scenario: Scenario, *, quiet: bool = True) -> list[str]:
    """What a history breaks: the checker's rules, and that in the end all is taken back."""
    _, world = sim.record(scenario)
    found = [str(one) for one in check(world.tape, world.law(), quiet=quiet)]
    bare, wrong = world.fleet.named["bare-1"], world.fleet.named["wrong-1"]
    if "Owner" in bare.tags:
        found.append(f"bare still has {bare.tags}")
    if holds.TAG in wrong.tags or wrong.state != "running":
        found.append(f"wrong is {wrong.state} with {wrong.tags}")
    if not any(call.name == "ec2:StopInstances" and call.took_effect for call in world.tape.calls):
        found.append("wrong was never stopped")
    return found


# --- planted bugs ----------------------------------------------------------------------------


def _unbounded(patch: Patch) -> None:
    def choose(self: Any, wanting: Any) -> None:
        self.chosen.update(wanting)

    patch.setattr(remediation_practice.Allowance, "choose", choose)


def _no_grace(patch: Patch) -> None:
    patch.setattr(doing, "_due", lambda record, memory, case, wrong: bool(memory.notices))


def _overwrites(patch: Patch) -> None:
    """Whatever a rule asks for is filled in, there or not, and nobody looks before the act."""
    patch.setattr(doing, "fillable", lambda rules, tags: {"Owner": rules.rules[0]})
    patch.setattr(doing, "remedied", lambda rules, tags: [(rules.rules[0], MISSING)])
    patch.setattr(doing, "fills", lambda rules, seen, tags: {"Owner": "platform"})
    patch.setattr(remediation_practice.remediation, "recheck", lambda *_: "")


def _stops_without_a_hold(patch: Patch) -> None:
    def stop(self: Any, instance: str, hold: Any, *, before: Any) -> Outcome:
        self._client("ec2").stop_instances(InstanceIds=[instance])
        return Outcome(Result.ACCEPTED)

    patch.setattr(remedying.Ec2Remedies, "stop", stop)
    patch.setattr(ec2.Ec2, "_authorize", lambda self, operation, wanted: None)


def _stops_members(patch: Patch) -> None:
    patch.setattr(doing.turns, "stop_refusal", lambda instance: None)


def _passes_by_holds(patch: Patch) -> None:
    patch.setattr(turns.holds, "in_force", lambda *_: None)


def _acts_between_runs(patch: Patch) -> None:
    real = remediation_practice.Allowance.choose

    def choose(self: Any, wanting: Any) -> None:
        self.left = 10
        real(self, wanting)

    patch.setattr(remediation_practice.Allowance, "choose", choose)


def plainly() -> Iterable[Scenario]:
    for k in count():
        yield history(*TIMELINE).model_copy(update={"seed": 1 + k})


def many() -> Iterable[Scenario]:
    bare = Instances(name="bare", count=5, tags={"Stage": "prod"})
    for k in count():
        yield history(
            Step(600.0 + k, remediation.Scan()),
            instances=(bare,),
            settings=Installed(remediation={"most_changes": 2}),
        )


def members() -> Iterable[Scenario]:
    for k in count():
        yield history(
            Step(600.0 + k, remediation.Scan()),
            groups=(Group(name="web", desired=1, tags={"Owner": "x", "Stage": "production"}),),
        )


def held_ones() -> Iterable[Scenario]:
    tags = {"Stage": "production", "fleetmend:hold-until": "+9d"}
    for k in count():
        yield history(
            Step(600.0 + k, remediation.Scan()), instances=(Instances(name="held", tags=tags),)
        )


def woken() -> Iterable[Scenario]:
    """Wake-ups come between the runs."""
    from fleetmend.lab.vocabulary.fleet import Start, Stop  # noqa: PLC0415

    for k in count():
        yield history(
            Step(600.0, remediation.Scan()),
            *(
                Step(4500.0 + 600 * n + k, verb(subject="wrong"))
                for n in range(12)
                for verb in ((Stop, Start)[n % 2],)
            ),
        )


MUTANTS = (
    Mutant("a run without a bound", _unbounded, 3, many),
    Mutant("a stop inside its grace", _no_grace, 3, plainly),
    Mutant("what is there is overwritten", _overwrites, 3, plainly),
    Mutant("a stop without a hold", _stops_without_a_hold, 3, plainly),
    Mutant("a group's member is stopped", _stops_members, 3, members),
    Mutant("holds are passed by", _passes_by_holds, 3, held_ones),
    Mutant("changes between the runs", _acts_between_runs, 4, woken),
)

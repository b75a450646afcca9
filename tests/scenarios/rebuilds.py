"""Rebuild histories: one thing goes wrong at one call, and bugs are planted."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count, cycle
from typing import Any

from fleetmend.aws import building, launching
from fleetmend.core import holds, rebuilding
from fleetmend.core.decisions.rebuild import alive, gone, turns
from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.makeup import ExtraVolume, Parts
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet, general, rebuild, runs
from fleetmend.lab.vocabulary.recovery import Claimed, Hold
from fleetmend.lambdas import claiming
from tests.scenarios import swarm_rebuild
from tests.scenarios.hunts import WINDOW
from tests.scenarios.planted import Mutant, Patch
from tests.scenarios.points import Base

ON = {"Auto-Rebuild": "true"}
PARTS = Parts(volumes=(ExtraVolume(keeps=True),), elastic=True)


def history(
    *steps: Step, parts: Parts = PARTS, end: float = 2400.0, settings: Installed | None = None
) -> Scenario:
    timeline = (*steps, Step(end, general.End()))
    return Scenario(
        name="rebuild",
        concern="rebuild",
        fleet=Fleet(instances=(Instances(name="api", tags=ON, parts=parts),)),
        settings=settings or Installed(),
        timeline=tuple(sorted(timeline, key=lambda step: step.at)),
    )


class RebuildBase(Base):
    """A base whose histories are played by rebuild's controller."""

    def scenario(self, *disturbances: Step) -> Scenario:
        return super().scenario(*disturbances).model_copy(update={"concern": "rebuild"})


REBUILT = RebuildBase(
    "terminated and rebuilt",
    (Instances(name="api", tags=ON, parts=PARTS),),
    (Step(200.0, fleet.Terminate(subject="api")),),
    until=460.0,
    end=1500.0,
)
DRIFTED = RebuildBase(
    "a volume is lost and restored",
    (Instances(name="api", tags=ON, parts=Parts(volumes=(ExtraVolume(snapshot=True),))),),
    (Step(200.0, rebuild.DetachVolume(subject="api", delete=True)),),
    until=520.0,
    end=1500.0,
    settings=Installed(rebuild={"drift": "restore"}),
)


def broken(scenario: Scenario) -> list[str]:
    """What a history breaks: the checker's rules, and that in the end exactly one is there."""
    _, world = sim.record(scenario)
    found = [str(violation) for violation in check(world.tape, world.law(), quiet=True)]
    there = [one for one in world.fleet.named.values() if one.state == "running"]
    if len(there) != 1:
        found.append(f"{len(there)} instances are there in the end: {[i.name for i in there]}")
        return found
    hardware, (one,) = world.ec2.hardware, there
    hangs = sorted(volume.device for volume in hardware.on(hardware.volumes, one.id))
    if hangs != ["/dev/sda1", "/dev/sdf"]:
        found.append(f"there hangs {hangs}")
    if any(address.instance != one.id for address in hardware.addresses.values()):
        found.append("its address hangs elsewhere")
    return found


# --- planted bugs ----------------------------------------------------------------------------


def _without_token(patch: Patch) -> None:
    real = launching.launch

    def launch(*given: Any) -> dict[str, Any]:
        asked = real(*given)
        del asked["ClientToken"]
        return asked

    patch.setattr(launching, "launch", launch)


def _a_token_for_each_try(patch: Patch) -> None:
    tries = count()
    patch.setattr(building, "token", lambda subject, number: f"{subject}-{next(tries)}")


def _kept_while_unhealthy(patch: Patch) -> None:
    patch.setattr(alive, "is_healthy", lambda instance: instance.state != "pending")


def _resurrects_what_was_meant(patch: Patch) -> None:
    patch.setattr(gone, "_meant", lambda case, record: None)


def _never_looks_again(patch: Patch) -> None:
    """What was launched before a crash is not recognised: it is launched once more."""
    patch.setattr(gone, "current", lambda memory, seen: None)
    real = rebuilding.token
    patch.setattr(building, "token", lambda subject, number: real(subject, number) + "x")


def _believes_the_launch(patch: Patch) -> None:
    """Launched is taken for rebuilt."""
    patch.setattr(gone, "is_healthy", lambda instance: True)


def _forgets_who_went(patch: Patch) -> None:
    """What the last sweep knew is not compared: with the event lost nobody sees it."""
    from fleetmend.lambdas import rebuild as entry  # noqa: PLC0415

    real = entry._Sweep.subjects

    def subjects(self: Any) -> list[str]:
        return [name for name in real(self) if name in self.seen]

    patch.setattr(entry._Sweep, "subjects", subjects)


def _mends_unasked(patch: Patch) -> None:
    """What is only to be told is given back."""
    real = alive.decide

    def decide(case: Any, intent_id: str) -> Any:
        return real(replace(case, policy=replace(case.policy, drift="restore")), intent_id)

    patch.setattr(alive, "decide", decide)


def _works_on_what_is_held(patch: Patch) -> None:
    patch.setattr(holds, "in_force", lambda *given: None)


def _restores_at_each_try(patch: Patch) -> None:
    tries = count()
    patch.setattr(building, "restore_token", lambda subject, volume: f"{volume}-{next(tries)}")


def _launches_in_a_window(patch: Patch) -> None:
    patch.setattr(turns, "held", lambda record, case, tags: None)


def _nobody_claims(patch: Patch) -> None:
    patch.setattr(claiming, "claimant", lambda *given, **more: "")


def crashes_at_the_launch() -> Iterable[Scenario]:
    """The run that launches crashes before or after, or is frozen there past its lease."""
    strikes = (
        runs.CrashAtCall(call=1, service="ec2", operation="RunInstances", when="after"),
        runs.PauseAtCall(call=1, service="ec2", operation="RunInstances", when="before", span=250),
        runs.PauseAtCall(call=1, service="ec2", operation="RunInstances", when="after", span=250),
    )
    for k in count():
        yield REBUILT.scenario(Step(100.0, strikes[k % len(strikes)])).model_copy(
            update={"seed": 1 + k}
        )


def plainly() -> Iterable[Scenario]:
    """Terminated, with nothing to attach afterwards."""
    for k in count():
        yield history(Step(200.0 + k, fleet.Terminate(subject="api")), parts=Parts())


def boots_slowly() -> Iterable[Scenario]:
    """It fails a check before its blueprint is first taken, or is stopped just then."""
    for at in count(1):
        impaired = Step(1.0, fleet.Impair(subject="api"))
        yield history(impaired, Step(600.0 + at, fleet.Heal(subject="api")), end=900.0)


def was_meant() -> Iterable[Scenario]:
    """Held by a person, held by a tag, or no longer tagged, and terminated then."""
    for k in count():
        meant = (
            fleet.Retag(subject="api", set={"fleetmend:hold-until": "+5h"}),
            fleet.Retag(subject="api", remove=["Auto-Rebuild"]),
            Hold(subject="api", span=5000.0),
        )[k % 3]
        yield history(Step(200.0, meant), Step(320.0 + k, fleet.Terminate(subject="api")))


def unseen() -> Iterable[Scenario]:
    """The event of the termination is lost."""
    from fleetmend.lab.vocabulary import aws  # noqa: PLC0415

    for k in count():
        lost = Step(0.0, aws.DropEvents(span=2400.0))
        yield history(lost, Step(200.0 + k, fleet.Terminate(subject="api")))


LOST = Parts(volumes=(ExtraVolume(snapshot=True),))
RESTORES = Installed(rebuild={"drift": "restore"})


def swarming() -> Iterable[Scenario]:
    """The swarm's histories of rebuilds, from seed 1."""
    return (swarm_rebuild.scenario(seed) for seed in count(1))


def drifts_untold() -> Iterable[Scenario]:
    """A volume is taken off and stands free; the setting says that people are told of it."""
    for k in count():
        yield history(Step(200.0 + k, rebuild.DetachVolume(subject="api")), parts=LOST)


def drifts_while_held() -> Iterable[Scenario]:
    """Somebody holds it by its tag, and takes a volume off."""
    for k in count():
        tag = fleet.Retag(subject="api", set={"fleetmend:hold-until": "+5h"})
        taken = Step(200.0 + k, rebuild.DetachVolume(subject="api"))
        yield history(Step(150.0, tag), taken, parts=LOST, settings=RESTORES)


def crashes_at_the_restore() -> Iterable[Scenario]:
    """A volume is lost for good, and the run that made another ends before it wrote that down."""
    for when, verb in cycle((("before", runs.PauseAtCall), ("after", runs.CrashAtCall))):
        more = {"span": 250.0} if verb is runs.PauseAtCall else {}
        strike = verb(call=1, service="ec2", operation="CreateVolume", when=when, **more)
        yield DRIFTED.scenario(Step(100.0, strike))


def in_a_window() -> Iterable[Scenario]:
    """It is terminated in a recurring window, which ends before the history does."""
    window = {**WINDOW, "reason": "night", "by": "ana"}
    for k in count():
        gone_at = Step(200.0 + k, fleet.Terminate(subject="api"))
        yield history(gone_at, settings=Installed(rebuild={"hold_windows": [window]}), end=3600.0)


def claimed() -> Iterable[Scenario]:
    """Another installation has the selector from before the end on."""
    for k in count():
        theirs = Step(150.0, Claimed(by="shop-prod"))
        yield history(theirs, Step(300.0 + k, fleet.Terminate(subject="api")))


MUTANTS = (
    Mutant("rebuilt without a client token", _without_token, 6, crashes_at_the_launch),
    Mutant("rebuilt without a client token, in the swarm", _without_token, 4, swarming),
    Mutant("a client token for each try", _a_token_for_each_try, 6, crashes_at_the_launch),
    Mutant("a blueprint of what is unhealthy", _kept_while_unhealthy, 3, boots_slowly),
    Mutant("what was meant is resurrected", _resurrects_what_was_meant, 3, was_meant),
    Mutant("launched is taken for rebuilt", _believes_the_launch, 3, plainly),
    Mutant("a launch is not recognised", _never_looks_again, 6, crashes_at_the_launch),
    Mutant("drift is mended though only to be told", _mends_unasked, 2, drifts_untold),
    Mutant("what is held is worked on", _works_on_what_is_held, 2, drifts_while_held),
    Mutant("a volume is restored at each try", _restores_at_each_try, 4, crashes_at_the_restore),
    Mutant("a recurring window is no hold", _launches_in_a_window, 2, in_a_window),
    Mutant("another's claim is not respected", _nobody_claims, 2, claimed),
    Mutant("what the last sweep knew is forgotten", _forgets_who_went, 3, unseen),
)

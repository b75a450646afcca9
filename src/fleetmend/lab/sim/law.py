"""What the history checker holds a world to: the specification, and the scenario's settings."""

from typing import TYPE_CHECKING

from fleetmend.core.groups import HealthPolicy
from fleetmend.core.remediation import RemediationPolicy
from fleetmend.core.rules import Remedy
from fleetmend.lab.checker.evidence import GroupLaw, Law, RemedyLaw
from fleetmend.lab.moments import when_set
from fleetmend.lab.vocabulary.recovery import Run

if TYPE_CHECKING:
    from fleetmend.lab.sim.world import World


def law_of(world: "World") -> Law:
    """The law of the controller that is at work."""
    default = Law(world.installed.epoch)
    given = when_set(world.scenario.overrides, default.epoch)
    return Law(
        world.installed.epoch,
        retry_interval=float(given.get("retry_interval", default.retry_interval)),
        max_attempts=int(given.get("max_attempts", default.max_attempts)),
        lease=float(given.get("intent_lifetime", default.lease)),
        mass_stop=str(given.get("mass_stop", default.mass_stop)),
        mass_count=int(given.get("mass_count", default.mass_count)),
        mass_share=float(given.get("mass_share", default.mass_share)),
        mass_window=float(given.get("mass_window", default.mass_window)),
        pace=int(given.get("pace", default.pace)),
        impaired=str(given.get("impaired", default.impaired)),
        impaired_wait=float(given.get("impaired_wait", default.impaired_wait)),
        verify_window=float(given.get("verify_window", default.verify_window)),
        impaired_mass=int(given.get("impaired_mass", default.impaired_mass)),
        types_tag=str(given.get("types_tag", default.types_tag)),
        types_wait=float(given.get("types_wait", default.types_wait)),
        tag=world.selector(),
        mode=world.scenario.settings.mode,
        name=world.installed.name,
        windows=tuple(given.get("hold_windows", default.windows)),
        drift=str(given.get("drift", default.drift)),
        groups=_of_groups(world) if world.installed.concern == "health" else None,
        remedies=_of_remedies(world) if world.installed.concern == "remediation" else None,
    )


def _of_remedies(world: "World") -> RemedyLaw:
    given, rules = world.scenario.settings.remediation, world.scenario.rules.rules
    graces = [rule.grace.total_seconds() for rule in rules if Remedy.STOP in rule.remedies]
    return RemedyLaw(
        frozenset(rule.key for rule in rules if Remedy.FILL in rule.remedies),
        min(graces, default=0.0),
        most=int(given.get("most_changes", RemediationPolicy().most_changes)),
        asked=any(isinstance(step.verb, Run) for step in world.scenario.timeline),
    )


def _of_groups(world: "World") -> GroupLaw:
    given, default = world.scenario.settings.health, HealthPolicy()
    return GroupLaw(
        {name: group.desired for name, group in world.herd.groups.items()},
        lambda name: tuple(one.id for one in world.fleet.named.values() if one.group == name),
        budget=int(given.get("max_replacements", default.max_replacements)),
        floor=float(given.get("healthy_floor", default.healthy_floor)),
        suspension=float(given.get("suspension", default.suspension.total_seconds())),
        threshold=float(given.get("outage_threshold", default.outage_threshold)),
        consecutive=int(given.get("consecutive", default.consecutive)),
        end=world.scenario.end,
    )

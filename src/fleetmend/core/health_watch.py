"""What one look at a group adds to what health remembers of it; pure, nothing is decided here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fleetmend.core.groups import (
    SUSPENDABLE,
    Group,
    HealthPolicy,
    illness,
    is_silent,
    lone_zone,
    retirement,
)
from fleetmend.core.health_memory import Memory, Replacing
from fleetmend.core.kinds import AlertKind
from fleetmend.core.times import utc

_NATIVE = "marked by Auto Scaling itself, or by another hand"


@dataclass(frozen=True, slots=True)
class Told:
    """Something people are to hear: the alert's kind, its key within the incident, what and why."""

    kind: AlertKind
    key: str
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What is wrong with a group at one moment.

    `struck` are the members that are ill, with why; `ill` has the retiring ones too. `odd` is
    what is told and never acted on.
    """

    struck: Mapping[str, str]
    ill: Mapping[str, str]
    odd: Mapping[str, Told]


def symptoms(group: Group, policy: HealthPolicy, now: datetime) -> Symptoms:
    """What is wrong with the group now."""
    struck: dict[str, str] = {}
    retiring: dict[str, str] = {}
    odd: dict[str, Told] = {}
    for member in group.serving:
        why = illness(member, policy, now)
        soon = retirement(member, policy, now)
        if why:
            struck[member.id] = why
        elif soon:
            retiring[member.id] = soon
        if is_silent(member, policy, now) and not policy.replace_silent_agents:
            text = f"the SSM agent of {member.id} in {group.name} is silent"
            odd[f"agent-{member.id}"] = Told("agent-silent", f"agent-{member.id}", text)
    zone = lone_zone(group)
    if zone:
        text = (
            f"all {len(group.serving)} instances of {group.name} at work are in {zone}, "
            f"although it may use {', '.join(group.zones)}"
        )
        why = "if that zone fails, all of it does"
        odd["one-zone"] = Told("one-zone", "one-zone", text, why)
    return Symptoms(struck, {**retiring, **struck}, odd)


def sampled(
    memory: Memory, found: Symptoms, policy: HealthPolicy, now: datetime
) -> tuple[Memory, list[Told]]:
    """One more sample, unless the last is too fresh: looks that follow fast count as one.

    Returns:
        The memory, and what has now been odd for `consecutive` samples in a row.
    """
    if memory.sampled_at and now - memory.sampled_at < policy.sample_every / 2:
        return memory, []
    samples = {name: memory.samples.get(name, 0) + 1 for name in sorted(found.ill)}
    noticed = {name: memory.noticed.get(name, 0) + 1 for name in sorted(found.odd)}
    if not samples and not noticed and memory.empty:
        return memory, []
    told = [found.odd[name] for name, count in noticed.items() if count >= policy.consecutive]
    return replace(memory, samples=samples, noticed=noticed, sampled_at=now), told


def verified(
    memory: Memory, group: Group, found: Symptoms, policy: HealthPolicy, now: datetime
) -> tuple[Memory, list[Told]]:
    """What became of the marked: replaced means a new instance at work and well in its place.

    Marks that others made count like ours, since Auto Scaling replaces those too. A successor is
    a sound member launched after the mark, that is counted once; where nothing was launched
    since and the group has its size (a warm instance came in, or fewer are wanted), it is over as
    well.
    A mark that is no longer there replaces nothing.
    """
    replacing = dict(memory.replacing)
    if SUSPENDABLE not in group.suspended:
        for member in group.serving:
            if member.marked and member.id not in replacing:
                since = (
                    now - policy.sample_every
                )  # it may have been marked just after the last look
                why = found.ill.get(member.id, _NATIVE)
                replacing[member.id] = Replacing(since, why)
    settled = policy.sample_every / 2  # a mark just made may not be seen yet
    here = {member.id: member for member in group.members}
    kept = sum(member.weight for member in group.serving if not member.marked)
    free = [member for member in group.serving if member.id not in memory.counted]
    counted, done, told = list(memory.counted), dict[str, int](), list[Told]()
    for name, one in sorted(replacing.items(), key=lambda item: (item[1].at, item[0])):
        age = now - one.at
        newer = [m for m in free if m.launched_at and m.launched_at >= one.at]
        fresh = next((m for m in newer if m.sound and m.id not in found.ill), None)
        whole = not newer and kept >= group.desired
        if name not in here and (fresh or whole):
            done[name] = int(age.total_seconds())
            told.append(_replaced(group, name, one, fresh.id if fresh else "", done[name]))
            del replacing[name]
            if fresh:
                free.remove(fresh)
                counted.append(fresh.id)
        elif name in here and here[name].serves and not here[name].marked and age > settled:
            del replacing[name]
        elif age > policy.verify_window:
            text = f"{name} in {group.name} was marked at {utc(one.at)}, and has no successor yet"
            told.append(Told("late", f"late-{name}", text, why=one.why))
    still = tuple(name for name in counted if name in here)
    return replace(memory, replacing=replacing, counted=still, done=done), told


def _replaced(group: Group, name: str, one: Replacing, by: str, seconds: int) -> Told:
    how = f"replaced by {by}" if by else "gone, and the group has its size again"
    text = f"{name} in {group.name} is {how}, after {seconds} s"
    return Told("replaced", f"replaced-{name}", text, why=one.why)

"""Rules about groups: what no history of health may ever show, at any simulated instant.

Read from the calls AWS took and from what was really so. The product's records are read only for
what they promise: intents, and how long a suspension may last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from fleetmend.lab.checker.evidence import SLACK, Evidence, GroupLaw, Violation
from fleetmend.lab.tape import Call

MARK = "autoscaling:SetInstanceHealth"
SUSPEND = "autoscaling:SuspendProcesses"
RESUME = "autoscaling:ResumeProcesses"
ACTS = frozenset({MARK, SUSPEND, RESUME})
LATE = 420.0
"""How much longer than promised a suspension may last: sweeps, crashes, a frozen run."""


@dataclass
class _Group:
    """A group as it really is at one moment, followed through the history."""

    ill: set[str] = field(default_factory=set[str])
    marked: dict[str, float] = field(default_factory=dict[str, float])
    serving: set[str] = field(default_factory=set[str])
    ours: set[str] = field(default_factory=set[str])
    since: dict[str, float] = field(default_factory=dict[str, float])
    well: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    sample: float = 60.0
    retiring: set[str] = field(default_factory=set[str])
    born: dict[str, float] = field(default_factory=dict[str, float])
    suspended: float | None = None
    gone: set[str] = field(default_factory=set[str])


def judged(evidence: Evidence, law: GroupLaw) -> Iterator[Violation]:
    """All rules in one pass over the history of each group."""
    for name in law.desired:
        yield from _follow(evidence, law, name)


def _follow(evidence: Evidence, law: GroupLaw, name: str) -> Iterator[Violation]:
    group = _Group(serving=set(law.members(name)[: law.desired[name]]), sample=law.sample)
    everyone = set(law.members(name))
    for at, _, what in sorted(_moments(evidence, name, everyone), key=lambda one: one[:2]):
        if isinstance(what, Call):
            yield from _act(evidence, law, name, group, what, at)
        else:
            _change(group, what[0], what[1], at)
        if group.suspended is not None and at > group.suspended + law.suspension + LATE:
            text = f"suspended since {group.suspended:.0f}"
            yield Violation("suspension-without-end", name, at, text)
            group.suspended = None
    if group.suspended is not None and law.end > group.suspended + law.suspension + LATE:
        text = f"suspended since {group.suspended:.0f}"
        yield Violation("suspension-without-end", name, law.end, text)


Moment = tuple[float, int, "Call | tuple[str, str]"]


def _moments(evidence: Evidence, name: str, members: set[str]) -> Iterator[Moment]:
    for truth in evidence.tape.truths:
        if truth.id in members:
            yield truth.at, 0, (truth.id, truth.what)
    for call in evidence.tape.calls:
        mine = name in call.subjects or (members & set(call.subjects))
        if call.name in ACTS and mine and call.took_effect and call.done is not None:
            yield call.done, 1, call


def _change(group: _Group, member: str, what: str, at: float) -> None:
    if member in group.gone:  # what a scenario does to it now changes nothing
        return
    match what:
        case "impaired" | "ailing" | "stopping" | "stopped":
            short = at - group.well.get(member, (-1e9, 0.0))[0] <= 2 * group.sample
            before = group.well[member][1] if short else at
            group.ill.add(member)
            group.since.setdefault(member, before)
        case "healthy" | "well":
            group.ill.discard(member)
            if member in group.since:  # who is ill again before anybody looked was never seen well
                group.well[member] = (at, group.since.pop(member))
            group.serving.add(member)
        case "running" if at > 0:  # who runs from the start has run for a day
            group.born[member] = at
        case "aside" | "back":
            (group.serving.discard if what == "aside" else group.serving.add)(member)
        case "retire":
            group.retiring.add(member)
        case "marked":
            group.marked.setdefault(member, at)
        case "shutting-down" | "terminated":
            for kept in (group.ill, group.serving):
                kept.discard(member)
            group.marked.pop(member, None)
            if what == "terminated":
                group.ours.discard(member)
                group.gone.add(member)
        case _:
            pass


def _act(
    evidence: Evidence, law: GroupLaw, name: str, group: _Group, call: Call, at: float
) -> Iterator[Violation]:
    match call.name, call.params.get("HealthStatus"):
        case "autoscaling:SetInstanceHealth", "Healthy":
            for member in call.subjects:
                group.marked.pop(member, None)
            group.ours -= set(call.subjects)
        case "autoscaling:SetInstanceHealth", _:
            yield from _mark(evidence, law, name, group, call, at)
        case "autoscaling:SuspendProcesses", _:
            group.suspended = at if group.suspended is None else group.suspended
            if set(call.params["ScalingProcesses"]) != {"ReplaceUnhealthy"}:
                yield Violation("wrong-process", name, at, str(call.params["ScalingProcesses"]))
        case _:
            resets = [c for c in evidence.calls.get(call.run, ()) if c.name == MARK]
            tried = _resets_before(evidence, group, call)
            old = {m for m, since in group.marked.items() if at - since > law.lag}
            left = sorted(old & group.serving)
            if left and not resets and tried < 3 and not call.frozen:
                text = f"{left} still marked"
                yield Violation("resume-without-reset", name, at, text)
            group.suspended = None


def _resets_before(evidence: Evidence, group: _Group, call: Call) -> int:
    """In how many runs marks had been taken back since the suspension."""
    since = group.suspended or 0.0
    return len(
        {
            one.run
            for one in evidence.tape.calls
            if one.name == MARK
            and one.params.get("HealthStatus") == "Healthy"
            and since <= one.at <= call.at
        }
    )


def _mark(
    evidence: Evidence, law: GroupLaw, name: str, group: _Group, call: Call, at: float
) -> Iterator[Violation]:
    (member,) = call.subjects
    if not _announced(evidence, name, member, call) and not call.frozen:
        yield Violation("act-without-intent", member, at, f"run {call.run} had no live intent")
    again = member in group.ours  # the SDK, or a run after a crash, said the same once more
    old = {one for one, since in group.marked.items() if at - since > law.lag}
    flying = group.ours | (old & group.serving)
    if not again and not call.frozen:
        if len(flying - {member}) >= law.budget:
            yield Violation("over-budget", name, at, f"{sorted(flying)} are in flight")
        known = {one for one in group.ill if at - group.since[one] > law.lag}
        well = group.serving - known - flying - {member}
        floor = int(law.floor * law.desired[name])
        if len(well) < floor:
            yield Violation("below-floor", name, at, f"{len(well)} well, {floor} must remain")
        ill = [one for one in group.ill & group.serving if _long_ill(group, law, one, at)]
        if len(ill) >= 2 and len(ill) > law.threshold * len(group.serving):
            yield Violation("marked-in-outage", name, at, f"{len(ill)} are ill")
    if member in group.since and member not in group.retiring:
        least = (law.consecutive - 1) * law.sample / 2
        if at - group.since[member] < least and not again:
            text = f"ill for {at - group.since[member]:.0f} s only"
            yield Violation("too-few-samples", member, at, text)
    group.ours.add(member)
    group.marked.setdefault(member, at)


def _long_ill(group: _Group, law: GroupLaw, member: str, at: float) -> bool:
    """Whether whoever marks now must have seen it ill: for long enough, and out of its grace."""
    graced = group.born.get(member, -law.grace) + law.grace
    return at - max(group.since[member], graced) > law.sample


def _announced(evidence: Evidence, name: str, member: str, call: Call) -> bool:
    """Whether the group's record held a live intent of this run to replace this member."""
    subject = evidence.subjects.get(name)
    write = subject.record_at(call.at) if subject else None
    if write is None or not write.planned:
        return False
    detail = cast("Mapping[str, Any]", write.body.get("detail") or {})
    until = evidence.seconds(str(write.intent["until"]))
    return detail.get("target") == member and call.at <= until + SLACK


def left_behind(evidence: Evidence, law: GroupLaw) -> Iterator[Violation]:
    """At a quiet end no group is left suspended by us, and no incident left open.

    What only has to be told of, such as that all of a group is in one zone, may last for ever, and
    its record with it.
    """
    for name in law.desired:
        group = _Group()
        subject = evidence.subjects.get(name)
        for call in evidence.tape.calls:
            if call.took_effect and name in call.subjects and call.name in {SUSPEND, RESUME}:
                group.suspended = call.at if call.name == SUSPEND else None
        if group.suspended is not None:
            yield Violation("left-suspended", name, group.suspended, "still suspended")
        if evidence.spoiled(name) or not subject or not subject.writes:
            continue
        last = subject.writes[-1]
        if last.status == "open" and not _only_noticed(last.body):
            yield Violation("left-open", name, last.at, last.reason)


def _only_noticed(body: Mapping[str, Any]) -> bool:
    """Whether nothing but a finding that was told keeps this record open."""
    detail = cast("Mapping[str, Any]", body.get("detail") or {})
    pending = ("samples", "replacing", "breaker", "target")
    return bool(detail.get("noticed")) and not any(detail.get(name) for name in pending)

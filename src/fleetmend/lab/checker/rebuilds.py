"""Rules about rebuilds: one successor, nothing resurrected, blueprints of the healthy only."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, cast

from fleetmend.lab.checker.evidence import (
    GONE,
    SLACK,
    Evidence,
    Subject,
    Violation,
    Write,
    held,
    marks,
)

ALIVE = frozenset({"pending", "running", "stopping", "stopped"})


def one_successor(evidence: Evidence) -> Iterator[Violation]:
    """At no moment are two instances there in the place of one.

    EC2 takes no fencing token for RunInstances, but a client token; so not even a run that was
    frozen before its launch excuses a second one.
    """
    lives: dict[str, list[tuple[float, float, str]]] = {}
    for made, origin in marks(evidence.tape).items():
        lives.setdefault(origin, []).append((*_life(evidence.subjects[made]), made))
    for origin, found in lives.items():
        for (_, end, first), (begin, _, second) in pairwise(sorted(found)):
            if begin < end:
                yield Violation("twice", origin, begin, f"{second} beside {first}")


def _life(subject: Subject) -> tuple[float, float]:
    begin = min((t.at for t in subject.truths if t.what in ALIVE), default=0.0)
    return begin, min((t.at for t in subject.truths if t.what in GONE), default=1e12)


def nothing_resurrected(evidence: Evidence) -> Iterator[Violation]:
    """What is launched in another's place: that was terminated, tagged, not held, no group's."""
    key, value = evidence.law.tag
    for subject in evidence.subjects.values():
        for call in subject.makes:
            if call.name != "ec2:RunInstances" or not call.took_effect:
                continue
            before = [truth for truth in subject.truths if truth.at <= call.at]
            states = [truth.what for truth in before if truth.what in ALIVE | GONE]
            tags: Mapping[str, str] = before[-1].tags if before else {}
            since = call.at - evidence.law.lag - evidence.law.lease
            asked = any(
                said.word == "retry" and said.id == subject.id and said.at <= call.at
                for said in evidence.tape.said
            )
            reasons = {
                "it is there": not states or states[-1] not in GONE,
                "nobody asked for it": not asked
                and all(t.get(key) != value for t in subject.tags(since, call.at)),
                "a group's": "aws:autoscaling:groupName" in tags,
                "managed": tags.get("ManagedBy") == "fleetmend",
                "held": held(evidence, tags.get("fleetmend:hold-until"), call.at),
            }
            for reason, true in reasons.items():
                if true:
                    yield Violation("resurrected", subject.id, call.at, reason)


def blueprints_of_the_healthy(evidence: Evidence) -> Iterator[Violation]:
    """A blueprint is written only of what was healthy when it may have been looked at."""
    for subject in evidence.subjects.values():
        known: object = None
        for write in subject.writes:
            kept = _kept(write)
            since = write.at - evidence.law.lag
            if kept is not None and kept != known and not _was_healthy(subject, since, write.at):
                text = f"kept while {subject.states(since, write.at)}"
                yield Violation("unhealthy-blueprint", subject.id, write.at, text)
            known = kept


def _kept(write: Write) -> object:
    detail = cast("Mapping[str, Any]", write.body.get("detail") or {})
    return detail.get("blueprint") if write.body.get("concern") == "rebuild" else None


def _was_healthy(subject: Subject, since: float, until: float) -> bool:
    """Whether it ran with every check ok at some moment between the two."""
    well = True  # everything begins so
    for truth in subject.truths:
        if truth.at > until:
            break
        if truth.at > since + SLACK and well:
            return True
        if truth.what != "retagged" and truth.at > 0.0:
            well = truth.what == "healthy"
    return well


def rebuilt_is_true(evidence: Evidence) -> Iterator[Violation]:
    """A record that says rebuilt names an instance that had become healthy by then."""
    for subject in evidence.subjects.values():
        for write in subject.writes:
            if write.reason != "rebuilt":
                continue
            detail = cast("Mapping[str, Any]", write.body.get("detail") or {})
            made = evidence.subjects.get(str(detail.get("rebuilt")))
            well = made and any(t.what == "healthy" and t.at <= write.at for t in made.truths)
            if not well:
                yield Violation("not-rebuilt", subject.id, write.at, str(detail.get("rebuilt")))


def drift_as_set(evidence: Evidence) -> Iterator[Violation]:
    """What a living instance has lost is given back only where the setting says so, and not held.

    A volume is made for it once: what is sent again carries the same client token.
    """
    for subject in evidence.subjects.values():
        tokens: dict[str, set[str]] = {}
        for call in subject.makes:
            if call.name == "ec2:RunInstances" or GONE & set(subject.states(0.0, call.at)):
                continue
            allowed = {"restore"} if call.name == "ec2:CreateVolume" else {"reattach", "restore"}
            since = call.at - evidence.law.lag - evidence.law.lease
            tags = subject.tags(since, call.at)
            if evidence.law.drift not in allowed:
                yield Violation("drift", subject.id, call.at, f"{call.name} was not asked for")
            if all(held(evidence, t.get("fleetmend:hold-until"), call.at) for t in tags):
                yield Violation("drift", subject.id, call.at, f"{call.name} although held")
            if call.name == "ec2:CreateVolume" and call.took_effect:
                sent = tokens.setdefault(str(call.params.get("SnapshotId")), set())
                sent.add(str(call.params.get("ClientToken", call.n)))
                if len(sent) > 1:
                    yield Violation("twice", subject.id, call.at, "a volume was made again")


def every_end_is_seen(evidence: Evidence) -> Iterator[Violation]:
    """What was kept and then terminated is written down as gone, whatever became of the event."""
    for subject in evidence.subjects.values():
        states = [truth for truth in subject.truths if truth.what in ALIVE | GONE]
        over = bool(states) and states[-1].what in GONE
        if not subject.writes or not over or evidence.spoiled(subject.id):
            continue
        last = subject.writes[-1]
        if _kept(last) is not None and last.reason in {"kept", "accepted"}:
            yield Violation("end-not-seen", subject.id, states[-1].at, f"still {last.reason}")


def nobody_is_missing(evidence: Evidence) -> Iterator[Violation]:
    """What was kept and then went is there again, or was meant to go, or somebody was told."""
    key, value = evidence.law.tag
    for subject in evidence.subjects.values():
        states = [truth for truth in subject.truths if truth.what in ALIVE | GONE]
        over = bool(states) and states[-1].what in GONE
        if not over or evidence.spoiled(subject.id) or not any(map(_kept, subject.writes)):
            continue
        last, said = subject.writes[-1], {s.word for s in evidence.tape.said if s.id == subject.id}
        tagged = [truth.tags.get(key) == value for truth in subject.truths]
        held_by_tag = any("fleetmend:hold-until" in truth.tags for truth in subject.truths)
        fine = {
            "rebuilt": _alive_instead(evidence, subject.id) == 1,
            "held": "hold" in said or held_by_tag,
            "out-of-scope": not all(tagged),
        }.get(last.reason, last.status == "exhausted" and bool(last.alerts))
        if not fine:
            text = f"{last.status}: {last.reason}"
            yield Violation("missing", subject.id, states[-1].at, text)


def _alive_instead(evidence: Evidence, origin: str) -> int:
    """How many are there in its place at the end."""
    made = [one for one, first in marks(evidence.tape).items() if first == origin]
    return sum(evidence.subjects[one].states(0.0, 1e12)[-1] not in GONE for one in made)


AT_LAST: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    every_end_is_seen,
    nobody_is_missing,
)

RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    one_successor,
    nothing_resurrected,
    blueprints_of_the_healthy,
    rebuilt_is_true,
    drift_as_set,
)

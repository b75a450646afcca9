"""Rules about rebuilds: one successor, nothing resurrected, blueprints of the healthy only."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, cast

from fleetmend.lab.checker.evidence import (
    SLACK,
    Evidence,
    Subject,
    Violation,
    Write,
    held,
    marks,
)

ALIVE = frozenset({"pending", "running", "stopping", "stopped"})
OVER = frozenset({"shutting-down", "terminated"})


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
    return begin, min((t.at for t in subject.truths if t.what in OVER), default=1e12)


def nothing_resurrected(evidence: Evidence) -> Iterator[Violation]:
    """What is launched in another's place: that was terminated, tagged, not held, no group's."""
    key, value = evidence.law.tag
    for subject in evidence.subjects.values():
        for call in subject.makes:
            if call.name != "ec2:RunInstances" or not call.took_effect:
                continue
            before = [truth for truth in subject.truths if truth.at <= call.at]
            states = [truth.what for truth in before if truth.what in ALIVE | OVER]
            tags: Mapping[str, str] = before[-1].tags if before else {}
            since = call.at - evidence.law.lag - evidence.law.lease
            asked = any(
                said.word == "retry" and said.id == subject.id and said.at <= call.at
                for said in evidence.tape.said
            )
            reasons = {
                "it is there": not states or states[-1] not in OVER,
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


def every_end_is_seen(evidence: Evidence) -> Iterator[Violation]:
    """What was kept and then terminated is written down as gone, whatever became of the event."""
    for subject in evidence.subjects.values():
        states = [truth for truth in subject.truths if truth.what in ALIVE | OVER]
        if not subject.writes or not states or states[-1].what not in OVER:
            continue
        last = subject.writes[-1]
        if _kept(last) is not None and last.reason in {"kept", "accepted"}:
            yield Violation("end-not-seen", subject.id, states[-1].at, f"still {last.reason}")


AT_LAST: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (every_end_is_seen,)

RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    one_successor,
    nothing_resurrected,
    blueprints_of_the_healthy,
    rebuilt_is_true,
)

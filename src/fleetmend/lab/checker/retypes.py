"""Rules about changes of type: asked for, dry first, remembered, and told."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fleetmend.lab.checker.evidence import GONE, SLACK, Evidence, Subject, Violation, owns
from fleetmend.lab.tape import Call

ORIGINAL = "fleetmend:original-type"
DRY = frozenset({"InsufficientInstanceCapacity"})


def only_what_is_listed(evidence: Evidence) -> Iterator[Violation]:
    """A type is changed only where the instance lists it, or back to the one it had."""
    law = evidence.law
    for subject, call in _retypes(evidence):
        tags = subject.tags(call.at - law.lag - law.lease, call.at)
        listed = {name for one in tags for name in one.get(law.types_tag, "").split()}
        if not law.types_tag or _given(call) not in listed | {subject.truths[0].type}:
            yield Violation("type-unlisted", subject.id, call.at, f"given {_given(call)}")


def dry_first(evidence: Evidence) -> Iterator[Violation]:
    """The type that it had was found to be without capacity, and that long enough before.

    What the SDK sends again after a lost answer is one with the first.
    """
    before: dict[str, Call] = {}
    for subject, call in _retypes(evidence):
        last = before.get(subject.id)
        if last and last.lost and last.run == call.run:
            continue
        since = last.at if last else 0.0
        found = [at for at in _found_dry(evidence, subject) if since <= at <= call.at]
        if not found or call.at - found[0] < evidence.law.types_wait - SLACK:
            text = f"given {_given(call)}, dry at {found[:1]}"
            yield Violation("type-soon", subject.id, call.at, text)
        if call.took_effect:
            before[subject.id] = call


def remembered_first(evidence: Evidence) -> Iterator[Violation]:
    """The record names the old type and the new, and the instance carries the old one's name."""
    for subject, call in _retypes(evidence):
        record = subject.record_at(call.at)
        detail: Mapping[str, Any] = record.detail if record else {}
        marked = subject.tags(call.at, call.at)[-1].get(ORIGINAL, "")
        if detail.get("target_type") != _given(call) or detail.get("original_type") != marked:
            text = f"given {_given(call)}; recorded {detail}, marked {marked!r}"
            yield Violation("type-forgotten", subject.id, call.at, text)


def told_in_the_end(evidence: Evidence) -> Iterator[Violation]:
    """What has another type than at first by our doing, and is there, has told somebody.

    Where its record was garbled meanwhile, what was owed is lost with it; the tag is not.
    """
    for subject in evidence.subjects.values():
        ours = [call for call in subject.retypes if call.took_effect]
        last = subject.truths[-1] if subject.truths else None
        if not ours or last is None or subject.states(last.at, last.at)[-1] in GONE:
            continue
        if evidence.spoiled(subject.id):
            continue
        told = any(a.get("kind") == "type-changed" for w in subject.writes for a in w.alerts)
        if last.type == _given(ours[-1]) != subject.truths[0].type and not told:
            yield Violation("type-untold", subject.id, last.at, f"it is {last.type} now")


def _found_dry(evidence: Evidence, subject: Subject) -> list[float]:
    """When its own start found no capacity, or that of another of its pool, which probed for it.

    Such a probe speaks for those whose starts the same run had written down.
    """
    runs = {w.call.run for w in subject.writes if owns(subject, w)}
    found = [
        start.done or start.at
        for other in evidence.subjects.values()
        for start in other.starts
        if start.error in DRY
        and (other is subject or start.run in runs)
        and _pool(other, start.at) == _pool(subject, start.at)
    ]
    return sorted(found)


def _pool(subject: Subject, moment: float) -> tuple[str, str]:
    """The type and zone that it had at that moment."""
    known = [truth for truth in subject.truths if truth.at <= moment] or subject.truths[:1]
    return (known[-1].type, known[-1].zone) if known else ("", "")


def _retypes(evidence: Evidence) -> Iterator[tuple[Subject, Call]]:
    """Those that were sent by a run which could know better, by subject in order of time."""
    for subject in evidence.subjects.values():
        for call in subject.retypes:
            if not call.frozen:
                yield subject, call


def _given(call: Call) -> str:
    return str(call.params["InstanceType"]["Value"])


RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    only_what_is_listed,
    dry_first,
    remembered_first,
)

AT_LAST: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (told_in_the_end,)

"""Rules about a mass stop: nothing is started while it holds, and a pace is kept afterwards."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from fleetmend.lab.checker.acts import owned
from fleetmend.lab.checker.evidence import SLACK, Evidence, Subject, Violation
from fleetmend.lab.tape import Truth

LATE = 60.0
"""Seconds a run may go on with what it saw before the stop that made it a mass stop."""

QUICK = 10.0
"""Seconds within which a run may not have seen a stop yet."""

SLOT = 60.0


def mass_stops_hold(evidence: Evidence) -> Iterator[Violation]:
    """From the stop that makes it a mass stop until somebody says retry, nothing is started.

    Where the setting says `pace`, starts go on at once, and only the pace is judged.
    """
    law, told = evidence.law, _released(evidence)
    if law.mass_stop != "hold":
        return
    for tripped, struck in _trips(evidence):
        until = min((at for at in told if at > tripped), default=float("inf"))
        for subject in struck:
            for call in subject.starts:
                late = evidence.runs[call.run].began > tripped + LATE
                if late and call.took_effect and tripped < call.at < until and not call.frozen:
                    text = f"started although {len(struck)} had stopped by {tripped:.0f}"
                    yield Violation("mass-stop", subject.id, call.at, text)


def bursts_wait(evidence: Evidence) -> Iterator[Violation]:
    """While many are down and more are stopping, none is started before its own time is up."""
    law = evidence.law
    scope = [s for s in evidence.subjects.values() if _in_scope(evidence, s)]
    if len(scope) < law.mass_count or law.mass_stop != "hold":
        return
    for subject in scope:
        for call in subject.starts:
            began = evidence.runs[call.run].began
            own = _last_stop(subject, call.at)
            freed = any(own < at < call.at for at in _released(evidence))
            if call.frozen or freed or call.at >= own + law.mass_wait - SLACK:
                continue
            stops = [_last_stop(one, began - QUICK) for one in scope if _down(one, began - QUICK)]
            many = sum(stop > began - law.mass_window for stop in stops) >= law.many
            if many and began < max(stops) + law.mass_quiet - SLACK:
                text = f"started {began - max(stops):.1f}s after the last of many stops"
                yield Violation("mass-stop", subject.id, call.at, text)


def _last_stop(subject: Subject, moment: float) -> float:
    stops = [t.at for t in subject.truths if _counts(t) and t.at < moment]
    return stops[-1] if stops else float("-inf")


def _counts(truth: Truth) -> bool:
    """Whether it is a stop of what is ours to start, and EC2 says when.

    What another looks after is stopped and started by that other. Of what shut down by itself
    nobody but its event can tell when, so the checker asks for nothing there.
    """
    return truth.what == "stopping" and truth.timed and not owned(truth.tags)


def paces_are_kept(evidence: Evidence) -> Iterator[Violation]:
    """After a mass stop no more than twice the pace are started in a minute.

    Twice, because a minute of the clock may reach into two shares. Instances that did not stop
    with the others have their own time.
    """
    law = evidence.law
    for (at, struck), (following, _) in pairwise([*_trips(evidence), (float("inf"), [])]):
        first = [
            (call.at, subject.id)
            for subject in struck
            for call in [c for c in subject.starts if c.took_effect and at < c.at < following][:1]
        ]
        first.sort()
        for moment, identity in first:
            inside = sum(moment <= other < moment + SLOT - SLACK for other, _ in first)
            if inside > 2 * law.pace:
                text = f"{inside} starts within a minute"
                yield Violation("pace", identity, moment, text)


def _released(evidence: Evidence) -> list[float]:
    return [
        said.at
        for said in evidence.tape.said
        if said.word == "retry" and said.id in {"", "mass-stop"}
    ]


def _trips(evidence: Evidence) -> list[tuple[float, list[Subject]]]:
    """When a mass stop was complete, and who had stopped by then; a new one after each release."""
    law = evidence.law
    scope = [s for s in evidence.subjects.values() if _in_scope(evidence, s)]
    if len(scope) < law.mass_count:
        return []
    stops = sorted(
        ((truth.at, subject) for subject in scope for truth in subject.truths
         if _counts(truth) and truth.tags.get(law.tag[0]) == law.tag[1]),
        key=lambda pair: pair[0],
    )  # fmt: skip
    least = max(law.mass_count, law.mass_share * len(scope))
    trips: list[tuple[float, list[Subject]]] = []
    for at, _ in stops:
        since = max([at - law.mass_window, *(t for t in _released(evidence) if t < at)])
        struck = {s.id: s for when, s in stops if since < when <= at and _down(s, at)}
        new = not trips or any(trips[-1][0] < t < at for t in _released(evidence))
        if new and len(struck) >= least:
            trips.append((at, list(struck.values())))
    return trips


def _down(subject: Subject, moment: float) -> bool:
    return subject.states(moment, moment)[-1] in {"stopping", "stopped"}


def _in_scope(evidence: Evidence, subject: Subject) -> bool:
    key, value = evidence.law.tag
    return bool(subject.truths) and subject.truths[0].tags.get(key) == value


RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    mass_stops_hold,
    bursts_wait,
    paces_are_kept,
)

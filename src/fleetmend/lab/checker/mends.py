"""Rules about reboots and stops: of what is impaired, after a while, once each, few at a time."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from fleetmend.lab.checker.evidence import SLACK, Evidence, Subject, Violation
from fleetmend.lab.tape import Call

_NO_CHANGE = frozenset({"retagged", "impaired"})


def only_what_is_switched_on(evidence: Evidence) -> Iterator[Violation]:
    """With the setting off nothing is mended; with `reboot` nothing is stopped."""
    allowed = {"reboot": {"RebootInstances"}, "move": {"RebootInstances", "StopInstances"}}
    for subject, call in _mends(evidence):
        if call.operation not in allowed.get(evidence.law.impaired, set()):
            text = f"{call.operation} while the setting is {evidence.law.impaired}"
            yield Violation("mend-off", subject.id, call.at, text)


def only_the_impaired(evidence: Evidence) -> Iterator[Violation]:
    """What is mended was impaired in the time that an act may rest on."""
    law = evidence.law
    for subject, call in _mends(evidence):
        if not _ill(subject, call.at - law.lag - law.lease, call.at):
            yield Violation("mend-well", subject.id, call.at, f"{call.operation}, and it was well")


def in_its_time(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is mended before EC2 had its time for that, unless somebody says retry."""
    law = evidence.law
    for subject, call in _mends(evidence):
        record = subject.record_at(call.at)
        opened = evidence.seconds(str(record.body.get("opened_at"))) if record else call.at
        first = [t.at for t in subject.truths if t.what == "impaired" and t.at <= call.at]
        began = min((at for at in first if at >= opened - law.lag), default=opened)
        told = any(s.word == "retry" and s.id in ("", subject.id) for s in evidence.tape.said)
        wait = min(law.impaired_wait, law.verify_window)
        if call.at < began + wait - SLACK and not told:
            text = f"{call.operation} {call.at - began:.0f}s after it was impaired"
            yield Violation("mend-soon", subject.id, call.at, text)


def once_each(evidence: Evidence) -> Iterator[Violation]:
    """One reboot and one stop in an incident; what the SDK sends again is one with the first."""
    for subject in evidence.subjects.values():
        counts: dict[tuple[str, str], int] = {}
        before: Call | None = None
        for call in subject.mends:
            again = before and before.run == call.run and before.name == call.name and before.lost
            before = call
            if not call.took_effect or call.frozen or again:
                continue
            record = subject.record_at(call.at)
            key = (call.operation, str(record.body.get("opened_at")) if record else "")
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > 1:
                text = f"{call.operation} number {counts[key]} of one incident"
                yield Violation("mend-again", subject.id, call.at, text)


def nothing_is_lost(evidence: Evidence) -> Iterator[Violation]:
    """What has volumes on its host is never stopped."""
    for subject, call in _mends(evidence):
        if call.operation == "StopInstances" and any(t.stores for t in subject.truths):
            yield Violation("mend-loses", subject.id, call.at, "it has volumes on its host")


def outages_are_left(evidence: Evidence) -> Iterator[Violation]:
    """While many are impaired at once, none of them is touched."""
    law = evidence.law
    for subject, call in _mends(evidence):
        since = evidence.runs[call.run].began - law.lag
        many = [s for s in evidence.subjects.values() if _throughout(s, since, call.at)]
        scope = [s for s in many if s.truths[0].tags.get(law.tag[0]) == law.tag[1]]
        if len(scope) >= law.impaired_mass:
            text = f"{call.operation} while {len(scope)} were impaired"
            yield Violation("mend-outage", subject.id, call.at, text)


def given_up_stays(evidence: Evidence) -> Iterator[Violation]:
    """What was given up while it ran impaired stays so, until it is well or somebody says retry."""
    for subject in evidence.subjects.values():
        for before, after in pairwise(subject.writes):
            if before.status != "exhausted" or after.status in {"exhausted", "closed"}:
                continue
            told = any(
                s.word == "retry" and s.id in ("", subject.id) and s.at <= after.at
                for s in evidence.tape.said
            )
            if not told and _throughout(subject, before.at, after.at):
                text = f"became {after.status}: {after.reason}"
                yield Violation("exhausted-reset", subject.id, after.at, text)


def none_is_left_in_silence(evidence: Evidence) -> Iterator[Violation]:
    """At the end, whatever was stopped came up again, or somebody was told that it stays down.

    Whatever kept it down: a hold, a tag taken away, a mass stop, the kill switch. For histories
    that end quietly.
    """
    for subject in evidence.subjects.values():
        stops = [m for m in subject.mends if m.operation == "StopInstances" and m.took_effect]
        if not stops or evidence.spoiled(subject.id):
            continue
        since = stops[-1].at
        states = [t for t in subject.truths if t.what not in _NO_CHANGE and t.at >= since]
        if not states or {t.what for t in states} - {"stopping", "stopped"}:
            continue
        said = [a for write in subject.writes if write.at >= since for a in write.alerts]
        if not any(str(alert["kind"]) in {"left-down", "exhausted"} for alert in said):
            yield Violation("silent-stop", subject.id, since, "it stays down, and nobody was told")


def _mends(evidence: Evidence) -> Iterator[tuple[Subject, Call]]:
    """Those that were sent by a run which could know better."""
    for subject in evidence.subjects.values():
        for call in subject.mends:
            if not call.frozen:
                yield subject, call


def _spans(subject: Subject) -> Iterator[tuple[float, float]]:
    """From when to when it was impaired."""
    began: float | None = None
    for truth in subject.truths:
        if truth.what == "impaired" and began is None:
            began = truth.at
        elif began is not None and truth.what not in _NO_CHANGE:
            yield began, truth.at
            began = None
    if began is not None:
        yield began, float("inf")


def _ill(subject: Subject, since: float, until: float) -> bool:
    return any(begin <= until and end >= since for begin, end in _spans(subject))


def _throughout(subject: Subject, since: float, until: float) -> bool:
    return any(begin <= since and end >= until for begin, end in _spans(subject))


RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    only_what_is_switched_on,
    only_the_impaired,
    in_its_time,
    once_each,
    nothing_is_lost,
    outages_are_left,
    given_up_stays,
)
AT_LAST: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (none_is_left_in_silence,)

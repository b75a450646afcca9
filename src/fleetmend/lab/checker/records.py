"""Rules about records and alerts: no state twice, no look lost, each fact told, and told once."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, zip_longest
from typing import Any

from fleetmend.lab.checker.evidence import (
    GONE,
    MENDING,
    SHORT_FREEZE,
    SLACK,
    Evidence,
    Violation,
    Write,
)
from fleetmend.lab.tape import Told

OF_ALL = frozenset({"mass-stop", "mass-impaired"})
_DIGEST = re.compile(r"digest:\w+")
LONGEST_WAKE = 900.0
CHANGES = MENDING | {"ec2:StartInstances", "s3:PutObject", "s3:DeleteObject", "sns:Publish"}
STORM, MOST_MESSAGES = 600.0, 50
"""Seconds, and the messages in them that are no storm yet."""
UNOWED = frozenset({"claimed", "ledger-unavailable", "settings-broken"})
"""Kinds that no record can owe: they are told directly."""


def no_state_twice(evidence: Evidence) -> Iterator[Violation]:
    """Two different writes of one record never have the same bytes, so that no ETag comes back."""
    for subject in evidence.subjects.values():
        seen: dict[bytes, Write] = {}
        for write in subject.writes:
            body = bytes(write.call.params.get("Body", b""))
            if body in seen:
                text = f"the bytes of {seen[body].at:.3f} again"
                yield Violation("same-bytes", subject.id, write.at, text)
            seen[body] = write


def next_look(evidence: Evidence) -> Iterator[Violation]:
    """An open incident says when it is looked at next, and the queue is asked to wake for it."""
    for subject in evidence.subjects.values():
        for write, after in zip_longest(subject.writes, subject.writes[1:]):
            run = write.call.run
            if write.status != "open" or evidence.disturbed(run) or _amended(evidence, write):
                continue
            if after is not None and after.call.run == run:
                continue
            look = write.body.get("next_look_at")
            if not look:
                yield Violation("no-next-look", subject.id, write.at, write.reason)
                continue
            if evidence.seconds(str(look)) > write.at + LONGEST_WAKE - SLACK:
                continue  # no message waits so long; the sweep looks
            if not evidence.woken(run, subject.id, write.at):
                text = f"run {run} woke nobody ({write.reason})"
                yield Violation("no-wake-up", subject.id, write.at, text)


def _amended(evidence: Evidence, write: Write) -> bool:
    """Whether this write only put a person's word into the record.

    A mode of off drops the look that follows, and in observe it is the other ledger's; where
    EC2 could not be asked, the message comes again.
    """
    words = {"hold", "release"}
    asked = (c for c in evidence.calls.get(write.call.run, ()) if c.name.startswith("ec2:Describe"))
    failed = any(call.error or call.lost or call.done is None for call in asked)
    if failed or evidence.mode(write.at) != "act":
        words.add("retry")
    return any(
        said.id in {write.subject, "" if said.word == "retry" else write.subject}
        and said.at <= write.at
        and said.word in words
        for said in evidence.tape.said
    )


def exhausted_stays(evidence: Evidence) -> Iterator[Violation]:
    """Exhausted ends by health, by leaving the scope, or by an operator's retry; not by itself."""
    for subject in evidence.subjects.values():
        if subject.id in OF_ALL:  # ends also when all are up again, or well
            continue
        for before, after in pairwise(subject.writes):
            if before.status != "exhausted" or after.status == "exhausted":
                continue
            told = any(
                said.word == "retry" and said.id in ("", subject.id) and said.at <= after.at
                for said in evidence.tape.said
            )
            since = after.at - evidence.law.lag - 60.0
            up = ({"running", "pending"} | GONE).intersection(subject.states(since, after.at))
            untagged = any(
                t.get(evidence.law.tag[0]) != evidence.law.tag[1]
                for t in subject.tags(since, after.at)
            )
            if not told and not up and not untagged:
                text = f"became {after.status}: {after.reason}"
                yield Violation("exhausted-reset", subject.id, after.at, text)


def true_ends(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is declared gone that is there: a describe that failed is no empty answer."""
    for subject in evidence.subjects.values():
        for write in subject.writes:
            if write.status != "closed" or write.reason not in {"gone", "terminated"}:
                continue
            if not GONE.intersection(subject.states(0.0, write.at)):
                yield Violation("false-end", subject.id, write.at, f"declared {write.reason}")


def told_as_owed(evidence: Evidence) -> Iterator[Violation]:
    """A fact is told only once a record owes it, and marked delivered only once it was told."""
    first: dict[str, float] = {}
    told: dict[str, float] = {}
    for one in evidence.tape.told:
        told.setdefault(one.fact, one.at)
    for subject in evidence.subjects.values():
        for write in subject.writes:
            for alert in write.alerts:
                fact = str(alert["fact"])
                first.setdefault(fact, write.at)
                if alert.get("delivered") and not _handed_over(evidence, alert, told, write.at):
                    yield Violation("marked-untold", subject.id, write.at, fact)
    for one in evidence.tape.told:
        if one.kind not in UNOWED and not first.get(one.fact, 1e12) <= one.at:
            yield Violation("told-before-owed", one.subject, one.at, one.fact)


def _handed_over(
    evidence: Evidence, alert: Mapping[str, Any], told: Mapping[str, float], moment: float
) -> bool:
    """Whether the topic, or a digest that stands in the ledger, has the fact by then."""
    if told.get(str(alert["fact"]), 1e12) <= moment:
        return True
    digest = _DIGEST.fullmatch(str(alert["delivered"]))
    carrier = evidence.subjects.get(digest[0]) if digest else None
    return bool(carrier and carrier.writes and carrier.writes[0].at <= moment)


def told_once(evidence: Evidence) -> Iterator[Violation]:
    """A fact is told again only if one of the two runs was disturbed.

    The one that had told it, by anything; the one that tells it again, by a freeze just before.
    """
    tellings: dict[str, list[Told]] = {}
    for one in evidence.tape.told:
        if one.kind not in UNOWED:
            tellings.setdefault(one.fact, []).append(one)
    for fact, ones in tellings.items():
        for before, after in pairwise(ones):
            frozen = evidence.frozen(after.run) > SHORT_FREEZE
            if not frozen and not evidence.disturbed(before.run):
                text = f"{fact} again by run {after.run}, and run {before.run} was not disturbed"
                yield Violation("told-twice", after.subject, after.at, text)


def never_a_storm(evidence: Evidence) -> Iterator[Violation]:
    """In no ten minutes there are more messages than somebody can read, whatever happens."""
    times = sorted(one.at for one in evidence.tape.told if one.kind not in UNOWED)
    for first, last in zip(times, times[MOST_MESSAGES:], strict=False):
        if last - first < STORM:
            text = f"more than {MOST_MESSAGES} messages since {first:.0f}"
            yield Violation("storm", "-", last, text)
            return


def told_at_last(evidence: Evidence) -> Iterator[Violation]:
    """At the end nothing is owed any more. For histories that end quietly.

    What a record owed when it was replaced by garbage is gone with it.
    """
    for subject in evidence.subjects.values():
        if evidence.spoiled(subject.id):
            continue
        for alert in subject.writes[-1].alerts if subject.writes else ():
            if not alert.get("delivered"):
                at = subject.writes[-1].at
                yield Violation("never-told", subject.id, at, str(alert["fact"]))


def settled(evidence: Evidence) -> Iterator[Violation]:
    """At the end every instance in scope runs and is healthy, or its record says why not.

    For histories that end quietly: no fault, no shortage, and time enough.
    """
    law, told = evidence.law, evidence.subjects.get("mass-impaired")
    outage = bool(told and told.writes and told.writes[-1].status == "exhausted")
    for subject in evidence.subjects.values():
        if not subject.truths or evidence.spoiled(subject.id):
            continue
        last = subject.truths[-1]
        states = [t for t in subject.truths if t.what != "retagged"]
        held = last.tags.get(law.tag[0]) != law.tag[1]
        record = subject.writes[-1] if subject.writes else None
        if record and record.planned:
            yield Violation("left-planned", subject.id, record.at, record.planned)
        if evidence.mode(float("inf")) != "act":
            continue
        if states[-1].what in {"healthy"} | GONE or held:
            if record and record.status == "open":
                yield Violation("left-open", subject.id, record.at, record.reason)
            continue
        if states[-1].what == "running" and states[-1].at == 0.0:
            continue
        if states[-1].what == "impaired" and (law.impaired == "off" or outage):
            continue
        if record is None or record.status not in {"exhausted", "refused"}:
            status = f"{record.status}: {record.reason}" if record else "no record"
            yield Violation("left-down", subject.id, states[-1].at, f"{states[-1].what}, {status}")


def quiet_at_last(evidence: Evidence) -> Iterator[Violation]:
    """The last sweep of a quiet end changes nothing: it starts nothing and writes nothing."""
    sweeps = [run for run in evidence.tape.runs if run.trigger == "schedule" and run.ended]
    if not sweeps:
        return
    for call in evidence.calls.get(sweeps[-1].n, ()):
        if call.name in CHANGES and call.took_effect:
            yield Violation(
                "second-pass", call.key or "-", call.at, f"{call.name} in the last sweep"
            )


OF_ANY: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    no_state_twice,
    told_as_owed,
    told_once,
    never_a_storm,
)
"""What holds of every concern's records."""

ALWAYS: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    *OF_ANY,
    next_look,
    exhausted_stays,
    true_ends,
)
AT_LAST: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    told_at_last,
    settled,
    quiet_at_last,
)

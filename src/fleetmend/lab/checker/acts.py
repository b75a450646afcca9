"""Rules about starts: announced, spaced, within the budget, of the right instances, all served."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from fleetmend.lab.checker.evidence import (
    SHORT_FREEZE,
    SLACK,
    Evidence,
    Subject,
    Violation,
    Write,
    held,
    live_intent,
    owner,
    owns,
)
from fleetmend.lab.tape import Call

ISSUED = frozenset({"accepted", "refused", "unknown", "fell-back"})
_OWNERS = re.compile(
    r"(aws:)?eks:|kubernetes\.io/cluster/|karpenter\.(sh/(?!discovery$)|k8s\.aws/)|aws:batch:|"
    r"AWSBatchServiceTag$|aws:elasticmapreduce:|Schedule$|(?i:quarantine)$"
)
"""Keys of tags by which another says that an instance is its own (docs/recovery.md)."""

DOWN = frozenset({"stopped", "stopping"})
FULL_SPEED = 20.0
"""A run older than this may have too little time left to send what it still holds."""


def overlapping_intents(evidence: Evidence) -> Iterator[Violation]:
    """A live planned intent is ended by nobody but the run that wrote it."""
    for subject in evidence.subjects.values():
        for before, after in pairwise(subject.writes):
            if not before.planned or after.planned == before.planned:
                continue
            same_run = after.call.run == owner(subject, before.planned)
            until = evidence.seconds(str(before.intent["until"]))
            if not same_run and after.at < until - SLACK:
                text = f"the intent {before.planned} lives until {until:.1f}, run {after.call.run}"
                yield Violation("overlapping-intents", subject.id, after.at, f"{text} ended it")


def intent_before_act(evidence: Evidence) -> Iterator[Violation]:
    """Every start is announced by an intent of its own run, and sent while that lives.

    A run that was frozen right before sending cannot know; such starts are counted, not blamed.
    """
    for subject in evidence.subjects.values():
        for call in subject.acts:
            if not call.frozen and not live_intent(evidence, subject, call):
                yield Violation(
                    "act-without-intent", subject.id, call.at, f"run {call.run} had no live intent"
                )


def abandoned_intents(evidence: Evidence) -> Iterator[Violation]:
    """A run that ended well leaves no intent behind that it neither acted on nor took back."""
    for subject in evidence.subjects.values():
        for write in subject.writes:
            run = write.call.run
            if not owns(subject, write):
                continue
            if evidence.runs[run].how != "finished" or evidence.frozen(run) > SHORT_FREEZE:
                continue
            mine = [w for w in subject.writes if w.call.run == run and w.at > write.at]
            acted = any(call.run == run for call in subject.acts)
            if not mine and not acted and not _storage_trouble(evidence, run, subject.id):
                yield Violation(
                    "abandoned-intent", subject.id, write.at, f"run {run} forgot {write.planned}"
                )


def _storage_trouble(evidence: Evidence, run: int, subject: str) -> bool:
    """Whether S3 refused this run something about this subject for a reason of its own."""
    expected = {"", "NoSuchKey", "PreconditionFailed", "ConditionalRequestConflict"}
    return any(
        call.error not in expected or (call.done is None)
        for call in evidence.calls.get(run, ())
        if call.service == "s3" and subject in call.subjects
    )


# --- attempts --------------------------------------------------------------------------------


def spacing_and_budget(evidence: Evidence) -> Iterator[Violation]:
    """Starts that AWS accepted are `retry_interval` apart, at most `max_attempts` an incident."""
    law = evidence.law
    for subject in evidence.subjects.values():
        issued = _issued(subject)
        for before, after in pairwise(issued):
            gap = after.at - (before.done or before.at)
            frozen = before.frozen or after.frozen  # counted by `duplicates`
            if gap < law.retry_interval - SLACK and not frozen and not _new(subject, before, after):
                yield Violation("too-close", subject.id, after.at, f"{gap:.1f}s after the last")
        counts: dict[str, int] = {}
        for call in issued:
            record = subject.record_at(call.at)
            opened = str(record.body.get("opened_at")) if record else ""
            counts[opened] = counts.get(opened, 0) + (not call.frozen)
            if counts[opened] > law.max_attempts:
                text = f"start {counts[opened]} of one incident"
                yield Violation("over-budget", subject.id, call.at, text)


def _issued(subject: Subject) -> list[Call]:
    """Accepted starts; what the SDK sends again after a lost answer is one with the first."""
    issued: list[Call] = []
    for call in subject.starts:
        if not call.took_effect:
            continue
        if issued and issued[-1].run == call.run and issued[-1].lost:
            continue
        issued.append(call)
    return issued


def _new(subject: Subject, before: Call, after: Call) -> bool:
    """Whether two starts belong to different incidents."""
    first, second = subject.record_at(before.at), subject.record_at(after.at)
    return bool(first and second and first.body.get("opened_at") != second.body.get("opened_at"))


def honest_attempts(evidence: Evidence) -> Iterator[Violation]:
    """A record never counts more issued attempts than starts that could have been issued."""
    for subject in evidence.subjects.values():
        for write in subject.writes:
            counted = sum(
                one.get("result") in ISSUED and not _untraceable(one) for one in write.attempts
            )
            opened = write.body.get("opened_at")
            since = evidence.seconds(str(opened)) - SLACK if opened else 0.0
            sent = sum(since <= call.at <= write.at for call in subject.acts)
            states = subject.states(since, write.at)
            foreign = states.count("pending") + states.count("stopping") * bool(subject.mends)
            if counted > max(sent, foreign):
                text = f"{counted} counted, {sent} sent ({write.reason})"
                yield Violation("attempt-not-issued", subject.id, write.at, text)


def _untraceable(attempt: Mapping[str, Any]) -> bool:
    """A reboot of which nothing is known: no trace would show that it was not sent."""
    return attempt.get("act") == "reboot" and attempt.get("result") == "unknown"


# --- what must not be touched ----------------------------------------------------------------


def untouchable(evidence: Evidence) -> Iterator[Violation]:
    """Out of scope, held, in a group, or not down: for as long as an act may rest on old facts."""
    law = evidence.law
    for subject in evidence.subjects.values():
        for call in [*subject.starts, *subject.mends, *subject.retypes]:
            since = call.at - law.lag - law.lease
            tags = subject.tags(since, call.at)
            reasons = {
                "out of scope": all(t.get(law.tag[0]) != law.tag[1] for t in tags),
                "run by another": all(map(owned, tags)) or subject.operated,
                "in a group": all("aws:autoscaling:groupName" in t for t in tags),
                "held": all(held(evidence, t.get("fleetmend:hold-until"), call.at) for t in tags),
                "not down": call not in subject.mends
                and not DOWN.intersection(subject.states(since, call.at)),
            }
            for reason, true in reasons.items():
                if true and not call.frozen:
                    yield Violation("untouchable", subject.id, call.at, reason)
        for write in subject.writes:
            if owns(subject, write) and write.held_until and _holds(evidence, write):
                yield Violation("untouchable", subject.id, write.at, "planned although held")


def _holds(evidence: Evidence, write: Write) -> bool:
    return evidence.seconds(write.held_until) > write.at + SLACK


def owned(tags: Mapping[str, str]) -> bool:
    """Whether its tags say that another looks after it."""
    return any(_OWNERS.match(key) for key in tags)


def obeyed_mode(evidence: Evidence) -> Iterator[Violation]:
    """A run that began while the mode forbade acting starts nothing."""
    for subject in evidence.subjects.values():
        for call in subject.acts:
            mode = evidence.mode(evidence.runs[call.run].began)
            if mode != "act":
                yield Violation("mode", subject.id, call.at, f"the mode was {mode}")


def garbage_left_alone(evidence: Evidence) -> Iterator[Violation]:
    """While a record cannot be read, runs that began since do nothing until somebody says so."""
    for said in evidence.tape.said:
        if said.word != "garbage":
            continue
        subject = evidence.subjects[said.id]
        release = min(
            (s.at for s in evidence.tape.said if s.word == "retry" and s.id == said.id),
            default=1e12,
        )
        for call in subject.acts:
            if said.at < evidence.runs[call.run].began < release:
                yield Violation("garbage", subject.id, call.at, "started on an unreadable record")
        for write in subject.writes:
            if said.at < write.at < release and evidence.runs[write.call.run].began > said.at:
                yield Violation("garbage", subject.id, write.at, "overwrote an unreadable record")


def one_stops_no_other(evidence: Evidence) -> Iterator[Violation]:
    """A call that fails for some of its subjects is followed, in its run, by one for the others."""
    for run, calls in evidence.calls.items():
        if evidence.disturbed(run):
            continue
        starts = [call for call in calls if call.name == "ec2:StartInstances"]
        if any(call.lost or call.injected for call in starts):
            continue
        for call in starts:
            late = call.at - evidence.runs[run].began > FULL_SPEED
            for one in (
                set(call.subjects) - set(call.culprits) if call.culprits and not late else ()
            ):
                if not any(one in later.subjects for later in starts if later.n > call.n):
                    text = f"{call.error} was another's, and run {run} left it behind"
                    yield Violation("head-of-line", one, call.at, text)


RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    overlapping_intents,
    intent_before_act,
    abandoned_intents,
    spacing_and_budget,
    honest_attempts,
    untouchable,
    obeyed_mode,
    garbage_left_alone,
    one_stops_no_other,
)

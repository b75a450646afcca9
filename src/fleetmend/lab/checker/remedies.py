"""Rules about remediation: nothing overwritten, nobody surprised, never more than the bound.

It knows what the rules of the scenario allow, and reads the rest from calls, alerts and truths.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from fleetmend.lab.checker.evidence import (
    SLACK,
    Evidence,
    RemedyLaw,
    Subject,
    Violation,
    held,
    live_intent,
)
from fleetmend.lab.tape import Call

HOLD = "fleetmend:hold-until"
ENDLESS = "9999-"
"""How the value of the hold begins that a stop leaves."""

ACTS = frozenset({"ec2:CreateTags", "ec2:DeleteTags", "ec2:StartInstances", "ec2:StopInstances"})
_RACE = 1.5
"""Seconds between the last look and the call that no protocol closes: EC2 takes no condition."""


def judged(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """Every rule."""
    for rule in _RULES:
        yield from rule(evidence, law)


def _acts(evidence: Evidence, *names: str) -> Iterator[tuple[Call, Subject]]:
    for call in evidence.tape.calls:
        if call.name in names and call.took_effect:
            for identity in call.subjects:
                yield call, evidence.subjects[identity]


def only_known_calls(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """EC2 is read, tagged, stopped and started, and nothing else; nothing is ever terminated."""
    del law
    for call in evidence.tape.calls:
        known = call.operation.startswith("Describe") or call.name in ACTS
        if call.service == "ec2" and not known:
            yield Violation("forbidden", str(call.subjects), call.at, call.name)


def only_known_keys(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """No tag is touched but those that a rule may fill in, and the hold."""
    for call, subject in _acts(evidence, "ec2:CreateTags", "ec2:DeleteTags"):
        for key in _tags(call):
            if key not in law.keys and key != HOLD:
                yield Violation("other-key", subject.id, call.at, key)


def nothing_overwritten(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """A tag is given only to what had none of that key when it was last looked at."""
    del law
    for call, subject in _acts(evidence, "ec2:CreateTags"):
        since = call.at - _RACE - evidence.frozen(call.run)
        for key, value in _tags(call).items():
            before = [tags.get(key) for tags in subject.tags(since, call.at)]
            if key != HOLD and all(found not in {None, value} for found in before):
                yield Violation("overwritten", subject.id, call.at, f"{key}: {before}")


def announced_first(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """Every act has a live intent of its own run in the record."""
    del law
    for call, subject in _acts(evidence, *ACTS):
        if not call.frozen and not live_intent(evidence, subject, call):
            yield Violation("act-without-intent", subject.id, call.at, call.name)


def bounded(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """One run changes so many instances at most."""
    changed: dict[int, dict[str, float]] = {}
    for call, subject in _acts(evidence, "ec2:CreateTags", "ec2:StopInstances"):
        changed.setdefault(call.run, {})[subject.id] = call.at
    for run, them in changed.items():
        if len(them) > law.most:
            yield Violation("unbounded", f"run {run}", max(them.values()), f"{len(them)} instances")
        if evidence.runs[run].trigger != "schedule" and not law.asked:
            yield Violation("between-runs", f"run {run}", max(them.values()), str(sorted(them)))


def within_no_grace(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """Nothing is stopped whose owner was not told a whole grace before."""
    for call, subject in _acts(evidence, "ec2:StopInstances"):
        told = [one.at for one in evidence.tape.told if _about(one.subject, one.fact, subject.id)]
        if not told or min(told) > call.at - law.grace + SLACK + 30.0:
            yield Violation("no-grace", subject.id, call.at, f"told at {told}")


def _about(subject: str, fact: str, identity: str) -> bool:
    """Whether an alert told the owner; a digest of many counts for all that it may carry."""
    return (subject == identity and "/notice-" in fact) or subject.startswith("digest:")


def stopped_under_a_hold(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """What is stopped carries the endless hold, so that recovery leaves it alone."""
    del law
    for call, subject in _acts(evidence, "ec2:StopInstances"):
        tags = subject.tags(call.at, call.done or call.at)[-1:] or [{}]
        if not tags[0].get(HOLD, "").startswith(ENDLESS):
            yield Violation("no-hold", subject.id, call.at, str(tags[0].get(HOLD)))


def not_ours(evidence: Evidence, law: RemedyLaw) -> Iterator[Violation]:
    """Neither a person's hold nor a quarantine is passed by, and no group's member is stopped."""
    for call, subject in _acts(evidence, "ec2:CreateTags", "ec2:StopInstances"):
        if call.name == "ec2:CreateTags" and not law.keys & set(_tags(call)):
            continue  # the hold itself
        since = call.at - law.lag - evidence.frozen(call.run)
        seen = subject.tags(since, call.at)
        persons = [tags for tags in seen if not str(tags.get(HOLD, "")).startswith(ENDLESS)] or [{}]
        reasons = {
            "held": all(held(evidence, tags.get(HOLD), call.at) for tags in persons),
            "isolated": all("Quarantine" in tags for tags in seen),
            "a group's": call.name == "ec2:StopInstances"
            and any("aws:autoscaling:groupName" in tags for tags in seen),
        }
        for reason, true in reasons.items():
            if true:
                yield Violation("not-ours", subject.id, call.at, reason)


def _tags(call: Call) -> Mapping[str, str]:
    given = cast("list[Mapping[str, Any]]", call.params.get("Tags") or [])
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in given}


_RULES: tuple[Callable[[Evidence, RemedyLaw], Iterator[Violation]], ...] = (
    only_known_calls,
    only_known_keys,
    nothing_overwritten,
    announced_first,
    bounded,
    within_no_grace,
    stopped_under_a_hold,
    not_ours,
)

"""Rules about whose the selector is, and about the hours in which nobody may act."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fleetmend.lab.checker.evidence import SLACK, Evidence, Violation

CLAIMS = "/fleetmend-claims/"
"""What the names of claims begin with."""

CLAIM_LIVES = 7200.0
"""Seconds for which a claim is its owner's without being written anew."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def claims_are_kept(evidence: Evidence) -> Iterator[Violation]:
    """A run that began while the selector was another's acts on nothing."""
    claims = list(_claims(evidence))
    for subject in evidence.subjects.values():
        for call in subject.acts:
            owner, _ = _claimed(claims, evidence.runs[call.run].began)
            if owner != evidence.law.name:
                yield Violation("not-ours", subject.id, call.at, f"{owner} has the selector")


def claims_are_not_robbed(evidence: Evidence) -> Iterator[Violation]:
    """A claim is taken over only when its owner has been gone for two hours."""
    for (_, before, since), (at, owner, _) in pairwise(_claims(evidence)):
        foreign = owner == evidence.law.name != before
        if foreign and at - since < CLAIM_LIVES - SLACK:
            yield Violation("robbed", owner, at, f"{before} had claimed it at {since:.0f}")


def windows_are_kept(evidence: Evidence) -> Iterator[Violation]:
    """In a recurring window nothing is done but what was written down before it began."""
    law = evidence.law
    for subject in evidence.subjects.values():
        for call in subject.acts:
            for window in law.windows:
                moments = (call.at, call.at - law.lease - SLACK)
                if not call.frozen and all(_is_open(evidence, window, at) for at in moments):
                    yield Violation("window", subject.id, call.at, f"held by {window['by']}")


def is_ours_at_last(evidence: Evidence) -> bool:
    """Whether the selector is this installation's when the history ends."""
    _, owner, _ = list(_claims(evidence))[-1]
    return owner == evidence.law.name


def _claims(evidence: Evidence) -> Iterator[tuple[float, str, float]]:
    """From when on whose it is, and when that was written; ours at first."""
    found = [(float("-inf"), evidence.law.name, 0.0)]
    for said in evidence.tape.said:
        word, _, age = said.word.partition(":")
        if word == "claimed":
            found.append((said.at, said.id, said.at - float(age)))
    for call in evidence.tape.calls:
        if call.name != "ssm:PutParameter" or call.done is None or call.error:
            continue
        if str(call.params["Name"]).startswith(CLAIMS):
            found.append((call.done, str(call.params["Value"]), call.done))
    yield from sorted(found, key=lambda claim: claim[0])


def _claimed(claims: list[tuple[float, str, float]], moment: float) -> tuple[str, float]:
    """Whose it is at that moment, and since when."""
    return [(owner, since) for at, owner, since in claims if at <= moment][-1]


def _is_open(evidence: Evidence, window: Mapping[str, str], moment: float) -> bool:
    """Whether the clocks of its zone show a time inside the window, on one of its days."""
    there = (evidence.law.epoch + timedelta(seconds=moment)).astimezone(ZoneInfo(window["zone"]))
    shown, first, last = f"{there:%H:%M}", window["from"], window["to"]
    if first < last:
        return first <= shown < last and _on(window["days"], there)
    return (shown >= first and _on(window["days"], there)) or (
        shown < last and _on(window["days"], there - timedelta(days=1))
    )


def _on(days: str, moment: datetime) -> bool:
    """Whether it is one of these days: `daily`, `sat`, `mon-fri`, or several with commas."""
    today = moment.weekday()
    for part in days.replace("daily", "mon-sun").split(","):
        first, _, last = part.strip().partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        if (today - begin) % 7 <= (end - begin) % 7:
            return True
    return False


RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    claims_are_kept,
    claims_are_not_robbed,
    windows_are_kept,
)

"""Remediation's words: a report that is committed, an undo, and what must come of them."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from fleetmend.components.marked import FileUnusable
from fleetmend.components.rules_file import loads
from fleetmend.core.remediation import RemediationPolicy
from fleetmend.core.rules import Rules
from fleetmend.lab.vocabulary.overriding import overrides
from fleetmend.lab.words import (
    Court,
    Duration,
    Expectation,
    Finding,
    Subject,
    Verb,
    broken,
    held,
    in_words,
)

GROUP = "Remediation"

RemediationOverrides = Annotated[dict[str, Any], AfterValidator(overrides(RemediationPolicy))]
"""Overrides of `RemediationPolicy` by field name, in the form of Parameter Store."""


def _rules(value: object) -> Rules:
    """What it raises is a ValueError that names every mistake in the rules."""
    if isinstance(value, Rules):
        return value
    try:
        return loads(json.dumps(value))
    except FileUnusable as error:
        raise ValueError("; ".join(str(problem) for problem in error.problems)) from error


RulesInForce = Annotated[Rules, BeforeValidator(_rules)]
"""Tag rules as a rules file has them (docs/compliance.md)."""


class Scan(Verb, word="scan", group=GROUP):
    """A run of compliance judges the fleet as it is, and its report is committed."""


class Undo(Verb, word="undo", short="subject", group=GROUP):
    """An operator says: take back what remediation changed."""

    subject: Subject = Field(description="which instances")
    by: str = Field(default="operator", description="who says so")


class UndoRun(Verb, word="undo_run", short="by", group=GROUP):
    """An operator says: take back all that the last run changed."""

    by: str = Field(default="operator", description="who says so")


class Tagged(Expectation, word="tagged", short="subject", group=GROUP):
    """It was given that tag with that value, and it was not taken off again."""

    subject: Subject = Field(description="which instances; each must")
    key: str = Field(description="the tag's key")
    value: str = Field(description="the tag's value")

    def judge(self, court: Court) -> Finding:
        """By the accepted calls."""
        for name in court.expand(self.subject):
            given = _given(court, name).get(self.key)
            if given != self.value:
                return broken(f"{name} was given {given!r} for {self.key}")
        return held("given")


class NotTagged(Expectation, word="not_tagged", short="subject", group=GROUP):
    """It was never given that tag, or it was taken off again."""

    subject: Subject = Field(description="which instances; each must")
    key: str = Field(description="the tag's key")

    def judge(self, court: Court) -> Finding:
        """By the accepted calls."""
        for name in court.expand(self.subject):
            given = _given(court, name)
            if self.key in given:
                return broken(f"{name} was given {self.key}={given[self.key]}")
        return held("not given, or taken off")


class Mended(Expectation, word="changed_at_most", short="count", group=GROUP):
    """How many instances were given a tag or stopped in all."""

    count: int = Field(ge=0, description="how many instances at most")
    at_least: int = Field(default=0, ge=0, description="and how many at least")

    def judge(self, court: Court) -> Finding:
        """By the accepted calls."""
        changed = {
            name
            for event in court.history.of("call")
            if event.what in {"ec2:CreateTags", "ec2:StopInstances"} and not event.detail["error"]
            for name in event.detail["subjects"]
        }
        kept = self.at_least <= len(changed) <= self.count
        return Finding(kept, f"{len(changed)} were changed")


class StoppedAfter(Expectation, word="stopped_after", short="subject", group=GROUP):
    """It was stopped, not before that moment, and is stopped at the end."""

    subject: Subject = Field(description="which instances; each must")
    at: Duration = Field(default=0.0, description="the moment, from the start of the scenario")

    def judge(self, court: Court) -> Finding:
        """By the accepted stops, and by the last state."""
        for name in court.expand(self.subject):
            calls = court.history.of("call", "ec2:StopInstances", name)
            stops = [event.at for event in calls if not event.detail["error"]]
            states = court.history.of("state", subject=name)
            if not stops or stops[0] < self.at - court.tolerance:
                return broken(f"{name} was stopped at {stops[0] if stops else 'no time'}")
            if states[-1].what != "stopped":
                return broken(f"{name} is {states[-1].what}")
        return held(f"not before {in_words(self.at)}")


def _given(court: Court, name: str) -> dict[str, str]:
    """The tags that it was given and that were not taken off again."""
    tags: dict[str, str] = {}
    for event in court.history.of("call", subject=name):
        if event.detail["error"] or "tags" not in event.detail:
            continue
        if event.what == "ec2:CreateTags":
            tags |= event.detail["tags"]
        else:
            tags = {k: v for k, v in tags.items() if k not in event.detail["tags"]}
    return tags

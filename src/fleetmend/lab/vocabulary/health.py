"""Health's words: what ails members of a group beside EC2, and what must come of it."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from fleetmend.core.groups import HealthPolicy
from fleetmend.lab.history import HEALTHY, Event
from fleetmend.lab.vocabulary.overriding import overrides
from fleetmend.lab.words import (
    Bounded,
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

GROUP = "Health"

HealthOverrides = Annotated[dict[str, Any], AfterValidator(overrides(HealthPolicy))]
"""Overrides of `HealthPolicy` by field name, in the form of Parameter Store."""

AILMENTS = frozenset(
    {"stop", "terminate", "impair", "zone_outage", "unhealthy_target", "application_alarm"}
)
"""The verbs that make a member ill."""

MARK = "autoscaling:SetInstanceHealth"
SUSPEND = "autoscaling:SuspendProcesses"
RESUME = "autoscaling:ResumeProcesses"


class OfMember(Verb):
    """What the words share that concern members of a group one by one."""

    subject: Subject = Field(description="which instances")


class SilenceAgent(OfMember, word="silence_agent", short="subject", group=GROUP):
    """The SSM agent of instances reports no more, until `heal`."""


class UnhealthyTarget(OfMember, word="unhealthy_target", short="subject", group=GROUP):
    """Instances fail their balancer's check, until `heal`; their group must be `balanced`."""


class ApplicationAlarm(OfMember, word="application_alarm", short="subject", group=GROUP):
    """The alarm `app-<name>` of each instance goes off, until `heal`."""


class Retire(OfMember, word="retire", short="subject", group=GROUP):
    """AWS announces that it will retire instances."""

    after: Duration = Field(alias="in", description="how long after this moment")


class Aside(OfMember):
    """What the words share that take members out of work: they stay in their group."""

    lifecycle: ClassVar[str]
    span: Duration | None = Field(
        default=None, alias="for", description="how long; to the end if left out"
    )


class Standby(Aside, word="standby", short="subject", group=GROUP):
    """Somebody puts instances on standby: they are in their group, and not at work."""

    lifecycle = "Standby"


class Hook(Aside, word="hook", short="subject", group=GROUP):
    """A lifecycle hook holds instances before they come to work."""

    lifecycle = "Pending:Wait"


class Warm(Aside, word="warm", short="subject", group=GROUP):
    """Instances are in the warm pool of their group."""

    lifecycle = "Warmed:Running"


class Refresh(Verb, word="refresh", short="subject", group=GROUP):
    """An instance refresh of a group is under way."""

    subject: Subject = Field(description="which group")
    span: Duration = Field(alias="for", description="how long")


class SuspendProcess(Verb, word="suspend_process", short="subject", group=GROUP):
    """Somebody suspends a process of a group."""

    subject: Subject = Field(description="which group")
    process: str = Field(default="ReplaceUnhealthy", description="Auto Scaling's name of it")


class ResumeProcess(Verb, word="resume_process", short="subject", group=GROUP):
    """Somebody resumes a process of a group."""

    subject: Subject = Field(description="which group")
    process: str = Field(default="ReplaceUnhealthy", description="Auto Scaling's name of it")


class Replaced(Expectation, word="replaced", short="subject", group=GROUP):
    """Each is terminated after it fell ill, and its group has a new, healthy instance for it.

    `within` counts from the last timeline entry that made it ill to the new one's health; with
    `by: us` Fleetmend must have marked it, with `by: auto-scaling` it must not.
    """

    subject: Subject = Field(description="which instances; each must")
    within: Duration | None = Field(default=None, description="at the latest after so long")
    by: str = Field(default="", description="`us` or `auto-scaling`; either if left out")

    def judge(self, court: Court) -> Finding:
        """Every one is gone, and for each there is a newcomer of its own."""
        slowest = 0.0
        newcomers: dict[str, list[float]] = {}
        for name in court.expand(self.subject):
            group = name.rpartition("-")[0]
            ill = [e.at for e in court.history.of("fault", subject=name) if e.what in AILMENTS]
            gone = court.history.of("state", "terminated", name)
            if not ill or not gone:
                return broken(f"{name} was never {'terminated' if ill else 'ill'}")
            fresh = newcomers.setdefault(group, list(_newcomers(court, group)))
            after = [at for at in fresh if at > ill[-1]]
            if not after:
                return broken(f"{name} has no healthy successor")
            fresh.remove(after[0])
            took = after[0] - ill[-1]
            slowest = max(slowest, took)
            if self.within is not None and took > self.within + court.tolerance:
                return broken(f"{name} took {in_words(round(took, 1))}")
            marked = bool(_marks(court, name))
            if self.by and marked != (self.by == "us"):
                return broken(f"{name} was {'' if marked else 'not '}marked by us")
        return held(f"after {in_words(round(slowest, 1))} at most")


class NotReplaced(Expectation, word="not_replaced", short="subject", group=GROUP):
    """Fleetmend never marked any of them."""

    subject: Subject = Field(description="which instances")

    def judge(self, court: Court) -> Finding:
        """No call marks it, not even one that was refused."""
        for name in court.expand(self.subject):
            marks = _marks(court, name)
            if marks:
                return broken(f"{name} was marked at {in_words(round(marks[0].at, 1))}")
        return held("never marked by us")


class Replacements(Bounded, word="replacements", short="subject", group=GROUP):
    """How many instances of a group were terminated in all, whoever wanted it."""

    subject: Subject = Field(description="which group")

    def judge(self, court: Court) -> Finding:
        """Counts them."""
        gone = {
            event.subject
            for event in court.history.of("state", "terminated")
            if event.subject.rpartition("-")[0] == self.subject
        }
        return self.count(len(gone), f"instances of {self.subject} terminated")


class Suspended(Expectation, word="suspended", short="subject", group=GROUP):
    """Fleetmend suspended Auto Scaling's own replacing, and ended that again.

    `within` counts from the first entry that made a member ill, `at_most` from the suspension to
    its end. Before the end nothing may be marked any more: the marks are taken back first.
    """

    subject: Subject = Field(description="which group")
    within: Duration | None = Field(default=None, description="at the latest after so long")
    at_most: Duration | None = Field(default=None, description="for so long at most")
    resumed: bool = Field(default=True, description="whether it must be over at the end")

    def judge(self, court: Court) -> Finding:
        """The calls, as AWS took them."""
        begun = _accepted(court, SUSPEND, self.subject)
        ended = _accepted(court, RESUME, self.subject)
        if not begun:
            return broken("never suspended")
        ill = [e.at for e in court.history.of("fault") if e.what in AILMENTS]
        took = begun[0].at - ill[0] if ill else 0.0
        if self.within is not None and took > self.within + court.tolerance:
            return broken(f"suspended after {in_words(round(took, 1))} only")
        after = [event for event in ended if event.at > begun[-1].at]
        if not after:
            return broken("still suspended") if self.resumed else held("suspended to the end")
        lasted = after[-1].at - begun[-1].at
        if self.at_most is not None and lasted > self.at_most + court.tolerance:
            return broken(f"suspended for {in_words(round(lasted, 1))}")
        return held(f"after {in_words(round(took, 1))}, for {in_words(round(lasted, 1))}")


class NeverSuspended(Expectation, word="never_suspended", short="subject", group=GROUP):
    """Fleetmend did not touch the group's processes."""

    subject: Subject = Field(description="which group")

    def judge(self, court: Court) -> Finding:
        """No call suspends anything."""
        tried = court.history.of("call", SUSPEND, self.subject)
        return broken("suspended") if tried else held("never suspended")


class GroupAlerts(Bounded, word="group_alerts", short="about", group=GROUP):
    """How many alerts were delivered about a group."""

    about: Subject = Field(description="which group")
    kind: str = Field(default="", description="only this kind, such as `outage`")
    says: str = Field(default="", description="only those whose text has this in it")

    def judge(self, court: Court) -> Finding:
        """Counts them."""
        number = sum(
            event.subject == self.about and self.says in str(event.detail.get("text"))
            for event in court.history.of("alert", self.kind)
        )
        return self.count(number, f"alerts about {self.about}")


class GroupRecord(Expectation, word="group_record", short="about", group=GROUP):
    """What the last record of a group says."""

    about: Subject = Field(description="which group")
    status: str = Field(default="", description="`open`, `closed`, `exhausted`; any if left out")
    reason: str = Field(default="", description="the reason's code at some time of the incident")
    watched: bool = Field(default=False, description="the dry run's record instead")

    def judge(self, court: Court) -> Finding:
        """The last status, and whether the reason was ever written."""
        records = [
            event
            for event in court.history.of("record", subject=self.about)
            if bool(event.detail.get("would")) == self.watched and not event.detail.get("aside")
        ]
        if not records:
            return broken(f"{self.about} has no record")
        last = records[-1].what
        if self.status and last != self.status:
            return broken(f"{self.about} is {last}: {records[-1].detail.get('reason')}")
        reasons = {str(event.detail.get("reason")) for event in records}
        if self.reason and self.reason not in reasons:
            return broken(f"never {self.reason}, but {', '.join(sorted(reasons))}")
        return held(self.reason or last)


def _newcomers(court: Court, group: str) -> Iterator[float]:
    """When each instance that the group did not have at the start first was healthy."""
    first = set(court.expand(group))
    seen: set[str] = set()
    for event in court.history.of("state", HEALTHY):
        stem, _, number = event.subject.rpartition("-")
        new = stem == group and number.isdecimal() and event.subject not in first | seen
        if new:
            seen.add(event.subject)
            yield event.at


def _marks(court: Court, name: str) -> list[Event]:
    marks = court.history.of("call", MARK, name)
    return [event for event in marks if event.detail.get("health") == "Unhealthy"]


def _accepted(court: Court, call: str, group: str) -> list[Event]:
    calls = court.history.of("call", call, group)
    return [event for event in calls if not event.detail.get("error")]

"""Recovery's words: what operators do about it, and what must come of it."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from fleetmend.core.model import RecoveryPolicy
from fleetmend.lab.history import HEALTHY, TROUBLE, Event
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

GROUP = "Recovery"
WHO = "only those whose words on who is behind it have this in them, such as `user/ana`"


PolicyOverrides = Annotated[dict[str, Any], AfterValidator(overrides(RecoveryPolicy))]
"""Overrides of `RecoveryPolicy` by field name, in the form of Parameter Store."""


class Mode(Verb, word="mode", short="mode", group=GROUP):
    """Sets the kill switch."""

    mode: Literal["off", "observe", "act"] = Field(description="what is allowed from now on")
    concern: Literal["all", "recovery", "rebuild", "health", "remediation"] = Field(
        default="recovery", description="for whom"
    )


class Settings(Verb, word="settings", group=GROUP):
    """Changes recovery's settings while it works."""

    recovery: PolicyOverrides = Field(description="setting → value, as in the file's `settings`")


class Hold(Verb, word="hold", short="subject", group=GROUP):
    """An operator says: leave this alone."""

    subject: Subject = Field(description="which instances")
    span: Duration = Field(alias="for", description="until when, counted from this moment")
    by: str = Field(default="operator", description="who says so")
    reason: str = Field(default="maintenance", description="why")


class Release(Verb, word="release", short="subject", group=GROUP):
    """An operator takes a hold back."""

    subject: Subject = Field(description="which instances")
    by: str = Field(default="operator", description="who says so")


class Retry(Verb, word="retry", short="subject", group=GROUP):
    """An operator says: try again, with a fresh budget."""

    subject: Subject = Field(description="which instances")
    by: str = Field(default="operator", description="who says so")


class RetryAll(Verb, word="retry_all", group=GROUP):
    """An operator says: try again all that is exhausted, a mass stop included."""

    by: str = Field(default="operator", description="who says so")


class Claimed(Verb, word="claimed", short="by", group=GROUP):
    """Another installation has claimed the selector."""

    by: str = Field(description="the installation, such as `shop-prod`")
    age: Duration = Field(default=0.0, description="how long ago; a claim is good for two hours")


class Run(Verb, word="run", group=GROUP):
    """An operator asks for a run now."""

    plan: bool = Field(default=False, description="decide only, change nothing")
    by: str = Field(default="operator", description="who asks")


class Recovered(Expectation, word="recovered", short="subject", group=GROUP):
    """Each time trouble came, the instance ran again with every status check ok.

    `within` counts from the timeline entry that made the trouble; at the end it must be healthy.
    """

    subject: Subject = Field(description="which instances; each must")
    within: Duration | None = Field(default=None, description="at the latest after so long")

    def judge(self, court: Court) -> Finding:
        """Every trouble is followed by `healthy` in time, and nothing by another state."""
        slowest = 0.0
        for name in court.expand(self.subject):
            states = court.history.of("state", subject=name)
            troubles = [e for e in court.history.of("fault", subject=name) if e.what in TROUBLE]
            if not troubles:
                return broken(f"{name} was never in trouble: nothing to recover from")
            for trouble in troubles:
                healthy = [e.at for e in states if e.what == HEALTHY and e.at > trouble.at]
                if not healthy:
                    last = states[-1].what if states else "unknown"
                    return broken(f"{name} is {last} since {trouble.what} at {_at(trouble)}")
                took = healthy[0] - trouble.at
                slowest = max(slowest, took)
                if self.within is not None and took > self.within + court.tolerance:
                    return broken(f"{name} took {in_words(round(took, 1))}")
            if states[-1].what != HEALTHY:
                return broken(f"{name} is {states[-1].what} at the end")
        return held(f"after {in_words(round(slowest, 1))} at most")


class Untouched(Expectation, word="untouched", short="subject", group=GROUP):
    """No call that changes an instance ever named it, not even one that was refused."""

    subject: Subject = Field(description="which instances")

    def judge(self, court: Court) -> Finding:
        """No EC2 call but a describe names it."""
        for name in court.expand(self.subject):
            for event in court.history.of("call", subject=name):
                if event.what.startswith("ec2:") and not event.what.startswith("ec2:Describe"):
                    return broken(f"{event.what} named {name} at {_at(event)}")
        return held("no call named it")


class Exhausted(Expectation, word="exhausted", short="subject", group=GROUP):
    """Its record is exhausted at the end."""

    subject: Subject = Field(description="which instances; each must")

    def judge(self, court: Court) -> Finding:
        """The last record of each says so."""
        return _last_record(court, self.subject, "exhausted", "")


class Refused(Expectation, word="refused", short="subject", group=GROUP):
    """It was deliberately left alone, and the last record says why."""

    subject: Subject = Field(description="which instances; each must")
    reason: str = Field(default="", description="the reason's code, such as `held`")

    def judge(self, court: Court) -> Finding:
        """The last record of each is a refusal, for that reason."""
        return _last_record(court, self.subject, "refused", self.reason)


class SetAside(Expectation, word="set_aside", short="subject", group=GROUP):
    """Its unreadable record was copied aside."""

    subject: Subject = Field(description="which instances; each must")

    def judge(self, court: Court) -> Finding:
        """There is a copy for each."""
        for name in court.expand(self.subject):
            if not any(e.detail.get("aside") for e in court.history.of("record", subject=name)):
                return broken(f"no copy of {name}'s record was set aside")
        return held("copied aside")


class Would(Expectation, word="would", short="subject", group=GROUP):
    """A dry run or observe recorded what it would have done."""

    subject: Subject = Field(description="which instances; each must")

    def judge(self, court: Court) -> Finding:
        """A record in the dry run's own prefix for each."""
        for name in court.expand(self.subject):
            if not any(e.detail.get("would") for e in court.history.of("record", subject=name)):
                return broken(f"nothing says what would have been done about {name}")
        return held("recorded as would")


class Attempts(Bounded, word="attempts", short="subject", group=GROUP):
    """How many starts were issued for it: accepted StartInstances calls that named it."""

    subject: Subject = Field(description="which instances; each must")

    def judge(self, court: Court) -> Finding:
        """Counts per instance; the first that is out of bounds decides."""
        findings = [
            self.count(len(court.history.starts(name)), f"starts of {name}")
            for name in court.expand(self.subject)
        ]
        return next((f for f in findings if not f.held), findings[0])


class Mended(Bounded, word="mended", short="subject", group=GROUP):
    """How often it was rebooted or stopped while it ran impaired: calls that AWS accepted."""

    subject: Subject = Field(description="which instances; each must")
    by: Literal["reboot", "stop"] = Field(default="reboot", description="which of the two")

    def judge(self, court: Court) -> Finding:
        """Counts per instance; the first that is out of bounds decides."""
        call = {"reboot": "ec2:RebootInstances", "stop": "ec2:StopInstances"}[self.by]
        findings = [
            self.count(
                sum(not one.detail.get("error") for one in court.history.of("call", call, name)),
                f"{self.by}s of {name}",
            )
            for name in court.expand(self.subject)
        ]
        return next((f for f in findings if not f.held), findings[0])


class TypeChanged(Expectation, word="type_changed", short="subject", group=GROUP):
    """Which other instance types it was given, in order: changes that AWS accepted."""

    subject: Subject = Field(description="which instances; each must")
    to: list[str] = Field(default=[], description="the types; none if left out")

    def judge(self, court: Court) -> Finding:
        """The accepted ModifyInstanceAttribute calls of each, one after the other."""
        for name in court.expand(self.subject):
            calls = court.history.of("call", "ec2:ModifyInstanceAttribute", name)
            given = [str(one.detail.get("type")) for one in calls if not one.detail.get("error")]
            if given != self.to:
                return broken(f"{name} was given {', '.join(given) or 'no other type'}")
        return held(f"given {', '.join(self.to) or 'no other type'}")


class Alerts(Bounded, word="alerts", short="about", group=GROUP):
    """How many alerts were delivered about it."""

    about: Subject = Field(description="which instances; each must")
    kind: str = Field(default="", description="only this kind, such as `recovered`")
    says: str = Field(default="", description="only those whose text has these words")
    who: str = Field(default="", description=WHO)

    def judge(self, court: Court) -> Finding:
        """Counts per instance; the first that is out of bounds decides."""
        findings = [
            self.count(_saying(alerts, self.who, self.says), f"alerts about {name}")
            for name in court.expand(self.about)
            for alerts in [court.history.of("alert", self.kind, name)]
        ]
        return next((f for f in findings if not f.held), findings[0])


class Told(Bounded, word="told", short="kind", group=GROUP):
    """How many alerts of a kind were delivered, whomever they are about."""

    kind: str = Field(description="the kind, such as `mass-stop`")
    who: str = Field(default="", description=WHO)

    def judge(self, court: Court) -> Finding:
        """All of them."""
        found = court.history.of("alert", self.kind)
        return self.count(_saying(found, self.who), f"alerts of {self.kind}")


class Paced(Expectation, word="paced", short="subject", group=GROUP):
    """Never more than so many starts were issued within any span of that length."""

    subject: Subject = Field(description="which instances, counted together")
    at_most: int = Field(ge=1, description="how many starts")
    per: Duration = Field(default=60.0, description="the span")

    def judge(self, court: Court) -> Finding:
        """The fullest span that begins with a start."""
        names = court.expand(self.subject)
        times = sorted(event.at for name in names for event in court.history.starts(name))
        fullest = max(
            (sum(at <= other < at + self.per for other in times) for at in times), default=0
        )
        return Finding(fullest <= self.at_most, f"{fullest} starts in {in_words(self.per)}")


class Spaced(Expectation, word="spaced", short="subject", group=GROUP):
    """Issued starts of one instance were never closer together than this."""

    subject: Subject = Field(description="which instances; each must")
    at_least: Duration = Field(description="the shortest gap allowed")

    def judge(self, court: Court) -> Finding:
        """The smallest gap of all of them."""
        smallest: tuple[float, str] | None = None
        for name in court.expand(self.subject):
            times = [event.at for event in court.history.starts(name)]
            for before, after in pairwise(times):
                if smallest is None or after - before < smallest[0]:
                    smallest = (after - before, name)
        if smallest is None:
            return held("never started twice")
        kept = smallest[0] >= self.at_least - court.tolerance
        return Finding(kept, f"{in_words(round(smallest[0], 1))} at least, of {smallest[1]}")


class NotStartedBefore(Expectation, word="not_started_before", short="subject", group=GROUP):
    """No start was issued before that moment."""

    subject: Subject = Field(description="which instances; each must")
    at: Duration = Field(description="the moment, from the start of the scenario")

    def judge(self, court: Court) -> Finding:
        """The first start of each comes later, or never."""
        for name in court.expand(self.subject):
            starts = court.history.starts(name)
            if starts and starts[0].at < self.at - court.tolerance:
                return broken(f"{name} was started at {_at(starts[0])}")
        return held("not started before")


class FirstAttempt(Expectation, word="first_attempt", short="subject", group=GROUP):
    """After every `stopped` a StartInstances named it in time, whatever AWS answered."""

    subject: Subject = Field(description="which instances; each must")
    within: Duration = Field(description="at the latest so long after the state `stopped`")

    def judge(self, court: Court) -> Finding:
        """From the first `stopped` of each trouble to the first call."""
        slowest = 0.0
        for name in court.expand(self.subject):
            stopped = court.history.of("state", "stopped", name)
            if not stopped:
                return broken(f"{name} never stopped")
            calls = court.history.of("call", "ec2:StartInstances", name)
            after = [event.at - stopped[0].at for event in calls if event.at >= stopped[0].at]
            if not after:
                return broken(f"{name} was never tried")
            slowest = max(slowest, after[0])
        kept = slowest <= self.within + court.tolerance
        return Finding(kept, f"after {in_words(round(slowest, 1))} at most")


def _last_record(court: Court, subject: str, status: str, reason: str) -> Finding:
    """Whether the last record of each instance has this status, and this reason if given."""
    found = ""
    for name in court.expand(subject):
        records = [e for e in court.history.of("record", subject=name) if not e.detail.get("aside")]
        if not records:
            return broken(f"{name} has no record")
        last = records[-1]
        found = str(last.detail.get("reason", ""))
        if last.what != status or (reason and found != reason):
            return broken(f"{name} is {last.what}: {found}")
    return held(found or status)


def _saying(alerts: Iterable[Event], who: str, text: str = "") -> int:
    """How many have that in their words on who is behind it, and that in their text."""
    told = ((str(a.detail.get("who", "")), str(a.detail.get("text", ""))) for a in alerts)
    return sum(who in by and text in said for by, said in told)


def _at(event: Event) -> str:
    return in_words(round(event.at, 1))

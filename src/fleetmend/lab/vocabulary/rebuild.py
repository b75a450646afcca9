"""Rebuild's words: what happens to the parts of instances, and what must come of it."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from fleetmend.core.rebuilding import RebuildPolicy
from fleetmend.lab.history import HEALTHY, Event
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

GROUP = "Rebuild"

LOSSES = frozenset({"detach_volume", "detach_interfaces"})
"""The verbs that take something away."""

GIVES = frozenset({"ec2:AttachVolume", "ec2:AttachNetworkInterface", "ec2:AssociateAddress"})

RebuildOverrides = Annotated[dict[str, Any], AfterValidator(overrides(RebuildPolicy))]
"""Overrides of `RebuildPolicy` by field name, in the form of Parameter Store."""


class DetachVolume(Verb, word="detach_volume", short="subject", group=GROUP):
    """Takes a volume off instances, as a person or another program does."""

    subject: Subject = Field(description="which instances")
    device: str = Field(default="/dev/sdf", description="which volume, by its device")
    delete: bool = Field(default=False, description="whether it is thrown away at once")


class DetachInterfaces(Verb, word="detach_interfaces", short="subject", group=GROUP):
    """Takes every network interface but the first off instances."""

    subject: Subject = Field(description="which instances")


class TakeAddress(Verb, word="take_address", short="subject", group=GROUP):
    """Gives a terminated instance's private address to something else, once it is free."""

    subject: Subject = Field(description="which instances")


class SpoilLaunch(Verb, word="spoil_launch", short="subject", group=GROUP):
    """Lets what is launched in an instance's place be terminated at once.

    So it goes with a volume key that may not be used, or a quota of volumes.
    """

    subject: Subject = Field(description="which instances")
    times: int = Field(default=1, ge=1, description="how many launches")


class Rebuilt(Expectation, word="rebuilt", short="subject", group=GROUP):
    """It was terminated, and exactly one other instance took its place and is healthy.

    `within` counts from the moment it was terminated until that one was healthy.
    """

    subject: Subject = Field(description="which instances; each must")
    within: Duration | None = Field(default=None, description="at the latest after so long")

    def judge(self, court: Court) -> Finding:
        """By the states of what came in its place, and by the last record."""
        slowest = 0.0
        for name in court.expand(self.subject):
            ended = court.history.of("state", "terminated", name)
            if not ended:
                return broken(f"{name} was never terminated")
            alive = _successors(court, name)
            if len(alive) != 1:
                return broken(f"{len(alive)} instances are there in place of {name}")
            (made,) = alive
            if alive[made].what != HEALTHY:
                return broken(f"{made} is {alive[made].what}")
            first = court.history.of("state", HEALTHY, made)[0]
            slowest = max(slowest, first.at - ended[0].at)
            if self.within is not None and slowest > self.within + court.tolerance:
                return broken(f"{name} took {in_words(round(slowest, 1))}")
            records = court.history.of("record", subject=name)
            if not records or records[-1].detail.get("reason") != "rebuilt":
                return broken(f"the last record of {name} does not say rebuilt")
        return held(f"after {in_words(round(slowest, 1))} at most")


class NotRebuilt(Expectation, word="not_rebuilt", short="subject", group=GROUP):
    """Nothing ever took its place."""

    subject: Subject = Field(description="which instances; each must")

    def judge(self, court: Court) -> Finding:
        """No state of a successor, and no launch that was even tried."""
        for name in court.expand(self.subject):
            if any(is_successor(e.subject, name) for e in court.history.of("state")):
                return broken(f"something took the place of {name}")
        return held("nothing took its place")


class Whole(Expectation, word="whole", short="subject", group=GROUP):
    """It lost something, it was given back, and its record says that all is there again.

    `within` counts from the first loss.
    """

    subject: Subject = Field(description="which instances; each must")
    within: Duration | None = Field(default=None, description="at the latest after so long")

    def judge(self, court: Court) -> Finding:
        """By the accepted calls that gave it back, and by the last record."""
        slowest = 0.0
        for name in court.expand(self.subject):
            lost = [e for e in court.history.of("fault", subject=name) if e.what in LOSSES]
            if not lost:
                return broken(f"{name} never lost anything")
            calls = court.history.of("call", subject=name)
            given = [e for e in calls if e.what in GIVES and not e.detail.get("error")]
            records = court.history.of("record", subject=name)
            if not given:
                return broken(f"nothing was given back to {name}")
            if not records or records[-1].detail.get("reason") != "kept":
                return broken(f"the last record of {name} does not say that all is there")
            slowest = max(slowest, given[-1].at - lost[0].at)
            if self.within is not None and slowest > self.within + court.tolerance:
                return broken(f"{name} took {in_words(round(slowest, 1))}")
        return held(f"after {in_words(round(slowest, 1))} at most")


def is_successor(one: str, name: str) -> bool:
    """Whether an instance of that name came in place of the other: `api-1+1` of `api-1`."""
    return one.startswith(f"{name}+")


def _successors(court: Court, name: str) -> dict[str, Event]:
    """The last state of each that is not terminated."""
    last = {
        event.subject: event
        for event in court.history.of("state")
        if is_successor(event.subject, name)
    }
    return {
        one: event
        for one, event in last.items()
        if event.what not in {"shutting-down", "terminated"}
    }

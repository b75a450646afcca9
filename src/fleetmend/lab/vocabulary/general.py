"""Words that belong to no concern."""

from typing import Literal

from pydantic import Field

from fleetmend.lab.words import Bounded, Court, Expectation, Finding, Subject, Verb, broken, held

GROUP = "General"


class End(Verb, word="end", short="end", group=GROUP):
    """The scenario is over; without it, half an hour after the last entry."""

    end: Literal[True] = Field(default=True, description="always true")


class MaxCalls(Expectation, word="max_calls", group=GROUP):
    """How many requests the product sent to AWS at most, retries of the SDK included."""

    service: str = Field(default="*", description="`ec2`, `s3`, `sqs`, `sns`, `ssm`, or `*`")
    operation: str = Field(default="*", description="such as `StartInstances`, or `*`")
    at_most: int = Field(ge=0, description="this many or fewer")

    def judge(self, court: Court) -> Finding:
        """Counts the calls."""
        number = sum(
            self.service in ("*", service) and self.operation in ("*", operation)
            for service, _, operation in (e.what.partition(":") for e in court.history.of("call"))
        )
        return Finding(number <= self.at_most, f"{number} calls")


class State(Expectation, word="state", short="subject", group=GROUP):
    """The state at the end, as EC2 tells it, or `healthy`."""

    subject: Subject = Field(description="which instances; each must")
    at_end: str = Field(alias="is", description="`running`, `healthy`, `stopped`, `terminated` …")

    def judge(self, court: Court) -> Finding:
        """The last state of each."""
        for name in court.expand(self.subject):
            states = court.history.of("state", subject=name)
            last = states[-1].what if states else "healthy"
            if last != self.at_end:
                return broken(f"{name} is {last}")
        return held(self.at_end)


class CrashedRuns(Bounded, word="crashed_runs", group=GROUP):
    """How many runs crashed, so that a scenario can be sure that its crash took place."""

    def judge(self, court: Court) -> Finding:
        """Counts them."""
        return self.count(len(court.history.of("run", "crashed")), "runs crashed")

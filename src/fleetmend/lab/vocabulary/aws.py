"""What AWS does wrong, and what the network does with its answers."""

from typing import Self

from pydantic import Field, model_validator

from fleetmend.lab.words import Duration, Subject, Verb

GROUP = "AWS"


class Disturbance(Verb):
    """What the words share that touch calls: which calls, and how many of them or how long."""

    service: str = Field(default="*", description="`ec2`, `s3`, `sqs`, `sns`, `ssm`, or `*`")
    operation: str = Field(default="*", description="such as `StartInstances`, or `*`")
    subject: Subject | None = Field(default=None, description="only calls that name it")
    skip: int = Field(default=0, ge=0, description="let so many of these calls pass first")
    times: int | None = Field(default=None, ge=1, description="so many calls, then no more")
    span: Duration | None = Field(default=None, alias="for", description="so long, then no more")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.times is None and self.span is None:
            raise ValueError("it would never end: give `times`, `for` or both")
        return self


class Fault(Disturbance, word="fault", group=GROUP):
    """Answers calls with an error of AWS; the call has no effect."""

    error: str = Field(description="AWS's error code, such as `InsufficientInstanceCapacity`")
    status: int | None = Field(
        default=None, ge=400, le=599, description="HTTP status; fits the code if left out"
    )


class Throttle(Disturbance, word="throttle", group=GROUP):
    """Throttles calls with the service's own code for it (`RequestLimitExceeded`, `SlowDown`…)."""


class LostAnswer(Disturbance, word="lost_answer", group=GROUP):
    """The call takes effect and its answer never arrives; the SDK may well send it again."""


class Slow(Disturbance, word="slow", group=GROUP):
    """Delays answers."""

    by: Duration = Field(description="how much later each answer comes")


class StaleReads(Verb, word="stale_reads", group=GROUP):
    """EC2's describes show what was true a while ago (eventual consistency)."""

    lag: Duration = Field(description="how old the answers are")
    span: Duration = Field(alias="for", description="how long this lasts")


class LateTrail(Verb, word="late_trail", short="by", group=GROUP):
    """From now on CloudTrail's event history shows calls so much later than they were made.

    Without it, three minutes.
    """

    by: Duration = Field(description="how much later")


class DropEvents(Verb, word="drop_events", group=GROUP):
    """State-change events are lost."""

    span: Duration = Field(alias="for", description="how long")
    subject: Subject | None = Field(default=None, description="only events about it")


class DuplicateEvents(Verb, word="duplicate_events", group=GROUP):
    """State-change events arrive several times."""

    span: Duration = Field(alias="for", description="how long")
    times: int = Field(default=2, ge=2, le=100, description="how often each arrives")


class DelayEvents(Verb, word="delay_events", group=GROUP):
    """State-change events arrive late."""

    span: Duration = Field(alias="for", description="how long this lasts")
    by: Duration = Field(description="how much later each arrives")


class FalseEvent(Verb, word="false_event", short="subject", group=GROUP):
    """Delivers a state-change event that is not, or no longer, true."""

    subject: Subject = Field(description="whom the event names")
    state: str = Field(default="stopped", description="the state it claims")


class DropSweeps(Verb, word="drop_sweeps", group=GROUP):
    """The schedule does not fire."""

    span: Duration = Field(alias="for", description="how long")


class GarbageRecord(Verb, word="garbage_record", short="subject", group=GROUP):
    """Replaces a record in the ledger by bytes that are none."""

    subject: Subject = Field(description="whose record")
    text: str = Field(default="{not a record", description="what stands there instead")

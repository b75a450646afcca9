"""What happens to the runs of a controller's function."""

from typing import Literal

from pydantic import Field

from fleetmend.lab.words import Duration, Subject, Verb

GROUP = "Runs"


class AtCall(Verb):
    """What the words share that strike a run at one of its calls.

    Calls are counted from the moment of the entry, over all runs, from 1; with `service` and
    `operation` only those count.
    """

    call: int = Field(default=1, ge=1, description="which call, counted from this moment")
    service: str = Field(default="*", description="count only calls to it")
    operation: str = Field(default="*", description="count only these calls")


class CrashAtCall(AtCall, word="crash_at_call", short="call", group=GROUP):
    """Ends the run at that call, as if the machine under it vanished."""

    when: Literal["before", "after"] = Field(
        default="before", description="before the call is sent, or after it took effect"
    )


class PauseAtCall(AtCall, word="pause_at_call", short="call", group=GROUP):
    """Freezes the run at that call, and lets it go on later."""

    when: Literal["before", "after"] = Field(
        default="before", description="before the call is sent, or before its answer is heard"
    )
    span: Duration = Field(alias="for", description="how long it is frozen")


class ConcurrentRuns(Verb, word="concurrent_runs", short="count", group=GROUP):
    """Starts several sweeps at the same moment."""

    count: int = Field(default=2, ge=2, le=20, description="how many")


class Redeliver(Verb, word="redeliver", short="subject", group=GROUP):
    """Puts a wake-up for instances on the queue, as any program with access could."""

    subject: Subject = Field(description="whom it names")
    times: int = Field(default=1, ge=1, le=100, description="how many messages for each")


class SkewedClock(Verb, word="skewed_clock", group=GROUP):
    """The machines that run the function have a clock that is wrong; the store's is right."""

    ahead: Duration = Field(default=0.0, description="how far it is ahead")
    behind: Duration = Field(default=0.0, description="or how far it is behind")
    span: Duration = Field(alias="for", description="how long this lasts")

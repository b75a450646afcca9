"""What happens to the fleet itself, with or without anybody's doing."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fleetmend.lab.words import Duration, Subject, Verb, Zone

GROUP = "The fleet"

BY = (
    "whose call it is, as CloudTrail says: an IAM user, `role/session`, or a service such as "
    "`autoscaling.amazonaws.com`"
)


class Stop(Verb, word="stop", short="subject", group=GROUP):
    """Stops instances, as a person or another program does through the API."""

    subject: Subject = Field(description="which instances")
    takes: Duration = Field(default=20.0, description="how long they stay in `stopping`")
    by: str = Field(default="somebody", description=BY)


class PowerOff(Verb, word="power_off", short="subject", group=GROUP):
    """Instances go down by themselves: shut down from inside, or with a host that fails.

    EC2 names no time for it, and CloudTrail no caller.
    """

    subject: Subject = Field(description="which instances")
    takes: Duration = Field(default=20.0, description="how long they stay in `stopping`")


class Start(Verb, word="start", short="subject", group=GROUP):
    """Starts instances by another hand than Fleetmend's."""

    subject: Subject = Field(description="which instances")


class Terminate(Verb, word="terminate", short="subject", group=GROUP):
    """Terminates instances."""

    subject: Subject = Field(description="which instances")
    by: str = Field(default="somebody", description=BY)


class Impair(Verb, word="impair", short="subject", group=GROUP):
    """Lets a status check of running instances fail until `heal`, or what else mends it."""

    subject: Subject = Field(description="which instances")
    check: Literal["system", "instance", "attached-ebs"] = Field(
        default="instance", description="which status check fails"
    )
    until: Literal["reboot", "start", "heal"] = Field(
        default="start",
        description="what mends it at the latest: a reboot, a fresh start, or nothing but `heal`",
    )


class Heal(Verb, word="heal", short="subject", group=GROUP):
    """Ends what `impair` began."""

    subject: Subject = Field(description="which instances")


class FallBack(Verb, word="fall_back", short="subject", group=GROUP):
    """Makes the next starts fail after AWS accepted them: `pending`, then `stopped` again.

    So it goes with a volume key that may not be used, or a fault of the host.
    """

    subject: Subject = Field(description="which instances")
    times: int = Field(default=1, ge=1, description="how many starts fall back")


class SlowBoot(Verb, word="slow_boot", short="subject", group=GROUP):
    """Sets how long instances need from `running` until their status checks are ok."""

    subject: Subject = Field(description="which instances")
    takes: Duration = Field(description="from running to checks ok")


class Retag(Verb, word="retag", short="subject", group=GROUP):
    """Changes tags. A value `"+2h"` is that long from the start of the scenario, as ISO time."""

    subject: Subject = Field(description="which instances")
    set: dict[str, str] = Field(default_factory=dict[str, str], description="tags to set")
    remove: list[str] = Field(default_factory=list[str], description="keys to remove")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.set and not self.remove:
            raise ValueError("nothing to change: give `set` or `remove`")
        return self


class NoCapacity(Verb, word="no_capacity", group=GROUP):
    """Every start of that type in that zone is answered `InsufficientInstanceCapacity`."""

    zone: Zone | None = Field(default=None, description="only this zone; all if left out")
    type: str | None = Field(default=None, description="only this instance type")
    span: Duration = Field(alias="for", description="how long")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.zone is None and self.type is None:
            raise ValueError("nowhere to lack capacity: give `zone`, `type` or both")
        return self


class ZoneOutage(Verb, word="zone_outage", short="zone", group=GROUP):
    """A zone goes dark: what runs there stops, and nothing can be started there meanwhile."""

    zone: Zone = Field(description="which zone")
    span: Duration = Field(alias="for", description="how long")

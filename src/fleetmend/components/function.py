"""What every function is told to run with, and what every component around one tells of it."""

from typing import Any, NotRequired, TypedDict

import pulumi

from fleetmend.components.alarms import AlarmArgs
from fleetmend.components.identity import InstallationArgs


class FunctionArgs(TypedDict):
    """What functions are given to run with. Everything may be left out."""

    time_zone: NotRequired[str]
    """The schedule's time zone; `UTC` where it is left out."""
    runtime: NotRequired[str]
    """Lambda runtime; `python3.13` where it is left out."""
    architecture: NotRequired[str]
    """`arm64` (where it is left out) or `x86_64`."""
    memory_mb: NotRequired[int]
    """Memory; 512 where it is left out."""
    timeout_seconds: NotRequired[int]
    """Longest run; 60 where it is left out."""
    log_retention_days: NotRequired[int]
    """How long logs are kept; 14 where it is left out."""
    log_level: NotRequired[str]
    """DEBUG, INFO (where it is left out), WARNING or ERROR."""
    alarms: NotRequired[AlarmArgs]
    """When an alarm is one."""


class RunArgs(TypedDict):
    """What every component with a function needs to know."""

    installation: InstallationArgs
    """Whose it is."""
    account_id: pulumi.Input[str]
    """The account it works in."""
    artifact: str
    """Path of the zip that `fleetmend package` made. It is read when the engine deploys, not
    when the program runs, so that the resource graph can be had without it."""
    key_arn: pulumi.Input[str]
    """The main key: ledger, queues, logs, environment."""
    topic_arn: pulumi.Input[str]
    """The alerts topic."""
    function: NotRequired[FunctionArgs]
    """What the function is given to run with, and when its alarms are raised."""


class ConcernArgs(RunArgs):
    """What every concern with a ledger and a switch needs to know."""

    ledger_name: pulumi.Input[str]
    """The ledger bucket's name."""
    ledger_arn: pulumi.Input[str]
    """The ledger bucket's ARN."""
    topic_key_arn: pulumi.Input[str]
    """The alerts topic's key."""
    mode: NotRequired[str]
    """off, observe or act: where its own switch stands at first; `act` where left out."""


class QueuedArgs(ConcernArgs):
    """What every concern that a queue wakes needs to know."""

    policy: NotRequired[dict[str, Any]]
    """Further fields of its policy, by their names there; none that an argument sets."""
    batch_window_seconds: NotRequired[int]
    """How long events are gathered; 5 where it is left out."""


def run_args(args: RunArgs) -> RunArgs:
    """The part of a component's arguments that its function is made with."""
    return {
        "installation": args["installation"],
        "account_id": args["account_id"],
        "artifact": args["artifact"],
        "key_arn": args["key_arn"],
        "topic_arn": args["topic_arn"],
        "function": args.get("function", FunctionArgs()),
    }


class Function(pulumi.ComponentResource):
    """A component around one function, which has these outputs."""

    function_name: pulumi.Output[str]
    """The function's name."""
    function_arn: pulumi.Output[str]
    """The function's ARN, without a version."""
    alias_arn: pulumi.Output[str]
    """What to call: the alias `live`."""
    role_name: pulumi.Output[str]
    """The execution role's name."""
    role_arn: pulumi.Output[str]
    """The execution role's ARN."""
    log_group_name: pulumi.Output[str]
    """Where it logs."""
    undelivered_url: pulumi.Output[str]
    """Events, schedules and calls that could not be handed over."""
    schedule_arn: pulumi.Output[str]
    """The schedule that calls it; empty where it has none."""
    alarm_arns: pulumi.Output[list[str]]
    """Its alarms."""

    def _tell(self, of: "Function") -> None:
        """Have the same outputs as the component that this one is made of."""
        self.function_name, self.function_arn = of.function_name, of.function_arn
        self.alias_arn = of.alias_arn
        self.role_name, self.role_arn = of.role_name, of.role_arn
        self.log_group_name = of.log_group_name
        self.undelivered_url = of.undelivered_url
        self.schedule_arn = of.schedule_arn
        self.alarm_arns = of.alarm_arns

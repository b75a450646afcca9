"""Alarms: one way to make them, so that each says what happened and whose turn it is.

Every alarm goes to the alerts topic when it is raised and again when it clears. Thresholds and
times are settings; the reasons for their defaults stand in docs/settings.md.
"""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.controller_names import (
    dead_letters_name,
    queue_name,
    undelivered_name,
)
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit, Naming


class AlarmArgs(TypedDict):
    """When an alarm is one. Everything may be left out."""

    period_seconds: NotRequired[int]
    """The period; 60 where it is left out, because the functions run every few minutes."""
    evaluation_periods: NotRequired[int]
    """Periods looked at; 5 where it is left out, so that a sweep is surely among them."""
    datapoints: NotRequired[int]
    """Periods of these that must breach; 1 where it is left out."""
    missing_data: NotRequired[str]
    """What no data means: breaching, notBreaching (where it is left out), ignore or missing."""
    errors: NotRequired[int]
    """Failed runs that raise the alarm; 1 where it is left out."""
    throttles: NotRequired[int]
    """Throttled runs that raise the alarm; 1 where it is left out."""
    duration_percent: NotRequired[int]
    """Share of the time-out that a run may take; 80 where it is left out."""
    dead_letters: NotRequired[int]
    """Dead letters that raise the alarm; 1 where it is left out."""
    oldest_message_seconds: NotRequired[int]
    """Age of the oldest waiting message; 300 where it is left out."""
    oldest_look_seconds: NotRequired[int]
    """How long a subject may go without a look; 600 where it is left out."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm on one metric: raised when `statistic` is `threshold` or more.

    Where `below` is set it is raised when the statistic is less than the threshold. `says` is
    the sentence for people: what it means and what to do. `period`, `periods`, `datapoints` and
    `missing` replace the settings where the metric's own rhythm demands it.
    """

    kind: str
    says: str
    namespace: str
    metric: str
    dimensions: dict[str, pulumi.Input[str]]
    statistic: str
    threshold: float
    below: bool = False
    period: int | None = None
    periods: int | None = None
    datapoints: int | None = None
    missing: str | None = None


def make_alarm(
    name: str,
    alarm: Alarm,
    settings: AlarmArgs,
    installation: InstallationArgs,
    topic_arn: pulumi.Input[str],
    parent: pulumi.Resource,
) -> aws.cloudwatch.MetricAlarm:
    """Make the alarm; it tells the topic when it is raised and when it clears."""
    called = naming(installation).name(alarm.kind, limit=Limit.GROUP)
    return aws.cloudwatch.MetricAlarm(
        name,
        name=called,
        alarm_description=alarm.says,
        namespace=alarm.namespace,
        metric_name=alarm.metric,
        dimensions=alarm.dimensions,
        statistic=alarm.statistic,
        comparison_operator=(
            "LessThanThreshold" if alarm.below else "GreaterThanOrEqualToThreshold"
        ),
        threshold=alarm.threshold,
        period=alarm.period or settings.get("period_seconds", 60),
        evaluation_periods=alarm.periods or settings.get("evaluation_periods", 5),
        datapoints_to_alarm=alarm.datapoints or settings.get("datapoints", 1),
        treat_missing_data=alarm.missing or settings.get("missing_data", "notBreaching"),
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        tags=tagging(installation).tags("cloudwatch-alarm", called),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def function_alarms(concern: str, function: str, timeout: int, settings: AlarmArgs) -> list[Alarm]:
    """Alarms of a function: it failed, it was not let run, it nearly ran out of time."""
    longest = timeout * 1000 * settings.get("duration_percent", 80) // 100
    dimensions: dict[str, pulumi.Input[str]] = {"FunctionName": function}

    def alarm(kind: str, metric: str, statistic: str, threshold: float, says: str) -> Alarm:
        kind = f"{concern}-{kind}"
        return Alarm(kind, says, "AWS/Lambda", metric, dimensions, statistic, threshold)

    return [
        alarm(
            "errors",
            "Errors",
            "Sum",
            settings.get("errors", 1),
            f"A run of {function} failed. Its log group has the reason; what it was asked is "
            "tried again, then put among the dead letters.",
        ),
        alarm(
            "throttles",
            "Throttles",
            "Sum",
            settings.get("throttles", 1),
            f"Lambda had no room to run {function}. Raise the account's concurrency quota.",
        ),
        alarm(
            "duration",
            "Duration",
            "Maximum",
            longest,
            f"A run of {function} took {longest} ms or more of its {timeout} s. Raise "
            "lambdaMemoryMb, or see in its log what it waited for.",
        ),
    ]


def queue_alarms(
    concern: str, names: Naming, settings: AlarmArgs, *, with_queue: bool
) -> list[Alarm]:
    """Alarms of a controller's queues: something lies where nothing should, or waits too long."""
    threshold = settings.get("dead_letters", 1)

    def alarm(kind: str, queue: str, metric: str, threshold: int, says: str) -> Alarm:
        kind = f"{concern}-{kind}"
        return Alarm(kind, says, "AWS/SQS", metric, {"QueueName": queue}, "Maximum", threshold)

    visible, undelivered = "ApproximateNumberOfMessagesVisible", undelivered_name(names, concern)
    planned = [
        alarm(
            "undelivered",
            undelivered,
            visible,
            threshold,
            f"An event, a schedule or a call did not reach {concern}. The messages in "
            f"{undelivered} say why; the next sweep does their work.",
        )
    ]
    if with_queue:
        dead, queue = dead_letters_name(names, concern), queue_name(names, concern)
        seconds = settings.get("oldest_message_seconds", 300)
        planned += [
            alarm(
                "dead-letters",
                dead,
                visible,
                threshold,
                f"{concern} failed on a message again and again. Read its log, then move the "
                f"messages in {dead} back (SQS, Start DLQ redrive) or delete them.",
            ),
            alarm(
                "oldest-message",
                queue,
                "ApproximateAgeOfOldestMessage",
                seconds,
                f"A message has waited {seconds} s or more in {queue}: the function does not "
                "keep up, or fails on it.",
            ),
        ]
    return planned


def function_dimensions(concern: str) -> dict[str, pulumi.Input[str]]:
    """The dimensions of a function's own metrics, exactly as `lambdas/envelope.py` writes them.

    CloudWatch knows a metric by all of its dimensions: one that is left out is another metric.
    """
    return {"concern": concern, "service": concern}


def heartbeat_alarm(concern: str, namespace: str, sweep_seconds: int, settings: AlarmArgs) -> Alarm:
    """An alarm on work not done: the oldest subject not looked at, or no sweep that ended.

    The function reports `OldestLookSeconds` at the end of each sweep, so its silence means that
    no sweep ended, and is trouble too. A period holds two sweeps and the minute that the
    scheduler may be late; one that was lost is then no alarm yet.
    """
    seconds = settings.get("oldest_look_seconds", 600)
    period = 60 * ((2 * sweep_seconds + 60 + 59) // 60)
    return Alarm(
        f"{concern}-heartbeat",
        f"A subject of {concern} was not looked at for {seconds} s or more, or no sweep has "
        "ended. Is the schedule on, and does the function run to its end?",
        namespace,
        "OldestLookSeconds",
        function_dimensions(concern),
        "Maximum",
        seconds,
        period=period,
        periods=2,
        datapoints=2,
        missing="breaching",
    )

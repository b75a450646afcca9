"""What is said of a group's members beside EC2: by balancers, alarms and SSM's agents."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, code_of, failed
from fleetmend.aws.slicing import slices
from fleetmend.core.ports import ObservationFailed

AGENTS = 50
"""The most instances of one DescribeInstanceInformation page (its API Reference, MaxResults)."""


class Signals:
    """Each method asks one service, and takes no failure for an empty answer."""

    def __init__(self, client: Callable[[str], Client], alarm_prefix: str) -> None:
        self._client = client
        self._alarm_prefix = alarm_prefix

    def targets(self, arns: Sequence[str]) -> dict[str, list[str]]:
        """Instance → its states in these target groups. One that is gone says nothing.

        Raises:
            ObservationFailed: a target group could not be read.
        """
        states: dict[str, list[str]] = {}
        for arn in arns:
            for item in self._targets(arn):
                target = cast("Mapping[str, Any]", item.get("Target") or {})
                health = cast("Mapping[str, Any]", item.get("TargetHealth") or {})
                state = str(health.get("State") or "unavailable")
                states.setdefault(str(target.get("Id") or ""), []).append(state)
        return states

    def alarmed(self) -> set[str]:
        """The instances that one of the application alarms in state ALARM is about.

        Raises:
            ObservationFailed: any page could not be read.
        """
        if not self._alarm_prefix:
            return set()
        pages = (
            self._client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(
                AlarmNamePrefix=self._alarm_prefix, AlarmTypes=["MetricAlarm"], StateValue="ALARM"
            )
        )
        with _observing("cloudwatch:DescribeAlarms"):
            return {
                str(dimension.get("Value") or "")
                for page in pages
                for alarm in page.get("MetricAlarms") or ()
                for dimension in _dimensions(alarm)
                if dimension.get("Name") == "InstanceId"
            }

    def silent(self, ids: Sequence[str]) -> set[str]:
        """Those whose agent had reported to Systems Manager and does so no more.

        An instance that never had an agent is unknown there, and not silent. Ids go in as values
        of a filter: one that is unknown then fails no call.

        Raises:
            ObservationFailed: any page could not be read.
        """
        silent: set[str] = set()
        for some in slices(ids, AGENTS):
            pages = (
                self._client("ssm")
                .get_paginator("describe_instance_information")
                .paginate(
                    Filters=[{"Key": "InstanceIds", "Values": some}],
                    PaginationConfig={"PageSize": AGENTS},
                )
            )
            with _observing("ssm:DescribeInstanceInformation"):
                silent |= {
                    str(item.get("InstanceId") or "")
                    for page in pages
                    for item in page.get("InstanceInformationList") or ()
                    if item.get("PingStatus") == "ConnectionLost"
                }
        return silent

    def _targets(self, arn: str) -> Sequence[Mapping[str, Any]]:
        try:
            answer = self._client("elbv2").describe_target_health(TargetGroupArn=arn)
        except SdkError as error:
            if code_of(error) == "TargetGroupNotFound":
                return ()
            what = f"elasticloadbalancing:DescribeTargetHealth of {arn}"
            raise failed(ObservationFailed, what, error) from error
        return cast("Sequence[Mapping[str, Any]]", answer.get("TargetHealthDescriptions") or ())


@contextmanager
def _observing(what: str) -> Generator[None]:
    try:
        yield
    except SdkError as error:
        raise failed(ObservationFailed, what, error) from error


def _dimensions(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """An alarm's own dimensions, or those of the metrics that its expression is made of."""
    found: list[Mapping[str, Any]] = list(alarm.get("Dimensions") or ())
    for query in cast("Sequence[Mapping[str, Any]]", alarm.get("Metrics") or ()):
        stat = cast("Mapping[str, Any]", query.get("MetricStat") or {})
        metric = cast("Mapping[str, Any]", stat.get("Metric") or {})
        found.extend(metric.get("Dimensions") or ())
    return found

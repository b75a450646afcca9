"""Auto Scaling groups as AWS tells of them and as it is told; `DryRunGroups` tells it nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.aws.attempting import NOT_SENT, attempt
from fleetmend.aws.clients import LONGEST_CALL, Client
from fleetmend.aws.errors import Failure, SdkError, failed
from fleetmend.aws.signals import Signals
from fleetmend.aws.slicing import slices
from fleetmend.core.groups import SUSPENDABLE, Group, Member
from fleetmend.core.model import Outcome, Result, Selector
from fleetmend.core.ports import Fleet, Groups, ObservationFailed

PAGE = 100
"""The largest page of DescribeAutoScalingGroups."""

NAMES = 50
"""The most names of one DescribeAutoScalingGroups (its API Reference)."""

_ACTIVE = {"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"}
"""An instance refresh in these states is not over (DescribeInstanceRefreshes, Status)."""

_NEWEST = 5
"""Refreshes asked for: they come newest first, and only one of a group can be active."""

_ACCEPTED = Outcome(Result.ACCEPTED)


class AutoScalingGroups:
    """The groups of one account and region, over boto3's clients.

    Everything is read anew at each observation. Signals are asked for members at work only, and
    whether an instance refresh runs only for groups in which something is not as it should be:
    a healthy group costs its share of the describes that take many, and one call for each of
    its target groups.
    """

    def __init__(
        self,
        client: Callable[[str], Client],
        fleet: Fleet,
        *,
        clock: Callable[[], datetime],
        remaining: Callable[[], timedelta],
        alarm_prefix: str = "",
    ) -> None:
        """Nothing is called yet.

        Args:
            client: gives a boto3 client by service.
            fleet: EC2's facts of the members.
            clock: the store's time (`Ledger.now`).
            remaining: how much of the function's own time is left for acting.
            alarm_prefix: which alarms are applications'; none when empty.
        """
        self._client = client("autoscaling")
        self._fleet = fleet
        self._signals = Signals(client, alarm_prefix)
        self._clock = clock
        self._remaining = remaining

    def claimed(self, selector: Selector) -> list[str]:
        """See `Groups`."""
        wanted = [{"Name": f"tag:{selector.key}", "Values": [selector.value]}]
        found = self._described(Filters=wanted, IncludeInstances=False)
        return sorted(_name(raw) for raw in found)

    def observe(self, names: Sequence[str]) -> dict[str, Group | ObservationFailed]:
        """See `Groups`. A target group or a refresh that cannot be read is that group's alone."""
        at = self._clock()
        raws = [
            raw
            for some in slices(sorted(set(names)), NAMES)
            for raw in self._described(AutoScalingGroupNames=some)
        ]
        groups = [_group(raw, at) for raw in raws]
        ids = sorted({member.id for group in groups for member in group.serving})
        instances = self._fleet.observe(ids)
        alarmed = self._signals.alarmed()
        silent = self._signals.silent(ids)

        def known(member: Member, targets: tuple[str, ...]) -> Member:
            instance = instances.get(member.id)
            if not member.serves:
                return member
            return replace(
                member,
                state=instance.state if instance else "",
                launched_at=instance.launched_at if instance else None,
                checks=instance.checks if instance else (),
                retires_at=instance.retires_at if instance else None,
                targets=targets,
                alarmed=member.id in alarmed,
                agent_silent=member.id in silent,
            )

        def whole(raw: Mapping[str, Any], group: Group) -> Group:
            arns = [str(arn) for arn in raw.get("TargetGroupARNs") or ()]
            states = self._signals.targets(arns)
            members = tuple(known(one, tuple(states.get(one.id, ()))) for one in group.members)
            group = replace(group, members=members)
            return replace(group, refreshing=not _fine(group) and self._refreshing(group.name))

        seen: dict[str, Group | ObservationFailed] = {}
        for raw, group in zip(raws, groups, strict=True):
            try:
                seen[group.name] = whole(raw, group)
            except ObservationFailed as error:
                seen[group.name] = error
        return seen

    def mark(self, group: str, member: str, *, before: datetime) -> Outcome:
        """See `Groups`. The group's own grace is not respected: ours has been."""
        del group  # an instance is in one group at most, and the call takes no name
        return self._set_health(member, "Unhealthy", before)

    def suspend(self, group: str, *, before: datetime) -> Outcome:
        """See `Groups`."""
        return self._act(
            "SuspendProcesses",
            lambda: self._client.suspend_processes(
                AutoScalingGroupName=group, ScalingProcesses=[SUSPENDABLE]
            ),
            before,
        )

    def reset(self, group: str, members: Sequence[str], *, before: datetime) -> Outcome:
        """See `Groups`. A member that is gone needs no reset."""
        del group
        for member in members:
            outcome = self._set_health(member, "Healthy", before)
            if outcome.result not in {Result.ACCEPTED, Result.GONE}:
                return outcome
        return _ACCEPTED

    def resume(self, group: str, *, before: datetime) -> Outcome:
        """See `Groups`."""
        return self._act(
            "ResumeProcesses",
            lambda: self._client.resume_processes(
                AutoScalingGroupName=group, ScalingProcesses=[SUSPENDABLE]
            ),
            before,
        )

    def _set_health(self, member: str, status: str, before: datetime) -> Outcome:
        return self._act(
            "SetInstanceHealth",
            lambda: self._client.set_instance_health(
                InstanceId=member, HealthStatus=status, ShouldRespectGracePeriod=False
            ),
            before,
        )

    def _act(self, operation: str, send: Callable[[], object], before: datetime) -> Outcome:
        """No call is sent unless its longest time fits before the intent's end."""
        if min(before - self._clock(), self._remaining()) < LONGEST_CALL:
            return NOT_SENT
        answer = attempt(self._client, operation, send)
        return _meaning(answer) if isinstance(answer, Failure) else _ACCEPTED

    def _described(self, **asked: object) -> list[Mapping[str, Any]]:
        pages = self._client.get_paginator("describe_auto_scaling_groups").paginate(
            **asked, PaginationConfig={"PageSize": PAGE}
        )
        try:
            return [raw for page in pages for raw in page.get("AutoScalingGroups") or ()]
        except SdkError as error:
            what = "autoscaling:DescribeAutoScalingGroups"
            raise failed(ObservationFailed, what, error) from error

    def _refreshing(self, group: str) -> bool:
        try:
            answer = self._client.describe_instance_refreshes(
                AutoScalingGroupName=group, MaxRecords=_NEWEST
            )
        except SdkError as error:
            what = f"autoscaling:DescribeInstanceRefreshes of {group}"
            raise failed(ObservationFailed, what, error) from error
        refreshes = cast("Sequence[Mapping[str, Any]]", answer.get("InstanceRefreshes") or ())
        return any(refresh.get("Status") in _ACTIVE for refresh in refreshes)


class DryRunGroups:
    """Groups that are watched and never touched: every act is one that would have been."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    def claimed(self, selector: Selector) -> list[str]:
        """See `Groups`: what really is."""
        return self._groups.claimed(selector)

    def observe(self, names: Sequence[str]) -> Mapping[str, Group | ObservationFailed]:
        """See `Groups`: what really is."""
        return self._groups.observe(names)

    def mark(self, group: str, member: str, *, before: datetime) -> Outcome:
        """Nothing is sent."""
        del group, member, before
        return Outcome(Result.WOULD)

    def suspend(self, group: str, *, before: datetime) -> Outcome:
        """Nothing is sent."""
        del group, before
        return Outcome(Result.WOULD)

    def reset(self, group: str, members: Sequence[str], *, before: datetime) -> Outcome:
        """Nothing is sent."""
        del group, members, before
        return Outcome(Result.WOULD)

    def resume(self, group: str, *, before: datetime) -> Outcome:
        """Nothing is sent."""
        del group, before
        return Outcome(Result.WOULD)


def _meaning(failure: Failure) -> Outcome:
    """What a refusal means: Auto Scaling has one code for all that it does not find or accept.

    `ValidationError` with "not found" is an instance or a group that is gone; one that is in no
    state to be marked says so by "is not in".
    """
    outcome, text = failure.outcome, failure.text.lower()
    if outcome.code != "ValidationError":
        return outcome
    if "not found" in text or "no managed instance" in text:
        return replace(outcome, result=Result.GONE)
    return replace(outcome, result=Result.CONFLICT if "is not in" in text else outcome.result)


def _fine(group: Group) -> bool:
    """Whether there is nothing about its members that could lead to an act."""
    return all(
        member.sound
        and member.state == "running"
        and not (member.alarmed or member.agent_silent or member.retires_at)
        for member in group.serving
    )


def _name(raw: Mapping[str, Any]) -> str:
    name = raw.get("AutoScalingGroupName")
    if not isinstance(name, str) or not name:
        raise ObservationFailed(
            "Auto Scaling described a group without a name",
            remedy="nothing to do unless it lasts; then look at what answers in its place",
        )
    return name


def _group(raw: Mapping[str, Any], at: datetime) -> Group:
    tags = cast("Sequence[Mapping[str, Any]]", raw.get("Tags") or ())
    suspended = cast("Sequence[Mapping[str, Any]]", raw.get("SuspendedProcesses") or ())
    return Group(
        name=_name(raw),
        observed_at=at,
        desired=int(raw.get("DesiredCapacity") or 0),
        members=tuple(_member(one) for one in raw.get("Instances") or ()),
        tags={str(tag.get("Key") or ""): str(tag.get("Value") or "") for tag in tags},
        suspended=frozenset(str(process.get("ProcessName") or "") for process in suspended),
        zones=tuple(sorted(str(zone) for zone in raw.get("AvailabilityZones") or ())),
    )


def _member(raw: Mapping[str, Any]) -> Member:
    weight = str(raw.get("WeightedCapacity") or "1")
    return Member(
        id=str(raw.get("InstanceId") or ""),
        zone=str(raw.get("AvailabilityZone") or ""),
        lifecycle=str(raw.get("LifecycleState") or ""),
        weight=int(weight) if weight.isdecimal() else 1,
        marked=str(raw.get("HealthStatus") or "").lower() == "unhealthy",
    )

"""What remediation learns of instances from AWS and does to them; `DryRunRemedies` does nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.aws import trail
from fleetmend.aws.attempting import attempt
from fleetmend.aws.clients import LONGEST_CALL, Client
from fleetmend.aws.ec2 import instance_of
from fleetmend.aws.errors import Failure, SdkError, failed
from fleetmend.aws.inventory import PAGE
from fleetmend.aws.slicing import FILTER_VALUES, slices
from fleetmend.core import witness
from fleetmend.core.model import Instance, Outcome, Result
from fleetmend.core.ports import ObservationFailed, Remedies

GROUPS = 100
"""The most names of one DescribeAutoScalingGroups (Auto Scaling API Reference)."""

HELD = "held"
"""What an outcome says was made, where a stop came as far as its hold."""

PROTECTED = "OperationNotPermitted"
"""EC2's word for an instance that is protected from stops (EC2 API Reference, "Error codes")."""

_ACCEPTED = Outcome(Result.ACCEPTED)
_NOT_SENT = Outcome(Result.NOT_SENT)


class Ec2Remedies:
    """See `Remedies`. `client` gives AWS's clients, `clock` is the store's time.

    Every act is an assignment, so the SDK may send it twice. DeleteTags with a value takes off
    only what has that value (EC2 API Reference, DeleteTags), which makes undoing safe against
    whoever changed it meanwhile; CreateTags knows no condition.
    """

    def __init__(
        self,
        client: Callable[[str], Client],
        *,
        clock: Callable[[], datetime],
        remaining: Callable[[], timedelta],
    ) -> None:
        self._client = client
        self._clock = clock
        self._remaining = remaining

    def observe(self, ids: Sequence[str]) -> dict[str, Instance]:
        """See `Remedies`. Ids go in as filter values: one that is unknown then fails no call."""
        seen: dict[str, Instance] = {}
        for some in slices(sorted(set(ids)), FILTER_VALUES):
            at = self._clock()
            filters = [{"Name": "instance-id", "Values": some}]
            for reservation in self._described("instances", "Reservations", Filters=filters):
                for raw in cast("Sequence[Mapping[str, Any]]", reservation.get("Instances") or ()):
                    instance = instance_of(raw, at)
                    seen[instance.id] = instance
        return seen

    def networks(self, ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """See `Remedies`."""
        found: dict[str, Mapping[str, str]] = {}
        for some in slices(ids, FILTER_VALUES):
            filters = [{"Name": "vpc-id", "Values": some}]
            for raw in self._described("vpcs", "Vpcs", Filters=filters):
                found[str(raw.get("VpcId"))] = _tags(raw)
        return found

    def groups(self, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """See `Remedies`."""
        pages = self._client("autoscaling").get_paginator("describe_auto_scaling_groups")
        try:
            return {
                str(raw.get("AutoScalingGroupName")): _tags(raw)
                for some in slices(names, GROUPS)
                for page in pages.paginate(AutoScalingGroupNames=some, IncludeInstances=False)
                for raw in cast("Sequence[Mapping[str, Any]]", page.get("AutoScalingGroups") or ())
            }
        except SdkError as error:
            what = "autoscaling:DescribeAutoScalingGroups"
            raise failed(ObservationFailed, what, error) from error

    def creator(self, instance: str) -> str:
        """See `Remedies`. CloudTrail's event history reaches back 90 days."""
        for page in trail.pages(self._client, "ResourceName", instance, {}):
            found = witness.launcher(page.events)
            if found is not None:
                return found
        return ""

    def tag(self, instance: str, tags: Mapping[str, str], *, before: datetime) -> Outcome:
        """See `Remedies`. One CreateTags: all of them or none."""
        listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        return self._send(
            "CreateTags",
            before,
            lambda: self._client("ec2").create_tags(Resources=[instance], Tags=listed),
        )

    def stop(self, instance: str, hold: Mapping[str, str], *, before: datetime) -> Outcome:
        """See `Remedies`. The hold comes first: what is down without one is started again."""
        held = self.tag(instance, hold, before=before)
        if held.result is not Result.ACCEPTED:
            return held
        done = self._send(
            "StopInstances",
            before,
            lambda: self._client("ec2").stop_instances(InstanceIds=[instance]),
        )
        if done.code == PROTECTED:
            freed = self._untag(instance, hold, before)
            return done if freed.result is Result.ACCEPTED else replace(done, made=HELD)
        return replace(done, made=HELD)

    def undo(
        self, instance: str, tags: Mapping[str, str], *, starts: bool, before: datetime
    ) -> Outcome:
        """See `Remedies`. Started first: the role may start only what carries our hold."""
        if starts:
            begun = self._send(
                "StartInstances",
                before,
                lambda: self._client("ec2").start_instances(InstanceIds=[instance]),
            )
            if begun.result is not Result.ACCEPTED:
                return begun
        return self._untag(instance, tags, before)

    def _untag(self, instance: str, tags: Mapping[str, str], before: datetime) -> Outcome:
        listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        return self._send(
            "DeleteTags",
            before,
            lambda: self._client("ec2").delete_tags(Resources=[instance], Tags=listed),
        )

    def _send(self, operation: str, before: datetime, send: Callable[[], object]) -> Outcome:
        if min(before - self._clock(), self._remaining()) < LONGEST_CALL:
            return _NOT_SENT
        answer = attempt(self._client("ec2"), operation, send)
        return answer.outcome if isinstance(answer, Failure) else _ACCEPTED

    def _described(self, what: str, result: str, **asked: object) -> Iterator[Mapping[str, Any]]:
        pages = self._client("ec2").get_paginator(f"describe_{what}")
        try:
            for page in pages.paginate(**asked, PaginationConfig={"PageSize": PAGE}):
                yield from cast("Sequence[Mapping[str, Any]]", page.get(result) or ())
        except SdkError as error:
            name = f"ec2:Describe{what.title()}"
            raise failed(ObservationFailed, name, error) from error


class DryRunRemedies:
    """Looks as the real one does, and would do everything."""

    def __init__(self, real: Remedies) -> None:
        self._real = real

    def observe(self, ids: Sequence[str]) -> dict[str, Instance]:
        """See `Remedies`: what really is."""
        return self._real.observe(ids)

    def networks(self, ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """See `Remedies`: what really is."""
        return self._real.networks(ids)

    def groups(self, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """See `Remedies`: what really is."""
        return self._real.groups(names)

    def creator(self, instance: str) -> str:
        """See `Remedies`: what really is."""
        return self._real.creator(instance)

    def tag(self, instance: str, tags: Mapping[str, str], *, before: datetime) -> Outcome:
        """`WOULD`; nothing is sent."""
        del instance, tags, before
        return Outcome(Result.WOULD)

    def stop(self, instance: str, hold: Mapping[str, str], *, before: datetime) -> Outcome:
        """`WOULD`; nothing is sent."""
        del instance, hold, before
        return Outcome(Result.WOULD)

    def undo(
        self, instance: str, tags: Mapping[str, str], *, starts: bool, before: datetime
    ) -> Outcome:
        """`WOULD`; nothing is sent."""
        del instance, tags, starts, before
        return Outcome(Result.WOULD)


def _tags(raw: Mapping[str, Any]) -> dict[str, str]:
    listed = cast("Sequence[Mapping[str, Any]]", raw.get("Tags") or ())
    return {str(tag.get("Key") or ""): str(tag.get("Value") or "") for tag in listed}

"""The fleet as EC2 tells it and as EC2 is told; `DryRunFleet` tells it nothing."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from fleetmend.aws import inventory, mending, retyping, starting
from fleetmend.aws.attempting import attempt
from fleetmend.aws.clients import LONGEST_CALL, Client
from fleetmend.aws.errors import Failure, SdkError, code_of, failed
from fleetmend.aws.inventory import Filters
from fleetmend.aws.selective import Fields, reading
from fleetmend.aws.slicing import FILTER_VALUES, slices
from fleetmend.core.compliance import Resource
from fleetmend.core.instance_types import Kind
from fleetmend.core.model import (
    GROUP_TAG,
    Check,
    Instance,
    Make,
    Outcome,
    Result,
    Selector,
    StartRequest,
    TypeChange,
)
from fleetmend.core.ports import Fleet, ObservationFailed
from fleetmend.core.scope import Down

STATUS_IDS = 100
"""The most ids of one DescribeInstanceStatus (EC2 API Reference); it has no filter for ids."""

_DOWN = ["stopping", "stopped", "shutting-down", "terminated"]
STOPPED = {"stopping", "stopped"}
"""The states from which an instance comes back by a start."""

_SCOPE = ["pending", "running", "stopping", "stopped"]

_FIELDS: Fields = {
    "state": ("instanceState", "name"),
    "lifecycle": ("instanceLifecycle",),
    "reason": ("reason",),
}
"""What a sweep must know of an instance beside its id and tags."""

_TIME = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
"""In EC2's StateTransitionReason: `User initiated (2026-03-01 12:00:00 GMT)`."""

_RETIRING = {"instance-retirement", "instance-stop"}


class Ec2Fleet:
    """The instances of one account and region, over a boto3 EC2 client.

    `clock` is the store's time (`Ledger.now`), so that observations, intents and records are
    told by one clock. `remaining` is how much of the function's own time is left for acting.
    `types` gives a client that may change instances' types; without it, none is.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Callable[[], datetime],
        remaining: Callable[[], timedelta],
        types: Callable[[], Client] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._remaining = remaining
        self._types = types

    def stopped(self, selector: Selector) -> list[Down]:
        """See `Fleet`. One call a page, however large the healthy rest of the fleet is.

        EC2 shows what was terminated for about an hour, so a lost event is made up for; what a
        group or the spot market takes away all day long is left out here and costs no more.
        """
        found = self._scanned(in_scope(selector, _DOWN))
        return [down for one in found if (down := _down(one)) is not None]

    def size(self, selector: Selector) -> int:
        """See `Fleet`. One call for each thousand of the scope."""
        return len(self._scanned(in_scope(selector, _SCOPE)))

    def observe(self, ids: Sequence[str]) -> dict[str, Instance]:
        """See `Fleet`. Ids go in as filter values: one that is unknown then fails no call."""
        seen: dict[str, Instance] = {}
        for some in slices(sorted(set(ids)), FILTER_VALUES):
            at = self._clock()
            for raw in self._instances({"instance-id": some}):
                instance = instance_of(raw, at)
                seen[instance.id] = instance
        running = sorted(name for name, instance in seen.items() if instance.state == "running")
        for some in slices(running, STATUS_IDS):
            for name, (checks, retires_at) in self._statuses(some).items():
                seen[name] = replace(seen[name], checks=checks, retires_at=retires_at)
        return seen

    def start(self, requests: Sequence[StartRequest], *, before: datetime) -> dict[str, Outcome]:
        """See `Fleet`; starting.py says how calls are cut and split."""
        return starting.start(requests, self._send, self._fits(before))

    def ailing(self, selector: Selector) -> list[str]:
        """See `Fleet`. A call for each check, and one more where any of them fails somewhere."""
        ill = mending.impaired(self._client)
        found: list[Resource] = []
        for some in slices(ill, FILTER_VALUES):
            found += self._scanned({**in_scope(selector, ["running"]), "instance-id": some})
        return [one.id for one in found]

    def storing(self, types: Collection[str]) -> set[str]:
        """See `Fleet`."""
        return mending.storing(self._client, sorted(types))

    def kinds(self, types: Collection[str]) -> dict[str, Kind]:
        """See `Fleet`. Two calls, however many there are."""
        return retyping.offered(self._client, retyping.kinds(self._client, types))

    def change_types(
        self, changes: Sequence[TypeChange], *, before: datetime
    ) -> dict[str, Outcome]:
        """See `Fleet`."""
        if self._types is None:
            why = "the installation may not change types: switch it on by a deployment"
            no = Outcome(Result.REFUSED, "NoRole", why)
            return dict.fromkeys((one.id for one in changes), no)
        return retyping.change(self._types, changes, self._fits(before))

    def reboot(self, ids: Sequence[str], *, before: datetime) -> dict[str, Outcome]:
        """See `Fleet`."""
        return mending.each(self._client, "RebootInstances", ids, self._fits(before))

    def stop(self, ids: Sequence[str], *, before: datetime) -> dict[str, Outcome]:
        """See `Fleet`."""
        return mending.each(self._client, "StopInstances", ids, self._fits(before))

    def _fits(self, before: datetime) -> Callable[[], bool]:
        """Asks whether the longest call still fits the time that is left."""
        return lambda: min(before - self._clock(), self._remaining()) >= LONGEST_CALL

    def _send(self, ids: Sequence[str]) -> starting.Failure | Collection[str]:
        answer = attempt(
            self._client,
            "StartInstances",
            lambda: self._client.start_instances(InstanceIds=list(ids)),
        )
        if isinstance(answer, Failure):
            return answer
        items = cast("Sequence[Mapping[str, Any]]", answer.get("StartingInstances") or ())
        return {str(item.get("InstanceId")) for item in items}

    def _scanned(self, filters: Filters) -> list[Resource]:
        """What a sweep asks of many, by the scan: of each its id, its tags, and `_FIELDS`."""
        client = reading(self._client, _FIELDS)
        batches = inventory.scan(client, "instance", filters=filters, ahead=False)
        found = [one for batch in batches for one in batch.resources]
        if not all(one.id for one in found):
            raise _nameless()
        return found

    def _instances(self, filters: Filters) -> list[Mapping[str, Any]]:
        """All that EC2 says of some, as boto3 reads it."""
        named = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
        pages = self._client.get_paginator("describe_instances").paginate(
            Filters=named, PaginationConfig={"PageSize": inventory.PAGE}
        )
        try:
            return [
                instance
                for page in pages
                for reservation in page.get("Reservations") or ()
                for instance in reservation.get("Instances") or ()
            ]
        except SdkError as error:
            raise failed(ObservationFailed, "ec2:DescribeInstances", error) from error

    def _statuses(self, ids: Sequence[str]) -> dict[str, tuple[tuple[Check, ...], datetime | None]]:
        """Status checks and retirement by id. An id that went away meanwhile is left out."""
        try:
            pages = self._client.get_paginator("describe_instance_status").paginate(
                InstanceIds=list(ids)
            )
            items = [item for page in pages for item in page.get("InstanceStatuses") or ()]
        except SdkError as error:
            if code_of(error) != "InvalidInstanceID.NotFound":
                raise failed(ObservationFailed, "ec2:DescribeInstanceStatus", error) from error
            if len(ids) == 1:
                return {}
            middle = len(ids) // 2
            return {**self._statuses(ids[:middle]), **self._statuses(ids[middle:])}
        return {
            _id(item): (_read_checks(item), _retires_at(item))
            for item in items
            if _id(item) in set(ids)
        }


class DryRunFleet:
    """A fleet that is watched and never touched: every start is one that would have been."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def stopped(self, selector: Selector) -> list[Down]:
        """See `Fleet`: what really is."""
        return self._fleet.stopped(selector)

    def size(self, selector: Selector) -> int:
        """See `Fleet`: what really is."""
        return self._fleet.size(selector)

    def observe(self, ids: Sequence[str]) -> dict[str, Instance]:
        """See `Fleet`: what really is."""
        return self._fleet.observe(ids)

    def start(self, requests: Sequence[StartRequest], *, before: datetime) -> dict[str, Outcome]:
        """`WOULD` for every request; nothing is sent."""
        del before
        return {request.id: Outcome(Result.WOULD) for request in requests}

    def ailing(self, selector: Selector) -> list[str]:
        """See `Fleet`: what really is."""
        return self._fleet.ailing(selector)

    def storing(self, types: Collection[str]) -> set[str]:
        """See `Fleet`: what really is."""
        return self._fleet.storing(types)

    def kinds(self, types: Collection[str]) -> dict[str, Kind]:
        """See `Fleet`: what really is."""
        return self._fleet.kinds(types)

    def change_types(
        self, changes: Sequence[TypeChange], *, before: datetime
    ) -> dict[str, Outcome]:
        """`WOULD` for each; nothing is sent."""
        del before
        return {one.id: Outcome(Result.WOULD) for one in changes}

    def reboot(self, ids: Sequence[str], *, before: datetime) -> dict[str, Outcome]:
        """`WOULD` for each; nothing is sent."""
        del before
        return dict.fromkeys(ids, Outcome(Result.WOULD))

    def stop(self, ids: Sequence[str], *, before: datetime) -> dict[str, Outcome]:
        """`WOULD` for each; nothing is sent."""
        del before
        return dict.fromkeys(ids, Outcome(Result.WOULD))


def literal(value: str) -> str:
    r"""`value` for a filter: `*`, `?` and `\` are wildcards there unless escaped.

    EC2 User Guide, "Filtering considerations": a backslash before them makes them literal.
    """
    return re.sub(r"([*?\\])", r"\\\1", value)


def _id(raw: Mapping[str, Any]) -> str:
    name = raw.get("InstanceId")
    if not isinstance(name, str) or not name:
        raise _nameless()
    return name


def _nameless() -> ObservationFailed:
    return ObservationFailed(
        "EC2 described an instance without an id",
        remedy="nothing to do unless it lasts; then look at what answers in EC2's place",
    )


def _inner(raw: Mapping[str, Any], outer: str, key: str) -> str:
    return str(cast("Mapping[str, Any]", raw.get(outer) or {}).get(key) or "")


def instance_of(raw: Mapping[str, Any], at: datetime) -> Instance:
    """An instance as EC2 described it; what it left out stays empty: no state, no act."""
    tags = cast("Sequence[Mapping[str, Any]]", raw.get("Tags") or ())
    return Instance(
        id=_id(raw),
        state=_inner(raw, "State", "Name"),
        observed_at=at,
        type=str(raw.get("InstanceType") or ""),
        zone=_inner(raw, "Placement", "AvailabilityZone"),
        tags={str(tag.get("Key") or ""): str(tag.get("Value") or "") for tag in tags},
        lifecycle=str(raw.get("InstanceLifecycle") or "normal"),
        launched_at=raw.get("LaunchTime"),
        operator=_operator(raw),
        rootless=_rootless(raw),
        vpc=str(raw.get("VpcId") or ""),
        make=Make(
            architecture=str(raw.get("Architecture") or ""),
            virtualization=str(raw.get("VirtualizationType") or ""),
            root=str(raw.get("RootDeviceType") or ""),
            boot=str(raw.get("CurrentInstanceBootMode") or ""),
            ena=raw.get("EnaSupport"),
        ),
    )


def in_scope(selector: Selector, states: Sequence[str]) -> dict[str, Sequence[str]]:
    """Filters for what a selector is about, in one of these states."""
    return {f"tag:{selector.key}": [literal(selector.value)], "instance-state-name": states}


def _down(one: Resource) -> Down | None:
    """A listed instance that is down; None for what a group or the spot market took away."""
    if one.fields["state"] in STOPPED:
        return Down(one.id, _stopped_at(one.fields["reason"]), tags=one.tags)
    taken = one.tags.get(GROUP_TAG) or one.fields["lifecycle"] not in ("", "normal")
    return None if taken else Down(one.id, None, ended=True)


def _stopped_at(reason: str) -> datetime | None:
    """When the stop was asked for; None where the reason holds no time, or none that is one."""
    found = _TIME.search(reason)
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _operator(raw: Mapping[str, Any]) -> str | None:
    operator = cast("Mapping[str, Any]", raw.get("Operator") or {})
    return str(operator.get("Principal") or "") if operator.get("Managed") is True else None


def _rootless(raw: Mapping[str, Any]) -> bool:
    """EC2 names the root device and lists the volumes, and it is not among them."""
    device, listed = raw.get("RootDeviceName"), raw.get("BlockDeviceMappings")
    if raw.get("RootDeviceType") != "ebs" or not device or not isinstance(listed, list):
        return False
    mappings = cast("Sequence[Mapping[str, Any]]", listed)
    return all(mapping.get("DeviceName") != device for mapping in mappings)


def _read_checks(item: Mapping[str, Any]) -> tuple[Check, ...]:
    """Every check that is there, known by name or not: `AttachedEbsStatus` → `attached-ebs`.

    EC2 adds checks over the years (attached EBS in 2023, application later), and a recovery is
    one only when all that AWS reports are ok.
    """
    checks: list[Check] = []
    for key, value in sorted(item.items()):
        if key.endswith("Status") and isinstance(value, dict):
            name = re.sub(r"(?<!^)(?=[A-Z])", "-", key.removesuffix("Status")).lower()
            verdict = cast("Mapping[str, Any]", value).get("Status")
            checks.append(Check(name, str(verdict or "unknown")))
    return tuple(checks)


def _retires_at(item: Mapping[str, Any]) -> datetime | None:
    """When AWS will stop or retire it; an event that is over says so in its description.

    EC2 User Guide, "Scheduled events for your instances".
    """
    moments = [
        event.get("NotBefore")
        for event in cast("Sequence[Mapping[str, Any]]", item.get("Events") or ())
        if event.get("Code") in _RETIRING
        and not str(event.get("Description") or "").startswith(("[Completed]", "[Canceled]"))
    ]
    return min((moment for moment in moments if moment), default=None)

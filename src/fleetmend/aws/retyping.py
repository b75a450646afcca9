"""Instance types: what EC2 tells of them, and what gives a stopped instance another one.

ModifyInstanceAttribute can rewrite user data too, and so become root at the next start. So it is
called with a role of its own, whose policy admits the instance type alone; recovery's role may
take that role and nothing more.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from fleetmend.aws.attempting import NOT_SENT, attempt
from fleetmend.aws.clients import Client
from fleetmend.aws.errors import Failure, SdkError, classify, failed
from fleetmend.aws.slicing import FILTER_VALUES, slices
from fleetmend.core.instance_types import ORIGINAL, Kind
from fleetmend.core.model import Outcome, Result, TypeChange
from fleetmend.core.ports import ObservationFailed


def kinds(client: Client, types: Collection[str]) -> dict[str, Kind]:
    """What EC2 tells of each type it knows.

    Types go in as filter values: an unknown one then fails no call.

    Raises:
        ObservationFailed: any page could not be read.
    """
    asked = {"what": "instance_types", "result": "InstanceTypes"}
    return {kind.name: kind for kind in map(_kind, _told(client, types, **asked))}


def offered(client: Client, known: Mapping[str, Kind]) -> dict[str, Kind]:
    """The same, with the zones of the region in which each is offered.

    Raises:
        ObservationFailed: any page could not be read.
    """
    zones: dict[str, set[str]] = {}
    asked = {"what": "instance_type_offerings", "result": "InstanceTypeOfferings"}
    for raw in _told(client, known, **asked, LocationType="availability-zone"):
        zones.setdefault(str(raw.get("InstanceType")), set()).add(str(raw.get("Location")))
    return {
        name: replace(kind, zones=frozenset(zones.get(name, ()))) for name, kind in known.items()
    }


def change(
    taken: Callable[[], Client], changes: Sequence[TypeChange], fits: Callable[[], bool]
) -> dict[str, Outcome]:
    """Mark each with the type that it had, then give it the new one; two calls for each.

    The mark comes first: what is changed and not marked could not be changed back by a person.

    Args:
        taken: gives EC2's client with the rights of the role of its own.
        changes: the instances; all of them are stopped.
        fits: asks whether the longest call still fits the time that is left.
    """
    if not fits():
        return dict.fromkeys((one.id for one in changes), NOT_SENT)
    try:
        client = taken()
    except SdkError as error:
        outcome = classify(error).outcome
        if outcome.result is Result.UNKNOWN:  # a role was asked for, and nothing was changed
            outcome = replace(outcome, result=Result.THROTTLED)
        return dict.fromkeys((one.id for one in changes), outcome)
    return {one.id: _changed(client, one, fits) for one in changes}


def _changed(client: Client, change: TypeChange, fits: Callable[[], bool]) -> Outcome:
    if not change.is_marked:
        tags = [{"Key": ORIGINAL, "Value": change.original}]
        marked = _sent(
            client, "CreateTags", fits, lambda: client.create_tags(Resources=[change.id], Tags=tags)
        )
        if marked.result is Result.UNKNOWN:  # it may be marked, and was not changed
            return replace(marked, result=Result.THROTTLED)
        if marked.result is not Result.ACCEPTED:
            return marked
    wanted = {"Value": change.target}
    return _sent(
        client,
        "ModifyInstanceAttribute",
        fits,
        lambda: client.modify_instance_attribute(InstanceId=change.id, InstanceType=wanted),
    )


def _sent(
    client: Client, operation: str, fits: Callable[[], bool], send: Callable[[], object]
) -> Outcome:
    if not fits():
        return NOT_SENT
    answer = attempt(client, operation, send)
    return answer.outcome if isinstance(answer, Failure) else Outcome(Result.ACCEPTED)


def _told(
    client: Client, types: Collection[str], *, what: str, result: str, **asked: str
) -> Iterator[Mapping[str, Any]]:
    try:
        for some in slices(sorted(types), FILTER_VALUES):
            filters = [{"Name": "instance-type", "Values": some}]
            pages = client.get_paginator(f"describe_{what}").paginate(Filters=filters, **asked)
            for page in pages:
                yield from cast("Sequence[Mapping[str, Any]]", page.get(result) or ())
    except SdkError as error:
        name = f"ec2:Describe{what.title().replace('_', '')}"
        raise failed(ObservationFailed, name, error) from error


def _kind(raw: Mapping[str, Any]) -> Kind:
    return Kind(
        name=str(raw.get("InstanceType")),
        architectures=_set(_part(raw, "ProcessorInfo").get("SupportedArchitectures")),
        virtualizations=_set(raw.get("SupportedVirtualizationTypes")),
        roots=_set(raw.get("SupportedRootDeviceTypes")),
        boots=_set(raw.get("SupportedBootModes")),
        ena=str(_part(raw, "NetworkInfo").get("EnaSupport") or ""),
        nvme=str(_part(raw, "EbsInfo").get("NvmeSupport") or ""),
        stores=raw.get("InstanceStorageSupported"),
    )


def _part(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", raw.get(key) or {})


def _set(listed: object) -> frozenset[str]:
    return frozenset(map(str, cast("Sequence[object]", listed or ())))

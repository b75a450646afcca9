"""The instances whose blueprint is kept, as EC2 tells them, and what makes one of them again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.aws import launching, shapes
from fleetmend.aws.attempting import NOT_SENT
from fleetmend.aws.clients import LONGEST_CALL, Client
from fleetmend.aws.ec2 import STATUS_IDS, Ec2Fleet, in_scope, instance_of
from fleetmend.aws.errors import SdkError, classify, failed
from fleetmend.aws.slicing import FILTER_VALUES, slices
from fleetmend.core.blueprint import REBUILT_FROM, Blueprint, Disk, Piece
from fleetmend.core.model import Instance, Outcome, Result, Selector
from fleetmend.core.ports import Builder, ObservationFailed
from fleetmend.core.rebuilding import FREE, GONE, TAKEN, Copy, Plan, Sighting, restore_token, token

Raw = Mapping[str, Any]

_ALIVE = ["pending", "running", "stopping", "stopped"]


class Ec2Builder(Ec2Fleet):
    """See `Builder`; arguments as for `Ec2Fleet`."""

    def __init__(
        self, client: Client, *, clock: Callable[[], datetime], remaining: Callable[[], timedelta]
    ) -> None:
        super().__init__(client, clock=clock, remaining=remaining)
        self._ec2, self._now, self._left = client, clock, remaining

    def outlines(self, selector: Selector) -> dict[str, str]:
        """See `Builder`. One call for a page of 1000, and no other."""
        found = self._instances(in_scope(selector, _ALIVE))
        return {str(raw.get("InstanceId")): shapes.outline_of(raw).outline for raw in found}

    def sight(self, ids: Sequence[str], selector: Selector) -> dict[str, Sighting]:
        """See `Builder`. Ids and marks go in as filter values, so an unknown one fails no call."""
        at = self._now()
        originals = self._seen("instance-id", ids, at)
        copies = self._seen(f"tag:{REBUILT_FROM}", ids, at)
        seen = [*originals, *copies]
        alive = [one for one, _ in seen if one.state not in GONE]
        ours = [one.id for one in alive if selector.matches(one.tags)]
        details, failures = self._details(ours)
        checks = self._all_checks([one.id for one in alive if one.state == "running"])
        whole: dict[str, tuple[Instance, Blueprint, str]] = {}
        for one, raw in seen:
            shape = details(one.id, shapes.outline_of(raw))
            found = replace(one, checks=checks.get(one.id, ()))
            whole[one.id] = (found, shape, str(raw.get("ClientToken") or ""))
        sights = {name: _sighting(name, at, whole) for name in ids}
        return {name: _with_problem(seen, failures) for name, seen in sights.items()}

    def pieces(self, wanted: Iterable[Piece]) -> dict[str, str]:
        """See `Builder`. One call for each kind and 200 of it."""
        kinds: dict[str, list[str]] = {}
        for piece in wanted:
            kinds.setdefault(piece.kind, []).append(piece.id)
        found: dict[str, str] = {}
        for raw in self._listed("describe_volumes", "volume-id", kinds.get("volume", ())):
            free = raw.get("State") == "available"
            found[str(raw.get("VolumeId"))] = FREE if free else TAKEN
        cards = kinds.get("interface", ())
        for raw in self._listed("describe_network_interfaces", "network-interface-id", cards):
            free = raw.get("Status") == "available"
            found[str(raw.get("NetworkInterfaceId"))] = FREE if free else TAKEN
        for raw in self._listed("describe_addresses", "allocation-id", kinds.get("address", ())):
            found[str(raw.get("AllocationId"))] = TAKEN if raw.get("AssociationId") else FREE
        return found

    def images(self, ids: Sequence[str]) -> dict[str, str]:
        """See `Builder`. Images that CreateImage made, as AWS Backup does, name their source."""
        found = self._listed("describe_images", "source-instance-id", ids, Owners=["self"])
        usable = [raw for raw in found if raw.get("State") == "available"]
        usable.sort(key=lambda raw: str(raw.get("CreationDate")))
        return {str(raw.get("SourceInstanceId")): str(raw.get("ImageId")) for raw in usable}

    def snapshots(self, volumes: Sequence[str]) -> dict[str, str]:
        """See `Builder`."""
        found = self._listed("describe_snapshots", "volume-id", volumes, OwnerIds=["self"])
        usable = [raw for raw in found if raw.get("State") == "completed"]
        usable.sort(key=lambda raw: str(raw.get("StartTime")))
        return {str(raw.get("VolumeId")): str(raw.get("SnapshotId")) for raw in usable}

    def launch(
        self, subject: str, kept: Blueprint, plan: Plan, number: int, *, before: datetime
    ) -> Outcome:
        """See `Builder`. The client token makes every further try meet the first one's success."""
        asked = launching.launch(subject, kept, plan, token(subject, number))

        def made(answer: Raw) -> str:
            instances = cast("Sequence[Raw]", answer.get("Instances") or ())
            return str(instances[0].get("InstanceId")) if instances else ""

        outcome = self._act(self._ec2.run_instances, asked, made, before)
        if outcome.result is Result.ACCEPTED and not outcome.made:
            return Outcome(Result.UNKNOWN, "NotInAnswer", "AWS accepted the call and named nothing")
        return outcome

    def attach(self, instance: str, wanted: Sequence[Piece], *, before: datetime) -> Outcome:
        """See `Builder`. One call for each piece; the first that fails ends it."""
        outcome = Outcome(Result.ACCEPTED)
        for piece in wanted:
            call, asked = launching.attach(self._ec2, instance, piece)
            outcome = self._act(call, asked, lambda _: "", before)
            if outcome.result is not Result.ACCEPTED:
                break
        return outcome

    def restore(
        self, subject: str, kept: Blueprint, disk: Disk, snapshot: str, *, before: datetime
    ) -> Outcome:
        """See `Builder`. The new volume stands beside the old one's name in `made`."""
        word = restore_token(subject, disk.volume)
        asked = launching.restore(subject, kept, disk, snapshot, word)
        return self._act(
            self._ec2.create_volume,
            asked,
            lambda answer: f"{disk.device}={answer.get('VolumeId')}",
            before,
        )

    def _act(
        self,
        call: Callable[..., Any],
        asked: Mapping[str, object],
        made: Callable[[Raw], str],
        before: datetime,
    ) -> Outcome:
        if min(before - self._now(), self._left()) < LONGEST_CALL:
            return NOT_SENT
        try:
            answer = cast("Raw", call(**asked))
        except SdkError as error:
            return classify(error).outcome
        return Outcome(Result.ACCEPTED, made=made(answer))

    def _seen(self, name: str, values: Sequence[str], at: datetime) -> list[tuple[Instance, Raw]]:
        return [
            (instance_of(raw, at), raw)
            for some in slices(sorted(set(values)), FILTER_VALUES)
            for raw in self._instances({name: some})
        ]

    def _all_checks(self, running: Sequence[str]) -> dict[str, Any]:
        return {
            name: checks
            for some in slices(sorted(running), STATUS_IDS)
            for name, (checks, _) in self._statuses(some).items()
        }

    def _details(
        self, ours: Sequence[str]
    ) -> tuple[Callable[[str, Blueprint], Blueprint], dict[str, str]]:
        """What only other describes tell: volumes, elastic addresses, user data; and failures.

        User data is read one by one, and only where the tag lets the role read it.
        """
        volumes = {
            str(raw.get("VolumeId")): raw
            for raw in self._listed("describe_volumes", "attachment.instance-id", ours)
        }
        addresses = {
            str(raw.get("InstanceId")): str(raw.get("AllocationId") or "")
            for raw in self._listed("describe_addresses", "instance-id", ours)
        }
        told: dict[str, object] = {}
        failures: dict[str, str] = {}
        for name in ours:
            try:
                told[name] = self._user_data(name)
            except ObservationFailed as error:
                failures[name] = f"{error} {error.remedy}".strip()

        def whole(name: str, shape: Blueprint) -> Blueprint:
            if name not in told:
                return shape
            return shapes.detailed(shape, volumes, addresses.get(name, ""), told[name])

        return whole, failures

    def _user_data(self, instance: str) -> object:
        try:
            answer = self._ec2.describe_instance_attribute(
                InstanceId=instance, Attribute="userData"
            )
        except SdkError as error:
            raise failed(ObservationFailed, "ec2:DescribeInstanceAttribute", error) from error
        return cast("Raw", answer.get("UserData") or {}).get("Value")

    def _listed(
        self, operation: str, name: str, values: Sequence[str], **more: object
    ) -> Iterator[Raw]:
        """What a describe lists for these values of one filter, all pages."""
        for some in slices(sorted(set(values)), FILTER_VALUES):
            asked = {"Filters": [{"Name": name, "Values": some}], **more}
            try:
                if self._ec2.can_paginate(operation):
                    pages = list(self._ec2.get_paginator(operation).paginate(**asked))
                else:
                    pages = [getattr(self._ec2, operation)(**asked)]
            except SdkError as error:
                raise failed(ObservationFailed, f"ec2:{operation}", error) from error
            for page in pages:
                yield from cast("Sequence[Raw]", page.get(_LISTS[operation]) or ())


class DryRunBuilder:
    """Watched and never touched: every act is one that would have been."""

    def __init__(self, builder: Builder) -> None:
        self.outlines, self.sight = builder.outlines, builder.sight
        self.pieces, self.images = builder.pieces, builder.images
        self.snapshots = builder.snapshots

    def launch(
        self, subject: str, kept: Blueprint, plan: Plan, number: int, *, before: datetime
    ) -> Outcome:
        """`WOULD`; nothing is sent."""
        del subject, kept, plan, number, before
        return Outcome(Result.WOULD)

    def attach(self, instance: str, wanted: Sequence[Piece], *, before: datetime) -> Outcome:
        """`WOULD`; nothing is sent."""
        del instance, wanted, before
        return Outcome(Result.WOULD)

    def restore(
        self, subject: str, kept: Blueprint, disk: Disk, snapshot: str, *, before: datetime
    ) -> Outcome:
        """`WOULD`; nothing is sent."""
        del subject, kept, disk, snapshot, before
        return Outcome(Result.WOULD)


_LISTS = {
    "describe_volumes": "Volumes",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_addresses": "Addresses",
    "describe_images": "Images",
    "describe_snapshots": "Snapshots",
}


def _with_problem(seen: Sighting, failures: Mapping[str, str]) -> Sighting:
    named = [seen.id, *(copy.instance.id for copy in seen.copies)]
    return replace(seen, problem="; ".join(failures[one] for one in named if one in failures))


def _sighting(
    name: str, at: datetime, whole: Mapping[str, tuple[Instance, Blueprint, str]]
) -> Sighting:
    copies = tuple(
        Copy(instance, shape, word)
        for instance, shape, word in whole.values()
        if instance.tags.get(REBUILT_FROM) == name
    )
    instance, shape, _ = whole.get(name, (None, None, ""))
    gone = instance is None or instance.state in GONE
    return Sighting(name, at, instance, None if gone else shape, copies)

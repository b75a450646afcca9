"""What was made at run time and protects data: it outlives the installation, until it is purged.

Recovery points lie in a vault; images and snapshots are known by the installation's tags. What AWS
Backup manages can only be deleted through AWS Backup, and is listed there:
https://docs.aws.amazon.com/aws-backup/latest/devguide/deleting-backups.html
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, code_of, failed
from fleetmend.core.ports import PortError

_BACKUP_TAG = "aws:backup:source-resource"
"""AWS Backup puts it on every image and snapshot that it makes."""

_GONE = {"InvalidAMIID.NotFound", "InvalidSnapshot.NotFound", "ResourceNotFoundException"}

_PATIENCE = 600.0
"""Seconds in which AWS Backup is to be done with deleting; it takes a minute or two."""

_PAUSE = 10.0
"""Seconds between two looks at a vault that is being emptied."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that outlives the installation. `vault` is empty but for recovery points."""

    kind: Literal["image", "snapshot", "recovery point"]
    name: str
    made_at: datetime | None = None
    vault: str = ""

    def __str__(self) -> str:
        made = f", made {self.made_at:%Y-%m-%d}" if self.made_at else ""
        where = f" in the vault {self.vault}" if self.vault else ""
        return f"{self.kind} {self.name}{where}{made}: it protects data"


class Leftovers:
    """The leftovers of one installation in one region.

    Args:
        clients: makes a client of a service.
        tags: key → value that every image and snapshot of the installation carries.
        vaults: names of its vaults in this region.
        sleep: waits so many seconds, between two looks at what is being deleted.
    """

    def __init__(
        self,
        clients: Callable[[str], Client],
        tags: Mapping[str, str],
        vaults: Sequence[str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients = clients
        self._filters = [
            {"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(tags.items())
        ]
        self._vaults = vaults
        self._sleep = sleep

    def found(self) -> list[Leftover]:
        """Everything there is now; images before the snapshots they are made of.

        Raises:
            PortError: AWS refused or did not answer; what is there is not known then.
        """
        return [*self._images(), *self._snapshots(), *self._points()]

    def purge(self, leftovers: Sequence[Leftover]) -> Iterator[tuple[Leftover, PortError | None]]:
        """Delete them one by one, and say of each why it was not; at the end wait for the vaults.

        A vault can be removed only when AWS Backup is done with deleting what lies in it.

        Raises:
            PortError: AWS Backup was not done in ten minutes.
        """
        points: set[str] = set()
        for one in leftovers:
            error = self._deleted(one)
            if one.vault and error is None:
                points.add(one.name)
            yield one, error
        if points:
            self._wait_for_the_end_of(points)

    def _wait_for_the_end_of(self, points: set[str]) -> None:
        waited = 0.0
        while points & {one.name for one in self._points()}:
            if waited >= _PATIENCE:
                raise PortError(
                    "AWS Backup is still deleting recovery points",
                    remedy="look at the vault, and run the command again when it is empty",
                )
            self._sleep(_PAUSE)
            waited += _PAUSE

    def _deleted(self, one: Leftover) -> PortError | None:
        ec2, backup = self._clients("ec2"), self._clients("backup")
        try:
            match one.kind:
                case "image":
                    ec2.deregister_image(ImageId=one.name, DeleteAssociatedSnapshots=True)
                case "snapshot":
                    ec2.delete_snapshot(SnapshotId=one.name)
                case "recovery point":
                    backup.delete_recovery_point(
                        BackupVaultName=one.vault, RecoveryPointArn=one.name
                    )
        except SdkError as error:
            if code_of(error) in _GONE:
                return None
            return failed(PortError, f"deleting the {one.kind} {one.name}", error)
        return None

    def _images(self) -> Iterator[Leftover]:
        for told in self._own("describe_images", "Images", Owners=["self"]):
            made = cast("str | None", told.get("CreationDate"))
            yield Leftover("image", str(told["ImageId"]), _moment(made))

    def _snapshots(self) -> Iterator[Leftover]:
        for told in self._own("describe_snapshots", "Snapshots", OwnerIds=["self"]):
            yield Leftover("snapshot", str(told["SnapshotId"]), told.get("StartTime"))

    def _points(self) -> Iterator[Leftover]:
        for vault in self._vaults:
            operation = "list_recovery_points_by_backup_vault"
            for told in self._asked("backup", operation, "RecoveryPoints", BackupVaultName=vault):
                arn = str(told["RecoveryPointArn"])
                yield Leftover("recovery point", arn, told.get("CreationDate"), vault)

    def _own(self, operation: str, key: str, **owner: list[str]) -> Iterator[Mapping[str, Any]]:
        """What carries the installation's tags and is not AWS Backup's to delete."""
        for told in self._asked("ec2", operation, key, Filters=self._filters, **owner):
            if all(tag.get("Key") != _BACKUP_TAG for tag in told.get("Tags") or ()):
                yield told

    def _asked(
        self, service: str, operation: str, key: str, **asked: object
    ) -> list[Mapping[str, Any]]:
        try:
            pages = self._clients(service).get_paginator(operation).paginate(**asked)
            return [told for page in pages for told in page.get(key) or ()]
        except SdkError as error:
            if code_of(error) == "ResourceNotFoundException":
                return []  # the vault is removed, and with it what could lie in it
            raise failed(PortError, f"{service}:{operation}", error) from error


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None

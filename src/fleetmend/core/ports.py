"""What the loop needs from the world, as Protocols that the room `aws` implements."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from fleetmend.core.blueprint import Blueprint, Disk, Piece
from fleetmend.core.groups import Group
from fleetmend.core.instance_types import Kind
from fleetmend.core.model import (
    Alert,
    Instance,
    Outcome,
    Record,
    Selector,
    StartRequest,
    Stored,
    TypeChange,
)
from fleetmend.core.rebuilding import Plan, Sighting
from fleetmend.core.scope import Down

T = TypeVar("T")
R = TypeVar("R")


class PortError(Exception):
    """The world did not answer as asked. `remedy` tells a person what to do about it."""

    def __init__(self, message: str, *, remedy: str = "", code: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code


class ObservationFailed(PortError):
    """A describe failed. This is doubt, never an empty answer: nothing is decided from it."""


class LedgerUnavailable(PortError):
    """The ledger did not answer, or refused (403): the record is unknown, never absent."""


class Lost(PortError):
    """Another writer was first: read again, decide again."""


class DeliveryFailed(PortError):
    """An alert could not be handed over; it stays owed."""


class Fleet(Protocol):
    """The instances of one account and region."""

    def stopped(self, selector: Selector) -> list[Down]:
        """What in scope is down or terminated, filtered by the server, all pages.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def size(self, selector: Selector) -> int:
        """How many instances are in scope and not terminated.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def observe(self, ids: Sequence[str]) -> dict[str, Instance]:
        """Facts by id, with status checks for running ones; an id AWS does not know is absent.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def start(self, requests: Sequence[StartRequest], *, before: datetime) -> dict[str, Outcome]:
        """Start instances; one outcome for every request, whatever happens to the others.

        No call is sent unless its longest time fits before `before` (the earliest end of the
        intents, in the store's time); what was not sent comes back as `NOT_SENT`.
        """
        ...

    def ailing(self, selector: Selector) -> list[str]:
        """What in scope runs with a status check that is impaired, filtered by the server.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def storing(self, types: Collection[str]) -> set[str]:
        """Those of these types that come with volumes on the host, or that EC2 does not tell of.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def kinds(self, types: Collection[str]) -> dict[str, Kind]:
        """What EC2 tells of these types, and where they are offered; an unknown one is absent.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def change_types(
        self, changes: Sequence[TypeChange], *, before: datetime
    ) -> dict[str, Outcome]:
        """Give each stopped instance its new type, under the same condition as a start."""
        ...

    def reboot(self, ids: Sequence[str], *, before: datetime) -> dict[str, Outcome]:
        """Reboot each; a call is sent once, and under the same condition as a start."""
        ...

    def stop(self, ids: Sequence[str], *, before: datetime) -> dict[str, Outcome]:
        """Stop each, under the same condition as a start."""
        ...


class Groups(Protocol):
    """The Auto Scaling groups of one account and region. All four acts are assignments."""

    def claimed(self, selector: Selector) -> list[str]:
        """Names of the groups in scope, filtered by the server, all pages.

        Raises:
            ObservationFailed: when any page could not be read.
        """
        ...

    def observe(self, names: Sequence[str]) -> Mapping[str, "Group | ObservationFailed"]:
        """Facts by name, every signal of every member included; an unknown name is absent.

        A group of which anything that a judgement needs could not be read has the failure.

        Raises:
            ObservationFailed: when that is so for all of them.
        """
        ...

    def mark(self, group: str, member: str, *, before: datetime) -> Outcome:
        """Tell Auto Scaling that a member is unhealthy, so that it replaces it."""
        ...

    def suspend(self, group: str, *, before: datetime) -> Outcome:
        """Suspend `ReplaceUnhealthy`, and nothing else."""
        ...

    def reset(self, group: str, members: Sequence[str], *, before: datetime) -> Outcome:
        """Take back the marks on these members; the first failure is the outcome."""
        ...

    def resume(self, group: str, *, before: datetime) -> Outcome:
        """Resume `ReplaceUnhealthy`, and nothing else."""
        ...


class Builder(Protocol):
    """What instances are made of, and what makes one again.

    Every describe raises `ObservationFailed` when any page could not be read.
    """

    def outlines(self, selector: Selector) -> dict[str, str]:
        """The outline of every instance in scope that is not terminated, by id, all pages."""
        ...

    def sight(self, ids: Sequence[str], selector: Selector) -> dict[str, Sighting]:
        """Each of them, and what carries its mark; what hangs elsewhere is left out yet.

        What could not be read of one instance is the `problem` of that sighting alone.
        """
        ...

    def pieces(self, wanted: Iterable[Piece]) -> dict[str, str]:
        """Whether each is `free` or `taken`, by id; one that exists no more is absent."""
        ...

    def images(self, ids: Sequence[str]) -> dict[str, str]:
        """The newest usable image that was made of each instance, where there is one."""
        ...

    def snapshots(self, volumes: Sequence[str]) -> dict[str, str]:
        """The newest complete snapshot of each volume, where there is one."""
        ...

    def launch(
        self, subject: str, kept: Blueprint, plan: Plan, number: int, *, before: datetime
    ) -> Outcome:
        """Launch what takes the subject's place; `made` is its id.

        The same subject, plan and number give the same instance, however often it is asked for.
        """
        ...

    def attach(self, instance: str, wanted: Sequence[Piece], *, before: datetime) -> Outcome:
        """Hang the pieces on the instance; the first failure is the outcome."""
        ...

    def restore(
        self, subject: str, kept: Blueprint, disk: Disk, snapshot: str, *, before: datetime
    ) -> Outcome:
        """Make a lost volume from its snapshot; `made` is `device=volume id`."""
        ...


class Remedies(Protocol):
    """What can be learned of instances that break rules, and done about them.

    Every describe raises `ObservationFailed` when any page could not be read.
    """

    def observe(self, ids: Sequence[str]) -> dict[str, Instance]:
        """Facts by id; an id AWS does not know is absent."""
        ...

    def networks(self, ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """The tags of VPCs."""
        ...

    def groups(self, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """The tags of Auto Scaling groups."""
        ...

    def creator(self, instance: str) -> str:
        """Who launched it, as CloudTrail knows for 90 days; empty where it does not."""
        ...

    def tag(self, instance: str, tags: Mapping[str, str], *, before: datetime) -> Outcome:
        """Put tags on it, all in one call."""
        ...

    def stop(self, instance: str, hold: Mapping[str, str], *, before: datetime) -> Outcome:
        """Put the hold on it, then stop it; `made` is `held` where it came as far as the hold.

        Where EC2 protects it from being stopped, the hold is taken off again.
        """
        ...

    def undo(
        self, instance: str, tags: Mapping[str, str], *, starts: bool, before: datetime
    ) -> Outcome:
        """Start it where it was stopped, then take tags off it that still have these values."""
        ...


class Ledger(Protocol):
    """Where records live (ledger.md). One ledger serves one concern."""

    def read(self, subject: str) -> Stored:
        """The record as it stands, or that there is none.

        Raises:
            LedgerUnavailable: on anything but an answer, 403 included.
        """
        ...

    def write(self, record: Record, over: Stored) -> Stored:
        """Replace exactly what `over` saw; stamps revision and nonce; keeps the open index.

        Raises:
            Lost: another writer was first.
            LedgerUnavailable: the store did not answer; the write may or may not stand.
        """
        ...

    def open(self) -> list[str]:
        """Subjects the open index hints at; may name some that are closed."""
        ...

    def forget(self, subject: str) -> None:
        """Remove a stale hint from the open index."""
        ...

    def set_aside(self, stored: Stored) -> str:
        """Copy unreadable bytes out of the way of history; returns where the copy is."""
        ...

    def now(self) -> datetime:
        """The store's time, estimated from its last answer."""
        ...


class Alerts(Protocol):
    """Whoever must be told."""

    def deliver(self, subject: str, alerts: Sequence[Alert]) -> dict[str, str]:
        """Send each alert; fact → message id of those that were handed over.

        One that cannot be sent is left out of the answer, and stays owed.
        """
        ...


class Archive(Protocol):
    """Where reports lie: objects by key, written whole, never appended to."""

    def put(self, key: str, body: bytes, *, once: bool = False) -> bool:
        """Write an object; with `once` only where there is none, and False says there was one.

        Raises:
            PortError: it may or may not stand there now.
        """
        ...

    def get(self, key: str) -> bytes | None:
        """The object, or that there is none.

        Raises:
            PortError: on anything but an answer.
        """
        ...

    def list(self, prefix: str) -> list[str]:
        """Every key that begins so, in order.

        Raises:
            PortError: any page could not be read.
        """
        ...


class Queue(Protocol):
    """The controller's own queue: it only wakes, it knows nothing."""

    def wake(self, looks: Mapping[str, tuple[int, float]]) -> None:
        """Ask for a look: subject → (record revision, seconds from now, at most 900)."""
        ...


class Parallel(Protocol):
    """Apply a function to many subjects; in the lab one after the other, else on threads."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Results in the order of the items."""
        ...

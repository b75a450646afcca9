"""An installation as an operator's desk sees it: found by its parameter, read, and asked.

Nothing here acts as a controller. Records are read; everything that changes one goes as a
message to the controller's own queue, because a laptop may sleep past its intent (ledger.md).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias, cast

from boto3.session import Session

from fleetmend.aws.autoscaling import AutoScalingGroups
from fleetmend.aws.clients import Client, client
from fleetmend.aws.ec2 import STOPPED, Ec2Fleet
from fleetmend.aws.errors import SdkError, code_of, failed
from fleetmend.aws.parameters import ParameterStore
from fleetmend.core.groups import Group, HealthPolicy
from fleetmend.core.model import Instance, Mode, Record, Selector
from fleetmend.core.ports import ObservationFailed, PortError
from fleetmend.core.record_json import RecordUnreadable, decode, encode
from fleetmend.core.subjects import from_key, to_key

Clients: TypeAlias = Callable[[str], Client]
"""Makes a boto3 client of a service, such as `clients("s3")`."""

ALL = "all"
"""The mode parameter that is in force for every concern; the stricter of two wins."""

_STRICTEST_FIRST = [Mode.OFF, Mode.OBSERVE, Mode.ACT]


class NotInstalled(PortError):
    """There is no such installation in this account and region."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the installation's parameter says of it.

    `queues` and `functions` are by concern: queue URLs and function ARNs.
    """

    project: str
    suffix: str
    region: str
    account: str
    ledger_bucket: str
    topic_arn: str
    queues: Mapping[str, str] = field(default_factory=dict[str, str])
    functions: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.project}/{self.suffix} in {self.region}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it stands, or stood: `unreadable` says why there is none in the bytes."""

    subject: str
    record: Record | None
    unreadable: str = ""
    written_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The record's fields as they stand in the ledger, or why they cannot be read."""
        if self.record is None:
            return {"subject": self.subject, "unreadable": self.unreadable}
        return cast("dict[str, Any]", json.loads(encode(self.record)))


def connect(region: str) -> Clients:
    """The AWS of a region with the credentials and endpoints that the environment gives."""
    session = cast("Client", Session)(region_name=region)

    @cache
    def made(service: str) -> Client:
        try:
            return client(service, session)
        except SdkError as error:
            raise failed(PortError, f"speaking to {service} in {region}", error) from error

    return made


def account(clients: Clients) -> str:
    """The account that the credentials are of.

    Raises:
        PortError: AWS does not know them.
    """
    return _identity(clients)["Account"]


def _identity(clients: Clients) -> Mapping[str, str]:
    try:
        return cast("Mapping[str, str]", clients("sts").get_caller_identity())
    except SdkError as error:
        raise failed(PortError, "sts:GetCallerIdentity", error) from error


class Installation:
    """One installation in one account and region.

    Args:
        facts: where everything is.
        clients: its AWS; see `connect`.
    """

    def __init__(self, facts: Facts, clients: Clients) -> None:
        self.facts = facts
        self._clients = clients
        self._path = f"/{facts.project}/{facts.suffix}"

    @classmethod
    def find(cls, clients: Clients, *, project: str, suffix: str, region: str) -> "Installation":
        """Find it by the parameter that its installation wrote.

        Raises:
            NotInstalled: there is no such parameter.
            PortError: AWS refused or did not answer, or the parameter is not what was written.
        """
        name = f"/{project}/{suffix}/installation"
        found = _parameters(clients("ssm"), [name])
        if name not in found:
            raise NotInstalled(
                f"there is no installation {project}/{suffix} in {region}",
                remedy="see --environment, --project and --region; or install it: fleetmend up",
            )
        return cls(_facts(name, found[name]), clients)

    def modes(self) -> dict[str, Mode]:
        """The mode of `all` and of each concern, as set; one that is not set is left out."""
        names = {concern: f"{self._path}/mode/{concern}" for concern in self._concerns}
        found = _parameters(self._clients("ssm"), list(names.values()))
        modes: dict[str, Mode] = {}
        for concern, name in names.items():
            if name in found:
                try:
                    modes[concern] = Mode(found[name].strip())
                except ValueError:
                    modes[concern] = Mode.OBSERVE  # as the functions take it
        return modes

    def set_mode(self, concern: str, mode: Mode) -> None:
        """Set the kill switch; controllers read it at their next run.

        Raises:
            PortError: it was not taken.
        """
        name = f"{self._path}/mode/{concern}"
        ParameterStore(self._clients("ssm")).put(name, mode.value, overwrite=True)

    def policy(self, concern: str) -> dict[str, Any]:
        """The settings that differ from the defaults: as deployed, and what people override."""
        return {**self.deployed(concern), **self.overrides(concern)}

    def deployed(self, concern: str) -> dict[str, Any]:
        """The settings that the last deployment wrote."""
        return self._settings(f"{concern}/policy")

    def overrides(self, concern: str) -> dict[str, Any]:
        """What people said since, and no deployment touches.

        Raises:
            PortError: it could not be read, or is no JSON object.
        """
        return self._settings(f"{concern}/overrides")

    def override(self, concern: str, values: Mapping[str, object]) -> None:
        """Say what goes before the deployed settings; controllers read it at their next run.

        Raises:
            PortError: it was not taken.
        """
        name, text = f"{self._path}/{concern}/overrides", json.dumps(values, sort_keys=True)
        ParameterStore(self._clients("ssm")).put(name, text, overwrite=True)

    def _settings(self, path: str) -> dict[str, Any]:
        name = f"{self._path}/{path}"
        text = _parameters(self._clients("ssm"), [name]).get(name, "{}")
        return _object(text, name)

    def stopped(self) -> list[Instance]:
        """The instances in recovery's scope that are down now, as EC2 tells it.

        Raises:
            ObservationFailed: a page could not be read.
        """
        fleet = Ec2Fleet(
            self._clients("ec2"), clock=lambda: datetime.now(UTC), remaining=lambda: timedelta(0)
        )
        given = self.policy("recovery").get("selector")
        selector = Selector(**cast("Mapping[str, str]", given)) if given else Selector()
        seen = fleet.observe([one.id for one in fleet.stopped(selector)])
        return [seen[name] for name in sorted(seen) if seen[name].state in STOPPED]

    def groups(self) -> list[Group]:
        """The groups in health's scope, as AWS tells of them.

        Raises:
            ObservationFailed: something about one of them could not be read.
        """
        clock, none = (lambda: datetime.now(UTC)), (lambda: timedelta(0))
        fleet = Ec2Fleet(self._clients("ec2"), clock=clock, remaining=none)
        policy = self.policy("health")
        groups = AutoScalingGroups(
            self._clients,
            fleet,
            clock=clock,
            remaining=none,
            alarm_prefix=str(policy.get("alarm_prefix", "")),
        )
        given = policy.get("selector")
        default = HealthPolicy().selector
        selector = Selector(**cast("Mapping[str, str]", given)) if given else default
        seen = groups.observe(groups.claimed(selector))
        found: list[Group] = []
        for name in sorted(seen):
            group = seen[name]
            if isinstance(group, ObservationFailed):
                raise group
            found.append(group)
        return found

    def open(self, concern: str) -> list[str]:
        """The subjects the ledger's index hints at; some of them may be closed by now."""
        prefix = f"open/{concern}/"
        parts = [str(item["Key"]).removeprefix(prefix) for item in self._list(prefix)]
        return [subject for subject in map(from_key, parts) if subject is not None]

    def records(self, concern: str, *, would: bool = False) -> list[Entry]:
        """Every record there is of a concern, the closed ones too; `would` for the dry run's."""
        prefix = f"{'would/' if would else ''}records/{concern}/"
        names = [str(item["Key"]).removeprefix(prefix) for item in self._list(prefix)]
        subjects = [from_key(name.removesuffix(".json")) for name in names]
        entries = (self.record(concern, one, would=would) for one in subjects if one is not None)
        return [entry for entry in entries if entry]

    def record(self, concern: str, subject: str, *, would: bool = False) -> Entry | None:
        """The record of one subject, or None where there is none."""
        key = f"{'would/' if would else ''}records/{concern}/{to_key(subject)}.json"
        body = self._get(key)
        return _entry(subject, body) if body is not None else None

    def versions(self, concern: str, subject: str, *, most: int) -> list[Entry]:
        """The record as it stood after each write, newest first: the bucket keeps the versions."""
        key = f"records/{concern}/{to_key(subject)}.json"
        bucket = self.facts.ledger_bucket
        try:
            page = self._clients("s3").list_object_versions(
                Bucket=bucket, Prefix=key, MaxKeys=min(1000, most)
            )
        except SdkError as error:
            raise failed(PortError, f"listing the versions of {key} in {bucket}", error) from error
        entries: list[Entry] = []
        for item in cast("list[Mapping[str, Any]]", page.get("Versions") or []):
            if item.get("Key") == key:
                body = self._get(key, VersionId=str(item.get("VersionId")))
                if body is not None:
                    entries.append(_entry(subject, body, item.get("LastModified")))
        return entries

    def report(self, concern: str, run: str) -> dict[str, Any] | None:
        """What a run reported, or None as long as it has not."""
        key = f"runs/{concern}/{run}.json"
        body = self._get(key)
        return None if body is None else _object(body.decode("utf-8", "replace"), key)

    def send(self, concern: str, message: Mapping[str, object]) -> None:
        """Put a message on the controller's queue.

        Raises:
            PortError: the installation has no such controller, or SQS did not take it.
        """
        url = self.facts.queues.get(concern)
        if url is None:
            known = ", ".join(sorted(self.facts.queues)) or "none"
            raise PortError(
                f"{self.facts.name} has no controller for {concern}",
                remedy=f"it has: {known}",
            )
        try:
            self._clients("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(message))
        except SdkError as error:
            raise failed(PortError, f"sqs:SendMessage to {url}", error) from error

    def caller(self) -> str:
        """The AWS identity that calls: the name to put beside a hold."""
        return _identity(self._clients)["Arn"].rsplit(":", 1)[-1]

    @property
    def _concerns(self) -> list[str]:
        return [ALL, *sorted({*self.facts.queues, *self.facts.functions})]

    def _list(self, prefix: str) -> list[Mapping[str, Any]]:
        pages = self._clients("s3").get_paginator("list_objects_v2")
        bucket = self.facts.ledger_bucket
        try:
            return [
                item
                for page in pages.paginate(Bucket=bucket, Prefix=prefix)
                for item in page.get("Contents") or ()
            ]
        except SdkError as error:
            raise failed(PortError, f"listing {prefix} in {bucket}", error) from error

    def _get(self, key: str, **version: str) -> bytes | None:
        bucket = self.facts.ledger_bucket
        try:
            answer = self._clients("s3").get_object(Bucket=bucket, Key=key, **version)
            return cast("bytes", answer["Body"].read())
        except SdkError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise failed(PortError, f"reading {key} in {bucket}", error) from error


def in_force(modes: Mapping[str, Mode], concern: str) -> Mode:
    """The mode of a concern: the stricter of its own and of that for all.

    One that is missing counts as observe, as it does for the functions.
    """
    given = [modes.get(name, Mode.OBSERVE) for name in (ALL, concern)]
    return min(given, key=_STRICTEST_FIRST.index)


def _parameters(ssm: Client, names: list[str]) -> dict[str, str]:
    """Values by name; a name that does not exist is left out."""
    return {name: parameter.value for name, parameter in ParameterStore(ssm).read(names).items()}


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        loaded: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PortError(f"{place} is not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise PortError(f"{place} is not a JSON object")
    return cast("dict[str, Any]", loaded)


def _facts(name: str, text: str) -> Facts:
    found = _object(text, f"the parameter {name}")
    texts = ("project", "suffix", "region", "account", "ledger_bucket", "topic_arn")
    missing = [key for key in texts if not isinstance(found.get(key), str)]
    missing += [key for key in ("queues", "functions") if not isinstance(found.get(key), dict)]
    if missing:
        raise PortError(
            f"the parameter {name} does not say: {', '.join(missing)}",
            remedy="it was written by another release or by hand; `fleetmend up` writes it anew",
        )
    return Facts(
        **{key: str(found[key]) for key in texts},
        queues=cast("Mapping[str, str]", found["queues"]),
        functions=cast("Mapping[str, str]", found["functions"]),
    )


def _entry(subject: str, body: bytes, written_at: datetime | None = None) -> Entry:
    try:
        record = decode(body)
    except RecordUnreadable as error:
        return Entry(subject, None, str(error), written_at)
    return Entry(subject, record, "", record.written_at or written_at)

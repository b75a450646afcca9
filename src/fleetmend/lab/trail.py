"""CloudTrail's event history: who called what on which instances, as LookupEvents shows it.

Both worlds write into it what happened there, and it answers in both. The forms are those of the
CloudTrail User Guide ("CloudTrail record contents for management, data, and network activity
events", "CloudTrail userIdentity element") and of the CloudTrail API Reference (LookupEvents).
Noted are the calls of EC2 in `CALLS`; what AWS does without a call, such as a lost host or what
Auto Scaling does by itself, leaves nothing here.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import NAMESPACE_URL, uuid5

from fleetmend.lab.sim.replies import CODES, STATUS, AwsError

LATE = timedelta(minutes=3)
"""How long after a call its event is shown (CloudTrail User Guide: about five minutes)."""

BORN = timedelta(days=1)
"""How long a fleet has been there when a scenario begins."""

KEPT = timedelta(days=90)
RATE = 2
"""LookupEvents answered in a second, for the account and region."""

PAGE = 50
"""The most events of one answer, and the usual number."""

SOURCE = "ec2.amazonaws.com"
_MOVES = {"RebootInstances", "StartInstances", "StopInstances", "TerminateInstances"}
_TAGS = {"CreateTags", "DeleteTags"}
CALLS = frozenset({*_MOVES, *_TAGS, "ModifyInstanceAttribute", "RunInstances"})
"""The calls that are noted."""

ATTRIBUTES = frozenset(
    {"AccessKeyId", "EventId", "EventName", "EventSource"}
    | {"ReadOnly", "ResourceName", "ResourceType", "Username"}
)
"""What events can be looked up by."""

_INSTANCE = "AWS::EC2::Instance"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it is: an IAM user, a session of a role, or a service of AWS."""

    kind: Literal["IAMUser", "AssumedRole", "AWSService"]
    name: str
    session: str = ""

    @classmethod
    def of(cls, by: str) -> "Caller":
        """Who a scenario means: `ana`, `deploy/run-7` (role and session), `x.amazonaws.com`."""
        if by.endswith(".amazonaws.com"):
            return cls("AWSService", by)
        role, _, session = by.partition("/")
        return cls("AssumedRole", role, session) if session else cls("IAMUser", by)

    @property
    def username(self) -> str:
        """What LookupEvents calls him: a user's name, or a session's; a service has none."""
        return self.session or (self.name if self.kind == "IAMUser" else "")

    @property
    def access_key(self) -> str:
        """The key that signs for him; a service shows none."""
        kinds = {"IAMUser": "AKIA", "AssumedRole": "ASIA", "AWSService": ""}
        return _unique(kinds[self.kind], f"{self.name}/{self.session}", 16)

    def identity(self, account: str, at: datetime) -> dict[str, Any]:
        """The record's element `userIdentity`."""
        if self.kind == "AWSService":
            return {"type": self.kind, "invokedBy": self.name}
        key = {"accountId": account, "accessKeyId": self.access_key}
        if self.kind == "IAMUser":
            return {
                "type": self.kind,
                "principalId": _unique("AIDA", self.name, 17),
                "arn": f"arn:aws:iam::{account}:user/{self.name}",
                **key,
                "userName": self.name,
            }
        issuer = _unique("AROA", self.name, 17)
        return {
            "type": self.kind,
            "principalId": f"{issuer}:{self.session}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{self.name}/{self.session}",
            **key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": issuer,
                    "arn": f"arn:aws:iam::{account}:role/{self.name}",
                    "accountId": account,
                    "userName": self.name,
                },
                "attributes": {"creationDate": _iso(at), "mfaAuthenticated": "false"},
            },
        }


@dataclass(frozen=True, slots=True)
class Event:
    """One call. `made` is what the answer says of instances, in the words of the record."""

    number: int
    at: datetime
    call: str
    by: Caller
    ids: tuple[str, ...]
    tags: Mapping[str, str]
    made: Sequence[Mapping[str, Any]]
    error: str

    @property
    def id(self) -> str:
        """Its own id; the same in every replay."""
        return str(uuid5(NAMESPACE_URL, f"event/{self.number}/{_iso(self.at)}"))

    def values(self) -> dict[str, set[str]]:
        """What it can be looked up by."""
        return {
            "AccessKeyId": {self.by.access_key},
            "EventId": {self.id},
            "EventName": {self.call},
            "EventSource": {SOURCE},
            "ReadOnly": {"false"},
            "ResourceName": set(self.ids),
            "ResourceType": {_INSTANCE},
            "Username": {self.by.username},
        }

    def shown(self, account: str, region: str) -> dict[str, Any]:
        """As LookupEvents gives it; what there is none of is left out."""
        resources = [
            {"ResourceName": one, **({"ResourceType": _INSTANCE} if one[:2] == "i-" else {})}
            for one in self.ids
        ]
        whole = {
            "EventId": self.id,
            "EventName": self.call,
            "ReadOnly": "false",
            "AccessKeyId": self.by.access_key,
            "EventTime": self.at,
            "EventSource": SOURCE,
            "Username": self.by.username,
            "Resources": resources,
            "CloudTrailEvent": json.dumps(self.record(account, region)),
        }
        return {name: value for name, value in whole.items() if value != ""}

    def record(self, account: str, region: str) -> dict[str, Any]:
        """The record itself."""
        by_service = self.by.kind == "AWSService"
        fault = "Server" if STATUS.get(self.error, 400) >= 500 else "Client"
        refused = {"errorCode": f"{fault}.{self.error}", "errorMessage": self.error}
        return {
            "eventVersion": "1.11",
            "userIdentity": self.by.identity(account, self.at),
            "eventTime": _iso(self.at),
            "eventSource": SOURCE,
            "eventName": self.call,
            "awsRegion": region,
            "sourceIPAddress": self.by.name if by_service else "192.0.2.1",
            "userAgent": self.by.name if by_service else "Boto3",
            **(refused if self.error else {}),
            "requestParameters": self._asked(),
            "responseElements": None if self.error else self._answered(),
            "requestID": str(uuid5(NAMESPACE_URL, f"request/{self.number}/{_iso(self.at)}")),
            "eventID": self.id,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
        }

    def _asked(self) -> dict[str, Any]:
        if self.call in _TAGS:
            tags = [{"key": key, "value": value} for key, value in self.tags.items()]
            named = [{"resourceId": one} for one in self.ids]
            return {"resourcesSet": {"items": named}, "tagSet": {"items": tags}}
        if self.call == "RunInstances":
            number = max(1, len(self.ids))
            return {"instancesSet": {"items": [{"minCount": number, "maxCount": number}]}}
        if self.call == "ModifyInstanceAttribute":
            return {"instanceId": self.ids[0]} if self.ids else {}
        force = {"force": False} if self.call == "StopInstances" else {}
        return {"instancesSet": {"items": [{"instanceId": one} for one in self.ids]}, **force}

    def _answered(self) -> dict[str, Any]:
        if self.made:
            return {"instancesSet": {"items": [dict(one) for one in self.made]}}
        return {"_return": True}


class EventHistory:
    """What was called, by whom, in one account and region.

    `clock` is the world's time, which goes by `speed` as fast as the scenario's.
    """

    def __init__(
        self, account: str, region: str, clock: Callable[[], datetime], *, speed: float = 1.0
    ) -> None:
        self._account, self._region = account, region
        self._clock = clock
        self._second = timedelta(seconds=1) / speed
        self.late = LATE / speed
        """How long after a call its event is shown."""
        self._events: list[Event] = []
        self._asked: list[datetime] = []

    def note(
        self,
        call: str,
        by: Caller,
        ids: Sequence[str],
        *,
        tags: Mapping[str, str] | None = None,
        made: Sequence[Mapping[str, Any]] = (),
        error: str = "",
        ago: timedelta = timedelta(0),
    ) -> None:
        """One call that EC2 took, or refused with `error`; its time is in whole seconds."""
        at = (self._clock() - ago).replace(microsecond=0)
        number = len(self._events) + 1
        self._events.append(Event(number, at, call, by, tuple(ids), tags or {}, made, error))

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as CloudTrail would refuse it.
        """
        if operation != "LookupEvents":
            raise NotImplementedError(f"cloudtrail:{operation} is not simulated")
        now = self._clock()
        self._meter(now)
        key, value = _attribute(params)
        most = int(params.get("MaxResults", PAGE))
        if not 1 <= most <= PAGE:
            raise AwsError("InvalidMaxResultsException", f"1 to {PAGE}, not {most}")
        first, last = params.get("StartTime", now - KEPT), params.get("EndTime", now)
        if first > last:
            raise AwsError("InvalidTimeRangeException", "the start is after the end")
        found = [
            one
            for one in sorted(self._events, key=lambda one: (one.at, one.number), reverse=True)
            if max(first, now - KEPT) <= one.at <= last
            and one.at + self.late <= now
            and (not key or value in one.values()[key])
        ]
        page = found[_place(params, found) :]
        more = {"NextToken": _token(params, page[most - 1])} if len(page) > most else {}
        events = [one.shown(self._account, self._region) for one in page[:most]]
        return {"Events": events, **more}

    def _meter(self, now: datetime) -> None:
        self._asked = [at for at in self._asked if at > now - self._second]
        if len(self._asked) >= RATE:
            raise AwsError("ThrottlingException", "Rate exceeded")
        self._asked.append(now)


def state(name: str) -> dict[str, Any]:
    """A state of an instance, in the words of a record."""
    return {"code": CODES[name], "name": name}


def moved(before: Mapping[str, str], now: str) -> list[dict[str, Any]]:
    """What EC2 answers of instances, by id in these states before, that it moved into another."""
    return [
        {"instanceId": one, "currentState": state(now), "previousState": state(was)}
        for one, was in before.items()
    ]


def _attribute(params: Mapping[str, Any]) -> tuple[str, str]:
    """What is looked up, empty where all is. There may be one attribute, and no more."""
    wanted = cast("Sequence[Mapping[str, str]]", params.get("LookupAttributes") or ())
    if not wanted:
        return "", ""
    key = wanted[0]["AttributeKey"]
    if len(wanted) > 1 or key not in ATTRIBUTES:
        raise AwsError("InvalidLookupAttributesException", "one attribute that there is")
    return key, wanted[0]["AttributeValue"]


def _token(params: Mapping[str, Any], last: Event) -> str:
    """Where to go on; good for the same parameters only."""
    asked = sorted((name, value) for name, value in params.items() if name != "NextToken")
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
    return base64.urlsafe_b64encode(f"{last.number}/{digest}".encode()).decode()


def _place(params: Mapping[str, Any], found: Sequence[Event]) -> int:
    """How many of those found were given already."""
    token = params.get("NextToken")
    if not token:
        return 0
    for index, one in enumerate(found):
        if _token(params, one) == token:
            return index + 1
    raise AwsError("InvalidNextTokenException", "a token of another question")


def _unique(prefix: str, name: str, length: int) -> str:
    """An id as IAM makes them, empty without a prefix; always the same for a name."""
    word = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
    return f"{prefix}{word[:length]}" if prefix else ""


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")

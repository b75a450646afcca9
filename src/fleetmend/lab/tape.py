"""The raw recording of a simulation: every call with what it carried, for the history checker."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}|mass-(?:stop|impaired)")
_OF_A_GROUP = re.compile(r"(would/)?(records|open|aside)/health/(?P<name>[^/]+?)(\.json|/.*)?$")


@dataclass
class Call:
    """One HTTP request. Times in seconds from the start.

    `at` is when it was sent, `done` when AWS took or refused it; None when it never got there.
    `error` is AWS's code. `lost` says that the caller never saw the answer. `written` is the
    body of an S3 write as JSON, None when it is not JSON. `injected` says that the error is a
    fault's and not the model's; `frozen` that the run was paused right before sending it;
    `culprits` are the ids for whose sake EC2 refused the whole call.
    """

    n: int
    run: int
    at: float
    service: str
    operation: str
    params: Mapping[str, Any]
    subjects: tuple[str, ...] = ()
    done: float | None = None
    error: str = ""
    lost: bool = False
    written: Any = None
    injected: bool = False
    frozen: bool = False
    culprits: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Such as `ec2:StartInstances`."""
        return f"{self.service}:{self.operation}"

    @property
    def took_effect(self) -> bool:
        """Whether AWS did what it asked."""
        return self.done is not None and not self.error

    @property
    def key(self) -> str:
        """The S3 key."""
        return str(self.params.get("Key", ""))


@dataclass
class Run:
    """One run of the function; `paused` are the spans (from, to) in which it was frozen."""

    n: int
    trigger: str
    began: float
    ended: float | None = None
    how: str = ""
    error: str = ""
    calls: int = 0
    paused: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])


@dataclass(frozen=True)
class Told:
    """One fact that the topic accepted."""

    at: float
    run: int
    fact: str
    subject: str
    kind: str


@dataclass(frozen=True)
class Truth:
    """What was really so: an instance entered a state, or was told to be left alone.

    `stores` says that it has volumes on its host, `type` is its instance type,
    `zone` the Availability Zone that it is in. `timed` says that EC2 names the time of its stop.
    """

    at: float
    id: str
    what: str
    tags: Mapping[str, str]
    operator: str = ""
    stores: bool = False
    type: str = ""
    zone: str = ""
    timed: bool = False


@dataclass(frozen=True)
class Said:
    """What a person or a fault said about a subject: `retry`, `garbage`, `mode:off`."""

    at: float
    word: str
    id: str = ""


@dataclass
class Tape:
    """Everything that was said and done, in time order."""

    calls: list[Call] = field(default_factory=list[Call])
    runs: list[Run] = field(default_factory=list[Run])
    told: list[Told] = field(default_factory=list[Told])
    truths: list[Truth] = field(default_factory=list[Truth])
    said: list[Said] = field(default_factory=list[Said])
    fired: dict[str, int] = field(default_factory=dict[str, int])

    def fire(self, what: str) -> None:
        """Count that a fault took place."""
        self.fired[what] = self.fired.get(what, 0) + 1


def extras(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the history tells of a call beside whom it names: what it sets."""
    if "HealthStatus" in params:
        return {"health": params["HealthStatus"]}
    if "InstanceType" in params and "InstanceId" in params:
        return {"type": params["InstanceType"]["Value"]}
    if "Resources" in params:
        return {"tags": {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", ())}}
    return {}


def subjects(service: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """The instance ids that a call names."""
    match service:
        case "ec2":
            one = params.get("InstanceId") or _origin(params)
            found = params.get("InstanceIds") or params.get("Resources")
            return tuple(found or ((one,) if one else ()))
        case "autoscaling":
            named = [params.get("InstanceId"), params.get("AutoScalingGroupName")]
            return tuple(str(name) for name in named if name)
        case "s3":
            key = str(params.get("Key", ""))
            group = _OF_A_GROUP.match(key)
            return (unquote(group["name"]),) if group else tuple(_INSTANCE.findall(key))
        case "sqs":
            entries = cast("list[Mapping[str, Any]]", params.get("Entries", [params]))
            return _named([entry.get("MessageBody", "") for entry in entries])
        case "sns":
            return _named([default_text(params)])
        case "sts":
            return (str(params.get("RoleArn", "")).split(":")[4],)  # the account
        case _:
            return ()


def _origin(params: Mapping[str, Any]) -> str:
    """The instance for which something is made, as the mark among its tags says."""
    marks = [
        str(tag["Value"])
        for each in params.get("TagSpecifications", ())
        for tag in each["Tags"]
        if tag["Key"] in {"fleetmend:rebuilt-from", "fleetmend:restored-for"}
    ]
    return marks[0] if marks else ""


def _named(texts: Iterable[object]) -> tuple[str, ...]:
    """The instances in these texts, or else the subjects that they say they are about."""
    found = _INSTANCE.findall(" ".join(map(str, texts)))
    if not found:
        told = [as_json(text) for text in texts]
        bodies = [cast("Mapping[str, Any]", one) for one in told if isinstance(one, dict)]
        found = [str(body["subject"]) for body in bodies if "subject" in body]
    return tuple(dict.fromkeys(found))


def default_text(params: Mapping[str, Any]) -> str:
    """What a Publish says to subscribers whose protocol has no text of its own."""
    message = params.get("Message", "")
    texts = as_json(message) if params.get("MessageStructure") == "json" else None
    return str(cast("Mapping[str, Any]", texts).get("default", "") if texts else message)


def as_json(body: object) -> object:
    """Bytes or text as JSON; None when they are not."""
    try:
        return json.loads(body) if isinstance(body, (str, bytes, bytearray)) else None
    except ValueError:
        return None

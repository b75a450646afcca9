"""What a function called, as recorded by the lab: JSON lines, in the order of the calls.

The first line says for which function, and with which environment it ran; every other line is one
call:

    {"function": "recovery", "account": "123456789012", "region": "us-east-1", "environment": {…}}
    {"service": "ec2", "operation": "StartInstances", "params": {"InstanceIds": ["i-…"]},
     "tags": {"i-…": {"Auto-Recover": "true"}}, "error": ""}
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
"""How AWS says that it does not allow a call."""

ABSENT = frozenset({"NoSuchKey", "404"})
"""How S3 says that there is no such object; it says so only to who may list the bucket."""


class RecordingError(ValueError):
    """A recording cannot be read; the message names the line and what would be valid."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to AWS.

    `params` are botocore's. `tags` are those that each named resource had when the call was made,
    by its id. `keys` are the KMS keys of the volumes of an instance, by instance id. `error` is
    AWS's code, empty where the call was taken.
    """

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    error: str = ""

    @property
    def name(self) -> str:
        """Such as `ec2:StartInstances`."""
        return f"{self.service}:{self.operation}"

    @property
    def was_denied(self) -> bool:
        """Whether AWS refused it for want of rights."""
        return self.error in DENIED

    def as_json(self) -> dict[str, Any]:
        """The line in a recording; what is empty is left out."""
        found: dict[str, Any] = {"service": self.service, "operation": self.operation}
        optional = {
            "params": dict(self.params),
            "tags": {key: dict(tags) for key, tags in self.tags.items()},
            "keys": {key: list(keys) for key, keys in self.keys.items()},
            "error": self.error,
        }
        return found | {name: value for name, value in optional.items() if value}


@dataclass(frozen=True, slots=True)
class Recording:
    """The calls of one function, and where it ran."""

    function: str
    account: str
    region: str
    environment: Mapping[str, str]
    calls: tuple[Call, ...]

    def lines(self) -> Iterator[str]:
        """The recording as JSON lines; `read` reads them back."""
        head = {
            "function": self.function,
            "account": self.account,
            "region": self.region,
            "environment": dict(self.environment),
        }
        for item in (head, *(call.as_json() for call in self.calls)):
            yield json.dumps(item, sort_keys=True)


def read(lines: Iterable[str], source: str = "recording") -> tuple[Recording, ...]:
    """The recordings in these lines.

    Args:
        lines: JSON lines; a line with `function` begins a recording. Empty lines do not count.
        source: What to call them in messages.

    Raises:
        RecordingError: A line is not one of a recording.
    """
    heads: list[Mapping[str, Any]] = []
    calls: list[list[Call]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        item = _object(line, f"{source}, line {number}")
        if "function" in item:
            heads.append(_head(item, f"{source}, line {number}"))
            calls.append([])
        elif not heads:
            raise RecordingError(f"{source}, line {number}: a line with `function` comes first")
        else:
            calls[-1].append(_call(item, f"{source}, line {number}"))
    return tuple(
        Recording(h["function"], h["account"], h["region"], h["environment"], tuple(found))
        for h, found in zip(heads, calls, strict=True)
    )


def _object(line: str, place: str) -> Mapping[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise RecordingError(f"{place}: not JSON at column {error.colno}: {error.msg}") from None
    if not isinstance(item, dict):
        raise RecordingError(f"{place}: not a JSON object")
    return cast("dict[str, Any]", item)


def _head(item: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    for key in ("function", "account", "region"):
        if not isinstance(item.get(key), str):
            raise RecordingError(f"{place}: `{key}` is missing or no text")
    if not isinstance(item.get("environment"), dict):
        raise RecordingError(f"{place}: `environment` is missing or no object")
    return item


def _call(item: Mapping[str, Any], place: str) -> Call:
    for key in ("service", "operation"):
        if not isinstance(item.get(key), str):
            raise RecordingError(f"{place}: `{key}` is missing or no text")
    for key in ("params", "tags", "keys"):
        if not isinstance(item.get(key, {}), dict):
            raise RecordingError(f"{place}: `{key}` is no object")
    keys = cast("dict[str, list[str]]", item.get("keys", {}))
    return Call(
        service=item["service"],
        operation=item["operation"],
        params=item.get("params", {}),
        tags=item.get("tags", {}),
        keys={name: tuple(found) for name, found in keys.items()},
        error=str(item.get("error", "")),
    )

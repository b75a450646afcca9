"""One AWS request as it stands on the wire: who sent it, what it asks, whom it names.

Both gateways (moto's and MiniStack's) read requests with `read` and keep them on a `Tape`.
"""

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qs, unquote

import botocore.loaders

LAB = "fleetmend-lab"
"""The SDK application id of the lab's own clients; no fault ever strikes them."""

_READ_AT_MOST = 262_144  # of a body, in bytes: an artifact being uploaded names nobody
_INSTANCE = re.compile(r"\bi-(?:[0-9a-f]{17}|[0-9a-f]{8})\b")
_SCOPE = re.compile(r"Credential=([^/,\s]+)/[^/]+/([^/]+)/([^/]+)/aws4_request")
_APP = re.compile(r"\bapp/(\S+)")
EXECUTION_ENVIRONMENT = "AWS_Lambda_python3."
"""What the SDK of a function says it runs in; in the lab the process id follows."""

_PROCESS = re.compile(rf"\bexec-env/{re.escape(EXECUTION_ENVIRONMENT)}(\d+)")
_REST = {"s3": "s3", "lambda": "lambda", "scheduler": "scheduler"}


@dataclass(frozen=True, slots=True)
class WireCall:
    """One HTTP request, and what was answered.

    `at` and `took` are in real seconds (`at` since the epoch). `caller` is the SDK's application
    id: the function's name for a function, empty for a stranger. `process` is the process the
    function runs in, 0 for others. `invocation` is the SDK's own
    id, the same for every retry of one call. `resource` is the bucket and key, queue, topic or
    parameter it names, where the request says so. `error` is AWS's code, empty if accepted;
    `lost` says that it took effect and the answer never left.
    """

    at: float
    service: str
    operation: str
    caller: str = ""
    process: int = 0
    access_key: str = ""
    invocation: str = ""
    region: str = ""
    resource: str = ""
    subjects: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: int = 0
    error: str = ""
    lost: bool = False
    took: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The call as plain JSON values; `from_json` reads it back."""
        return {**asdict(self), "subjects": list(self.subjects)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "WireCall":
        """The call that `as_json` wrote."""
        given: dict[str, Any] = dict(data)
        given["subjects"] = tuple(given["subjects"])
        return WireCall(**given)

    def with_body(self, body: bytes) -> "WireCall":
        """The call with its body as text among the parameters."""
        text = body.decode("utf-8", "replace")
        return replace(self, parameters={**self.parameters, "Body": text})

    def answered(self, status: int, error: str = "", *, lost: bool = False) -> "WireCall":
        """The call with its answer, timed now."""
        took = time.time() - self.at
        return replace(self, status=status, error=error, lost=lost, took=took)


class Tape:
    """Every call in the order it was answered; safe to use from several threads."""

    def __init__(self) -> None:
        self._calls: list[WireCall] = []
        self._lock = threading.Lock()

    def add(self, call: WireCall) -> None:
        """Keep one call."""
        with self._lock:
            self._calls.append(call)

    def since(self, index: int) -> list[WireCall]:
        """The calls from the `index`-th on, counted from 0."""
        with self._lock:
            return self._calls[index:]


def read(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> WireCall:
    """What a request asks; `headers` in lower case, `path` still percent-encoded.

    A request that cannot be understood comes back with an empty operation, never as an error:
    the emulator behind may well know it.
    """
    scope = _SCOPE.search(headers.get("authorization", ""))
    access_key, region, signed = scope.groups() if scope else ("", "", "")
    agent = headers.get("user-agent", "")
    app, process = _APP.search(agent), _PROCESS.search(agent)
    text = body[:_READ_AT_MOST].decode("utf-8", "replace")
    service, operation, parameters = _asked(signed, method, path, query, headers, text)
    named = _INSTANCE.findall(unquote(f"{path} {query} {text}"))
    return WireCall(
        at=time.time(),
        service=service,
        operation=operation,
        caller=unquote(app.group(1)) if app else "",
        process=int(process.group(1)) if process else 0,
        access_key=access_key,
        invocation=headers.get("amz-sdk-invocation-id", ""),
        region=region,
        resource=_resource(service, path, parameters),
        subjects=tuple(dict.fromkeys(named)),
        parameters=parameters,
    )


def _asked(
    signed: str, method: str, path: str, query: str, headers: Mapping[str, str], text: str
) -> tuple[str, str, dict[str, Any]]:
    """Service, operation and parameters, by whichever protocol the request speaks."""
    target = headers.get("x-amz-target", "")
    if target:
        return signed, target.rpartition(".")[2], _json_object(text)
    if "/operation/" in path:  # smithy rpc-v2: /service/X/operation/Y, the body is CBOR
        return signed, path.rpartition("/")[2], {}
    if signed in _REST:
        return signed, _rest_operation(signed, method, path, query, headers), _flat(query)
    form = _flat(text) if "form-urlencoded" in headers.get("content-type", "") else {}
    form = form or _flat(query)
    return signed, str(form.pop("Action", "")), form


def _flat(text: str) -> dict[str, Any]:
    """A query string or form as a dictionary; AWS repeats no key, so the first value is it."""
    return {key: values[0] for key, values in parse_qs(text, keep_blank_values=True).items()}


def tags_in(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an EC2 request, such as CreateTags has them: `Tag.1.Key`, `Tag.1.Value`."""
    keys = (key for key in parameters if re.fullmatch(r"Tag\.\d+\.Key", key))
    return {
        str(parameters[key]): str(parameters.get(key.removesuffix("Key") + "Value", ""))
        for key in keys
    }


def _json_object(text: str) -> dict[str, Any]:
    try:
        data: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def _resource(service: str, path: str, parameters: Mapping[str, Any]) -> str:
    """What the request is about, in the service's own words."""
    if service in _REST:
        return unquote(path).strip("/")
    for key in ("QueueUrl", "TopicArn", "Names", "Name", "KeyId", "logGroupName"):
        value: Any = parameters.get(key)
        if value:
            return ",".join(cast("list[str]", value)) if isinstance(value, list) else str(value)
    return ""


@dataclass(frozen=True, slots=True)
class _Route:
    """How one operation of a REST service looks: path, fixed and required query keys."""

    name: str
    method: str
    path: re.Pattern[str]
    fixed: frozenset[str]
    required: frozenset[str]


@lru_cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Every operation of a REST service, from botocore's own model of it."""
    loader: Any = botocore.loaders.Loader()
    model: dict[str, Any] = loader.load_service_model(service, "service-2")
    routes: list[_Route] = []
    for name, operation in model["operations"].items():
        path, _, query = operation["http"]["requestUri"].partition("?")
        parts = re.split(r"(\{\w+\+?\})", path.rstrip("/"))
        pattern = "".join(
            ("(.+)" if part.endswith("+}") else "([^/]+)") if part[:1] == "{" else re.escape(part)
            for part in parts
        )
        given = operation.get("input", {}).get("shape", "")
        shape: dict[str, Any] = model["shapes"].get(given, {})
        required = frozenset(
            shape["members"][member]["locationName"]
            for member in shape.get("required", ())
            if shape["members"][member].get("location") == "querystring"
        )
        fixed = frozenset(part.partition("=")[0] for part in query.split("&") if part)
        routes.append(
            _Route(name, operation["http"]["method"], re.compile(pattern + "/?"), fixed, required)
        )
    return tuple(routes)


def _rest_operation(
    service: str, method: str, path: str, query: str, headers: Mapping[str, str]
) -> str:
    """The operation a REST request means: the most specific route that fits it."""
    keys = set(_flat(query))
    best, operation = -1, ""
    for route in _routes(service):
        weight = len(route.fixed) * 2 + len(route.required)
        if (
            weight > best
            and route.method == method
            and route.fixed | route.required <= keys
            and route.path.fullmatch(path)
        ):
            best, operation = weight, route.name
    if service == "s3" and operation in {"PutObject", "CopyObject"}:
        return "CopyObject" if "x-amz-copy-source" in headers else "PutObject"
    return operation

"""The engine's side of the capture: it answers registrations and takes note of them.

Pulumi's own `MockMonitor` is the base; `Mocks` alone would not do, since its arguments carry no
parent, dependencies or options.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import alias_pb2, resource_pb2

from fleetmend.core.graph import Node
from fleetmend.deploy.outputs import invoke_outputs, resource_outputs
from fleetmend.deploy.problems import Problem
from fleetmend.deploy.tokens import token
from fleetmend.deploy.wire import Decoded, decode, encode

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"
_PROVIDER_ID = "id"


class _NoMocks(Mocks):
    """The base class asks for one; `CaptureMonitor` never calls it."""

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError(args.typ)


@dataclass(slots=True)
class Seen:
    """What the program registered, in no particular order (registrations arrive on threads)."""

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    invokes: dict[str, Node] = field(default_factory=dict[str, Node])
    outputs: Decoded = field(default_factory=Decoded)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    problems: list[Problem] = field(default_factory=list[Problem])


class CaptureMonitor(MockMonitor):
    """Answers with tokens and keeps every request as a `Node`."""

    def __init__(self, project: str, stack: str) -> None:
        super().__init__(_NoMocks())
        self.seen = Seen()
        self._project = project
        self._stack = stack
        self._lock = threading.Lock()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The URN as the real engine builds it: the root stack is no part of the path."""
        path = parent.split("::")[2] if parent else ""
        qualified = type_ if path in {"", STACK_TYPE} else f"{path}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{qualified}::{name}"

    def RegisterResource(  # noqa: N802 gRPC's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Note a resource, answer with its tokens."""
        decoded = decode(request.object)
        urn = self.make_urn(request.parent, request.type, request.name)
        provider = request.type.startswith(PROVIDER_PREFIX)
        node = Node(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=_provider_inputs(decoded.values) if provider else decoded.values,
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                key: tuple(sorted(request.propertyDependencies[key].urns))
                for key in sorted(request.propertyDependencies)
            },
            provider=_provider_urn(request.provider),
            options=_options(request),
            secret_paths=tuple(decoded.secret_paths),
        )
        with self._lock:
            if urn in self.seen.nodes:
                self.seen.problems.append(_duplicate(urn))
            self.seen.nodes[urn] = node
            self.seen.problems += _unsupported(node, request)
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if provider:
            return resource_pb2.RegisterResourceResponse(
                urn=urn, id=_PROVIDER_ID, object=request.object
            )
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=token(urn, "id"), object=self._answer(node)
        )

    def ReadResource(  # noqa: N802 gRPC's name
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Note a resource that exists already (`Vpc.get(...)`): `options["read"]` is its id."""
        decoded = decode(request.properties)
        urn = self.make_urn(request.parent, request.type, request.name)
        node = Node(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            inputs=decoded.values,
            dependencies=tuple(sorted(request.dependencies)),
            provider=_provider_urn(request.provider),
            options={"read": request.id},
            secret_paths=tuple(decoded.secret_paths),
        )
        with self._lock:
            if urn in self.seen.nodes:
                self.seen.problems.append(_duplicate(urn))
            self.seen.nodes[urn] = node
        return resource_pb2.ReadResourceResponse(urn=urn, properties=self._answer(node))

    def Invoke(  # noqa: N802 gRPC's name
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        """Note a data source; two calls that ask the same are one."""
        decoded = decode(request.args)
        provider = _provider_urn(request.provider)
        asked = json.dumps([request.tok, decoded.values, provider], sort_keys=True)
        digest = hashlib.sha256(asked.encode()).hexdigest()[:12]
        urn = self.make_urn("", f"invoke:{request.tok}", digest)
        node = Node(
            urn=urn,
            type=request.tok,
            name=digest,
            inputs=decoded.values,
            provider=provider,
            dependencies=tuple(sorted(request.dependsOn)),
        )
        outputs = invoke_outputs(request.tok, urn, decoded.values)
        with self._lock:
            self.seen.invokes[urn] = node
            if outputs is None:
                self.seen.problems.append(
                    Problem(
                        urn,
                        "",
                        "unsupported",
                        f"nothing is known about the function {request.tok}",
                        "Use one of pulumi_aws's data sources.",
                    )
                )
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(encode(outputs or {}, frozenset()))
        return response

    def RegisterResourceOutputs(  # noqa: N802 gRPC's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        """Keep the root's outputs: those are the stack's."""
        if request.urn.split("::")[2] == STACK_TYPE:
            with self._lock:
                self.seen.outputs = decode(request.outputs)
        return empty_pb2.Empty()

    def RegisterStackTransform(  # noqa: N802 gRPC's name
        self,
        request: object,  # noqa: ARG002
    ) -> empty_pb2.Empty:
        """Refuse: the engine runs these, and here is none."""
        with self._lock:
            self.seen.problems.append(_transform(self.make_urn("", STACK_TYPE, self._stack)))
        return empty_pb2.Empty()

    def _answer(self, node: Node) -> struct_pb2.Struct:
        outputs = resource_outputs(node.type, node.urn, node.inputs)
        with self._lock:
            if outputs is None:
                self.seen.problems.append(
                    Problem(
                        node.urn,
                        "",
                        "unsupported",
                        f"nothing is known about the type {node.type}",
                        "Only resources of a generated SDK such as pulumi_aws can be captured.",
                    )
                )
                outputs = dict(node.inputs)
            self.seen.answers[node.urn] = outputs
        secret = {path.partition(".")[0].partition("[")[0] for path in node.secret_paths}
        secret.update(node.options.get("additionalSecretOutputs", ()))
        return encode(outputs, frozenset(secret))


def _provider_inputs(values: dict[str, Any]) -> dict[str, Any]:
    """A provider's inputs as what they mean: the SDK sends all but texts as JSON in a text."""
    plain = dict(values)
    for name, value in values.items():
        if isinstance(value, str) and (value[:1] in {"{", "["} or value in {"true", "false"}):
            plain[name] = json.loads(value)
    return plain


def _provider_urn(reference: str) -> str:
    """A provider reference is `{urn}::{id}`."""
    return reference.rpartition("::")[0]


def _aliases(request: resource_pb2.RegisterResourceRequest) -> list[Any]:
    aliases = cast("Sequence[alias_pb2.Alias]", getattr(request, "aliases"))  # noqa: B009 the stub
    plain: list[Any] = []
    for alias in aliases:
        spec = alias.urn or MessageToDict(alias.spec)
        if spec not in plain:
            plain.append(spec)
    return plain


_OPTIONS: dict[str, Callable[[resource_pb2.RegisterResourceRequest], Any]] = {
    "protect": lambda r: r.protect,
    "ignoreChanges": lambda r: sorted(r.ignoreChanges),
    "replaceOnChanges": lambda r: sorted(r.replaceOnChanges),
    "deleteBeforeReplace": lambda r: (
        r.deleteBeforeReplace if r.deleteBeforeReplaceDefined else None
    ),
    "retainOnDelete": lambda r: r.retainOnDelete,
    "additionalSecretOutputs": lambda r: sorted(r.additionalSecretOutputs),
    "aliases": _aliases,
    "import": lambda r: r.importId,
    "deletedWith": lambda r: r.deletedWith,
    "replaceWith": lambda r: sorted(r.replace_with),
    "customTimeouts": lambda r: MessageToDict(r.customTimeouts),
    "hooks": lambda r: MessageToDict(r.hooks),
    "providers": lambda r: {k: _provider_urn(v) for k, v in sorted(r.providers.items())},
    "remote": lambda r: r.remote,
}


def _options(request: resource_pb2.RegisterResourceRequest) -> dict[str, Any]:
    """The options that were set, under Pulumi's own camelCase names.

    `dependsOn` is what the program asked for beyond what follows from the properties;
    `deleteBeforeReplace` is there only when the program said yes or no.
    """
    options = {name: read(request) for name, read in _OPTIONS.items()}
    implied = {urn for d in request.propertyDependencies.values() for urn in d.urns}
    options["dependsOn"] = sorted(set(request.dependencies) - implied)
    keep_false = {"deleteBeforeReplace"}
    return {
        name: value
        for name, value in options.items()
        if value or (name in keep_false and value is not None)
    }


def _duplicate(urn: str) -> Problem:
    return Problem(
        urn,
        "",
        "duplicate",
        "two resources have this URN",
        "Give each resource a name of its own; start a child's name with its component's.",
    )


def _transform(urn: str) -> Problem:
    return Problem(
        urn,
        "",
        "unsupported",
        "a transform would be run by Pulumi's engine only",
        "Set the property where the resource is made, or use the provider's default_tags.",
    )


def _unsupported(node: Node, request: resource_pb2.RegisterResourceRequest) -> list[Problem]:
    problems = [_transform(node.urn)] if request.transforms else []  # pyright: ignore[reportUnknownMemberType] the stub
    if request.remote:
        problems.append(
            Problem(
                node.urn,
                "",
                "unsupported",
                "a component of another language would be run by Pulumi's engine only",
                "Use the Python class of the component.",
            )
        )
    return problems

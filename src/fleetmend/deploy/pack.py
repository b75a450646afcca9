"""The same rules inside `pulumi preview` and `pulumi up`: a policy pack (CrossGuard).

The engine tells what it knows of each resource: values, not references. Here references are put
back, by what a property depends on, so that the rules can be asked as they are. In a preview many
values are unknown, a policy document with an ARN in it wholly so; rules on what such a document
should say wait until it is known. `fleetmend check` does not have that blind spot.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    ReportViolation,
    StackValidationArgs,
    StackValidationPolicy,
)

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.check import RULES, Finding, Rule, Severity, check
from fleetmend.deploy.iam.kinds import KINDS
from fleetmend.deploy.tokens import Json, token
from fleetmend.deploy.view import PROVIDER

NEEDS_POLICIES = frozenset(
    {
        "accept-unmet",
        "alarm-unreachable-topic",
        "iam-denied-call",
        "iam-unused-grant",
        "storage-plain-transport",
    }
)
"""Rules that miss something in policy documents: silent while one of these is unknown."""

UNKNOWN = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a text
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # a map
    }
)
"""What stands for a value that is not known yet (pulumi_policy's proxy.py)."""

_DOCUMENTS = ("policy", "policyDocument", "assumeRolePolicy")
_OUTPUTS = ("id", "arn", "tagsAll", "ownerId")
_OWN_NAMES = ("arn", "id", "url", "name", "bucket")


def policies() -> list[StackValidationPolicy]:
    """One policy for each rule; errors are mandatory, warnings advisory."""
    judged = _Judged()
    return [_policy(rule, judged) for rule in RULES.values()]


def _policy(rule: Rule, judged: "_Judged") -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding in judged.by_rule(args.resources, rule.id):
            text = f"{finding.message}. {finding.value}\nRemedy: {finding.remedy}"
            report(text, finding.urn)

    mandatory = rule.severity is Severity.ERROR
    return StackValidationPolicy(
        name=rule.id,
        description=rule.summary,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY if mandatory else EnforcementLevel.ADVISORY,
        url=rule.see,
    )


class _Judged:
    """The findings on the stack that was judged last: the engine asks rule by rule."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._found: tuple[Finding, ...] = ()

    def by_rule(self, resources: Sequence[PolicyResource], rule: str) -> Iterator[Finding]:
        graph = graph_of(resources)
        if graph != self._graph:
            self._graph, self._found = graph, check(graph)
        if rule in NEEDS_POLICIES and _has_unknown_policies(graph):
            return
        for finding in self._found:
            if finding.rule == rule and finding.severity is not Severity.INFO:
                yield finding


def graph_of(resources: Sequence[PolicyResource]) -> Graph:
    """The stack as a graph, with tokens where a value came from another resource."""
    project, stack = "", ""
    nodes: dict[str, Node] = {}
    for resource in resources:
        parts = resource.urn.split("::")
        project, stack = parts[1], parts[0].rpartition(":")[2]
        node = _node(resource)
        nodes[node.urn] = node
        if resource.provider is not None:
            nodes.setdefault(resource.provider.urn, _provider(resource))
    return Graph(project, stack, tuple(nodes[urn] for urn in sorted(nodes)))


def _node(resource: PolicyResource) -> Node:
    of_properties = resource.property_dependencies
    depends = {name: tuple(one.urn for one in on) for name, on in of_properties.items()}
    region = _plain(resource.provider.props).get("region") if resource.provider else None
    inputs = {
        name: _with_references(value, of_properties.get(name, []))
        for name, value in _plain(resource.props).items()
        if name not in _OUTPUTS and value is not None and (name, value) != ("region", region)
    }
    return Node(
        urn=resource.urn,
        type=resource.resource_type,
        name=resource.name,
        parent=resource.parent.urn if resource.parent else "",
        custom="/" in resource.resource_type,
        inputs=inputs,
        dependencies=tuple(sorted(found.urn for found in resource.dependencies)),
        property_dependencies=depends,
        provider=resource.provider.urn if resource.provider else "",
    )


def _provider(resource: PolicyResource) -> Node:
    provider = resource.provider
    if provider is None:
        raise ValueError(f"{resource.urn} has no provider")
    inputs = {
        name: json.loads(value) if isinstance(value, str) and value[:1] in "{[" else value
        for name, value in _plain(provider.props).items()
        if value not in {"", None}
    }
    return Node(urn=provider.urn, type=PROVIDER, name=provider.name, inputs=inputs)


def _plain(props: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without the wrappers that raise on the touch of an unknown value.

    Whole numbers, which the engine sends as floats, become what they were.
    """
    return cast("dict[str, Any]", _unwrapped(props))


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 JSON in wrappers
    if isinstance(value, str | bool) or value is None:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    inner = _target(value)
    if isinstance(inner, Mapping):
        items = cast("Mapping[str, Any]", inner).items()
        return {key: _unwrapped(item) for key, item in items}
    if isinstance(inner, Sequence):
        return [_unwrapped(item) for item in cast("Sequence[Any]", inner)]
    return str(inner) if not isinstance(inner, int) else inner


def _target(value: Any) -> Any:  # noqa: ANN401 whatever is wrapped
    """What a wrapper of pulumi_policy is around; anything else as it is."""
    wrapped = type(value).__name__ in {"_DictProxy", "_ListProxy"}
    return value["__target"] if wrapped else value


def _with_references(value: Json, on: Sequence[PolicyResource]) -> Json:
    """`value` with unknown parts, and what is known to come from `on`, as tokens.

    Which unknown part came from which resource is not told: they are taken in turn.
    """
    turn: Iterator[PolicyResource] = iter([*on, *list(on[-1:]) * 64])
    known = {text: token(r.urn, name) for r in on for name, text in _names(r)}

    def changed(item: Json) -> Json:
        if isinstance(item, str):
            if item in UNKNOWN:
                source = next(turn, None)
                return token(source.urn, _likely(source)) if source else None
            if item in known:
                return known[item]
            for text in sorted(known, key=len, reverse=True):
                if text.startswith("arn:"):
                    item = item.replace(text, known[text])
            return item
        if isinstance(item, list):
            return [changed(part) for part in item]
        if isinstance(item, dict):
            return {key: changed(part) for key, part in item.items()}
        return item

    return changed(value)


def _likely(source: PolicyResource) -> str:
    """The output that stands for a resource where nobody says which it was."""
    return "arn" if source.resource_type in KINDS else "id"


def _names(resource: PolicyResource) -> Iterator[tuple[str, str]]:
    for name in _OWN_NAMES:
        value = _plain(resource.props).get(name)
        if isinstance(value, str) and value and value not in UNKNOWN:
            yield name, value


def _has_unknown_policies(graph: Graph) -> bool:
    """Whether some policy document is a token: the engine did not know it."""
    return any(
        isinstance(node.inputs.get(name), str) and str(node.inputs[name]).startswith("<<TF:")
        for node in graph.nodes
        for name in _DOCUMENTS
    )

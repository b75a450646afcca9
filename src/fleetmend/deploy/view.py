"""A resource graph made easy to ask: who is meant by a value, which policies there are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy import tokens
from fleetmend.deploy.iam.arns import Place, build, fill
from fleetmend.deploy.iam.authorization import resource_type
from fleetmend.deploy.iam.kinds import ARN_OUTPUTS, KINDS, NAME_OUTPUTS, Kind
from fleetmend.deploy.tokens import Json, Reference

PROVIDER = "pulumi:providers:aws"

OTHER_ARN = "arn:aws:x:us-east-1:123456789012:x"
"""Stands for an ARN of which nothing more is known."""


@dataclass(frozen=True, slots=True)
class View:
    """What rules ask of a graph. Costs nothing to make; indices are built on first use."""

    graph: Graph
    _index: "Index" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", Index(self.graph))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The resources that exist in the cloud, or are to: no components, no providers."""
        return self._index.resources

    def of_type(self, *kinds: str) -> Iterator[Node]:
        """The resources of these Pulumi types."""
        for kind in kinds:
            yield from self._index.by_type.get(kind, ())

    def node(self, urn: str) -> Node | None:
        """The node or data source of this URN."""
        return self._index.by_urn.get(urn)

    def referred(self, value: Json, *kinds: str) -> Node | None:
        """The resource that `value` means: by one token, or by the name or ARN it was given.

        Two resources of different types can have the same name: `kinds` says which are meant.
        """
        found = self._meant(value)
        return next((node for node in found if not kinds or node.type in kinds), None)

    def _meant(self, value: Json) -> tuple[Node, ...]:
        if not isinstance(value, str):
            return ()
        mentioned = [p for p in tokens.split(value) if isinstance(p, Reference)]
        for reference in mentioned:
            node = self.node(reference.urn)
            if node is not None and not _is_invoke(reference.urn):
                return (node,)
        if not mentioned and value in self._index.by_name:
            return self._index.by_name[value]
        known = self.by_arn(self.filled(value))
        return (known,) if known else ()

    def by_arn(self, arn: str) -> Node | None:
        """The resource whose ARN this is, by the name the program gave it; no tokens in it."""
        return self._index.by_arn(self).get(arn)

    def all_referred(self, value: Json) -> tuple[Node, ...]:
        """Every resource that stands somewhere in `value`, by token, name or ARN."""
        found = [self.node(r.urn) for r in tokens.references(value)]
        for _, text in tokens.strings(value):
            found += self._meant(text)
        return tuple({n.urn: n for n in found if n is not None and not _is_invoke(n.urn)}.values())

    def pointing_at(self, target: Node, kind: str, *inputs: str) -> tuple[Node, ...]:
        """The resources of type `kind` whose input (any of these) means `target`, or lists it."""
        return tuple(
            node
            for node in self.of_type(kind)
            if any(
                self._means(value, target)
                for name in inputs
                for value in listing(node.inputs.get(name))
            )
        )

    def _means(self, value: Json, target: Node) -> bool:
        return any(node.urn == target.urn for node in self._meant(value))

    def needs(self, node: Node) -> frozenset[str]:
        """The URNs that exist before `node` does: its dependencies, and theirs."""
        waiting, found = [node], set[str]()
        while waiting:
            for urn in waiting.pop().dependencies:
                if urn not in found:
                    found.add(urn)
                    following = self.node(urn)
                    if following is not None:
                        waiting.append(following)
        return frozenset(found)

    def provider(self, node: Node) -> Node | None:
        """The provider that makes the resource, if the program named one."""
        return self.node(node.provider) if node.provider else None

    def filled(self, text: str) -> str:
        """`text` with every token replaced by something of the shape it will have."""
        return fill(text, self.shape)

    def shape(self, reference: Reference) -> str:
        """What a token will look like: an ARN, a name, an address; nothing about its value."""
        node = self.node(reference.urn)
        if node is None:
            return "x"
        if _is_invoke(reference.urn):
            return _invoke_shape(node, reference.property, self.region(node))
        kind = KINDS.get(node.type)
        last = reference.property.rpartition(".")[2]
        if kind is None:
            return OTHER_ARN if _is_arn(last) or last == "id" else "x"
        if last in ARN_OUTPUTS or (last == "id" and kind.id == "arn"):
            return self.arn(node)
        if last == "url" or (last == "id" and kind.id == "url"):
            name = self._name(node, kind)
            return f"https://{kind.service}.{self.region(node)}.amazonaws.com/123456789012/{name}"
        if last in NAME_OUTPUTS or (last == "id" and kind.id == "name"):
            return self._name(node, kind)
        given = node.inputs.get(last)
        if isinstance(given, str):
            return self.filled(given)
        return OTHER_ARN if _is_arn(last) else "x"

    def _name(self, node: Node, kind: Kind) -> str:
        given = node.inputs.get(kind.name) if kind.name else None
        return self.filled(given) if isinstance(given, str) else "x"

    def arn(self, node: Node) -> str:
        """The ARN a resource will have, as far as names say; of the right shape in any case."""
        kind = KINDS.get(node.type)
        known = resource_type(kind.service, kind.resource) if kind else None
        if kind is None or known is None:
            return f"arn:aws:x:{self.region(node)}:123456789012:x"
        return build(known, self._name(node, kind), Place(region=self.region(node)))

    def region(self, node: Node) -> str:
        """The region of the provider that makes the resource; a stand-in where none is named."""
        provider = self.provider(node)
        given = provider.inputs.get("region") if provider else None
        return given if isinstance(given, str) and "<<TF:" not in given else Place().region


class Index:
    """The look-ups of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.by_urn = {node.urn: node for node in (*graph.nodes, *graph.invokes)}
        self.resources = tuple(
            node
            for node in graph.nodes
            if node.custom and not node.type.startswith("pulumi:") and "read" not in node.options
        )
        self.by_type: dict[str, tuple[Node, ...]] = {}
        for node in graph.nodes:
            self.by_type[node.type] = (*self.by_type.get(node.type, ()), node)
        self.by_name: dict[str, tuple[Node, ...]] = {}
        for node in self.resources:
            for value in _own_names(node):
                self.by_name[value] = (*self.by_name.get(value, ()), node)
        self._by_arn: Mapping[str, Node] | None = None

    def by_arn(self, view: View) -> Mapping[str, Node]:
        """The resources that the program named, by ARN."""
        if self._by_arn is None:
            named = [node for node in self.resources if any(_own_names(node))]
            self._by_arn = {view.arn(node): node for node in named}
        return self._by_arn


def _own_names(node: Node) -> Iterator[str]:
    kind = KINDS.get(node.type)
    if kind is None or not kind.name:
        return
    given = node.inputs.get(kind.name)
    if isinstance(given, str) and given:
        yield given


def _is_invoke(urn: str) -> bool:
    return urn.split("::")[2].startswith("invoke:")


def _is_arn(name: str) -> bool:
    return name.lower().endswith("arn")


def _invoke_shape(node: Node, name: str, region: str) -> str:
    last = name.rpartition(".")[2].partition("[")[0]
    fixed = {
        "accountId": "123456789012",
        "partition": "aws",
        "region": region,
        "dnsSuffix": "amazonaws.com",
    }
    if node.type.startswith("aws:index/getRegion:") and last in {"name", "id"}:
        return region
    if _is_arn(last):
        return OTHER_ARN
    return fixed.get(last, "x")


def text_of(node: Node, name: str) -> str:
    """An input that is a text, else the empty text."""
    value = node.inputs.get(name)
    return value if isinstance(value, str) else ""


def parameter_text(node: Node) -> str:
    """The value of a parameter in Parameter Store, whichever input it was given by."""
    return text_of(node, "value") or text_of(node, "insecureValue")


def mapping(value: Json) -> Mapping[str, Any]:
    """The value as a mapping; empty where it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def listing(value: Json) -> list[Any]:
    """The value as a list: nothing is empty, one thing is a list of it."""
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]

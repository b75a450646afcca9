"""From tokens to values: what a node's inputs are once those it refers to exist."""

import re
from collections.abc import Iterable, Iterator, Mapping

from fleetmend.core.graph import Graph, Node
from fleetmend.lab.emulator.untyped import Untyped, fields, items

_TOKEN = re.compile(r"<<TF:(?P<urn>urn:[^|<>]+)\|(?P<property>[^|<>]+)>>")
_STEP = re.compile(r"[^.\[\]]+")


class Unresolved(Exception):
    """A reference to something that is not there: `urn` and `property` say what."""

    def __init__(self, urn: str, path: str) -> None:
        super().__init__(f"nothing is known of {path!r} of {urn}")
        self.urn = urn
        self.property = path


class Known:
    """The outputs of what exists so far, and the inputs as far as they are outputs as well."""

    def __init__(self) -> None:
        self._outputs: dict[str, Mapping[str, Untyped]] = {}

    def add(self, urn: str, outputs: Mapping[str, Untyped]) -> None:
        """Something exists now."""
        self._outputs[urn] = outputs

    def resolve(self, value: Untyped) -> Untyped:
        """A value with all tokens replaced, also inside longer text.

        Raises:
            Unresolved: for the first token that stands for nothing known.
        """
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in fields(value).items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in items(value)]
        if not isinstance(value, str):
            return value
        whole = _TOKEN.fullmatch(value)
        if whole:
            return self._output(whole["urn"], whole["property"])
        return _TOKEN.sub(lambda m: str(self._output(m["urn"], m["property"])), value)

    def _output(self, urn: str, path: str) -> Untyped:
        found: Untyped = self._outputs.get(urn)
        for step in _STEP.findall(path):
            try:
                found = items(found)[int(step)] if step.isdecimal() else found[step]
            except (KeyError, IndexError, TypeError):
                raise Unresolved(urn, path) from None
        return found


def referred(value: Untyped) -> Iterator[str]:
    """The URNs of all tokens in a value."""
    if isinstance(value, dict):
        for item in fields(value).values():
            yield from referred(item)
    elif isinstance(value, list):
        for item in items(value):
            yield from referred(item)
    elif isinstance(value, str):
        for match in _TOKEN.finditer(value):
            yield match["urn"]


def in_order(graph: Graph) -> list[Node]:
    """The real resources, each after all it depends on; otherwise in the order of their URNs.

    A dependency on a component is one on everything inside it, as Pulumi has it.

    Raises:
        ValueError: when some depend on each other in a ring; it names them.
    """
    inside = _inside(graph.nodes)
    resources = {node.urn: node for node in graph.nodes if node.custom}
    waits: dict[str, set[str]] = {}
    for urn, node in resources.items():
        named = {*node.dependencies, *referred(node.inputs)}
        named = {real for one in named for real in inside.get(one, (one,))}
        waits[urn] = {one for one in named if one in resources and one != urn}
    ordered: list[Node] = []
    while waits:
        free = sorted(urn for urn, on in waits.items() if not on)
        if not free:
            raise ValueError(f"these depend on each other in a ring: {', '.join(sorted(waits))}")
        for urn in free:
            ordered.append(resources[urn])
            del waits[urn]
        for on in waits.values():
            on.difference_update(free)
    return ordered


def _inside(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """Component URN → the URNs of all real resources under it."""
    children: dict[str, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)

    def under(urn: str) -> list[str]:
        found: list[str] = []
        for child in children.get(urn, ()):
            found += [child.urn] if child.custom else under(child.urn)
        return found

    return {node.urn: under(node.urn) for node in nodes if not node.custom}

"""Whether every reference survived the program: nothing cut, parsed, hashed or branched on.

A property records which resources it was made from. If one of them is neither named by a token
in the property nor the source of a plain value there, then something looked inside an output that
is not known yet, and what it made of it would be wrong in the cloud.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fleetmend.core.graph import Node
from fleetmend.deploy.problems import Problem
from fleetmend.deploy.tokens import END, Json, damaged, decoded, references, strings

_LOST_REMEDY = (
    "Build texts with Output.concat, Output.format or Output.json_dumps; take no part of an "
    "output, do not hash or compare it; hand over lists of outputs, not an output of a list to "
    "pick from; for mere ordering use depends_on."
)
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def damaged_references(urn: str, inputs: Mapping[str, Any]) -> list[Problem]:
    """Tokens that were cut or changed, and ends of lists that a program walked up to."""
    problems: list[Problem] = []
    for path, text in strings(dict(inputs)):
        inner = decoded(text) or text
        if damaged(inner):
            problems.append(
                Problem(
                    urn,
                    path,
                    "damaged-reference",
                    "a reference was cut or changed",
                    _LOST_REMEDY,
                )
            )
        if END in inner and any(END in found.property for found in references(text)):
            problems.append(
                Problem(
                    urn,
                    path,
                    "unknown-length",
                    "a list was walked whose length is not known yet",
                    "Take the count from the configuration and index by constants below it.",
                )
            )
        if text == _UNKNOWN:
            problems.append(
                Problem(urn, path, "lost-reference", "an output that is not known was used", "")
            )
    return problems


def lost_references(
    node: Node, answers: Mapping[str, Mapping[str, Any]], invokes: Mapping[str, Node]
) -> list[Problem]:
    """Dependencies of `node`'s properties that left no trace in the property."""
    problems: list[Problem] = []
    for name, urns in node.property_dependencies.items():
        value = node.inputs.get(name)
        named = _named(value, invokes)
        for urn in urns:
            if urn in named or _plain(value, answers.get(urn, {})):
                continue
            problems.append(
                Problem(
                    node.urn,
                    name,
                    "lost-reference",
                    f"it was made from {urn}, but holds no reference to it",
                    _LOST_REMEDY,
                )
            )
    return problems


def _named(value: Json, invokes: Mapping[str, Node]) -> set[str]:
    """The URNs in `value`, and those that the data sources in it were asked about."""
    found: set[str] = set()
    waiting: list[Json] = [value]
    while waiting:
        for reference in references(waiting.pop()):
            if reference.urn not in found:
                found.add(reference.urn)
                if reference.urn in invokes:
                    asked = invokes[reference.urn]
                    waiting.append(dict(asked.inputs))
                    found.update(asked.dependencies)
    return found


def _plain(value: Json, outputs: Mapping[str, Any]) -> bool:
    """Whether `value` holds something that the resource's outputs gave back as it was set."""
    given = [item for output in outputs.values() for item in _subtrees(output)]
    return any(
        type(part) is type(item) and part == item for part in _subtrees(value) for item in given
    )


def _subtrees(value: Json) -> Iterator[Json]:
    if value is None or value in ("", [], {}):
        return
    yield value
    if isinstance(value, dict):
        for item in value.values():
            yield from _subtrees(item)
    elif isinstance(value, list):
        for item in value:
            yield from _subtrees(item)

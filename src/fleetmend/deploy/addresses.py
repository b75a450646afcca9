"""Where each node of the graph lies in the Terraform configuration."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.monitor import PROVIDER_PREFIX
from fleetmend.deploy.problems import Problem
from fleetmend.deploy.schema import Block, ProviderSchema
from fleetmend.deploy.type_table import DATA_SOURCES, EPHEMERAL, RESOURCES

_ADD_TYPE = (
    "Use a type of the table in deploy/type_table.py, or add it there and trim the schema anew."
)


@dataclass(frozen=True, slots=True)
class Address:
    """A node's place. `mode` is `resource`, `data` or `ephemeral`; `type` Terraform's."""

    mode: str
    type: str
    label: str
    block: Block

    def __str__(self) -> str:
        prefix = "" if self.mode == "resource" else f"{self.mode}."
        return f"{prefix}{self.type}.{self.label}"


def addresses(graph: Graph, schema: ProviderSchema) -> tuple[dict[str, Address], list[Problem]]:
    """The address of every resource and data source by URN, and the types that have none."""
    found: dict[str, tuple[str, str, Block, Node]] = {}
    problems: list[Problem] = []
    for node in (*graph.nodes, *graph.invokes):
        if not node.custom or node.type.startswith(PROVIDER_PREFIX):
            continue
        place = _place(node, schema)
        if place is None:
            problems.append(
                Problem(
                    node.urn, "", "unknown-type", f"{node.type} is not a reviewed type", _ADD_TYPE
                )
            )
        else:
            found[node.urn] = (*place, node)
    labels = Counter((mode, kind, _label(node)) for mode, kind, _, node in found.values())
    result: dict[str, Address] = {}
    for urn, (mode, kind, block, node) in found.items():
        name = _label(node)
        if labels[mode, kind, name] > 1:
            name = f"{name}-{short_hash(urn)}"
        result[urn] = Address(mode, kind, name, block)
    return result, problems


def _place(node: Node, schema: ProviderSchema) -> tuple[str, str, Block] | None:
    tables = (
        ("resource", RESOURCES, schema.resources),
        ("data", DATA_SOURCES, schema.data),
        ("ephemeral", EPHEMERAL, schema.ephemeral),
    )
    for mode, table, blocks in tables:
        kind = table.get(node.type)
        if kind is not None and kind in blocks:
            return mode, kind, blocks[kind]
    return None


def _label(node: Node) -> str:
    """A data source has no name but its content's hash."""
    return label(f"q{node.name}" if ":invoke:" in node.urn else node.name)


def label(name: str) -> str:
    """A name that Terraform takes: letters, digits, `_` and `-`, no digit first."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    return plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"


def short_hash(text: str) -> str:
    """Seven hexadecimal digits, the length Pulumi's own names end in."""
    return hashlib.sha256(text.encode()).hexdigest()[:7]

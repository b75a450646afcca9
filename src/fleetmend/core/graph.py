"""The resource graph: what a Pulumi program declared, as plain data.

`deploy.capture` makes one; `deploy.check`, `deploy.export` and the lab's installer read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One resource, component, or data source (a Pulumi invoke).

    `inputs` holds plain JSON values; where the program passed another resource's output there
    is a `Token` string (see `TOKEN`), kept opaque so that cutting or changing it shows.
    `property_dependencies` maps an input's name to the URNs it was made from.
    """

    urn: str
    type: str
    name: str
    parent: str = ""
    custom: bool = True
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    provider: str = ""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    secret_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes, sorted by URN, the stack's outputs, and the data sources by content hash."""

    project: str
    stack: str
    nodes: tuple[Node, ...]
    invokes: tuple[Node, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def of_type(self, kind: str) -> tuple[Node, ...]:
        """The nodes whose type token is `kind`, such as `aws:sqs/queue:Queue`."""
        return tuple(node for node in self.nodes if node.type == kind)


TOKEN = "<<TF:{urn}|{property}>>"  # noqa: S105 -- a place holder, no secret
"""An output that is not known before the cloud answers. `urn` names the node (or the invoke),
`property` is the output's camelCase Pulumi name; `id` and `arn` are the common ones."""

"""Where an installation's data lies, read off its resource graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from fleetmend.core.graph import Graph

_OURS = ("Project", "Environment", "ManagedBy")
"""The tags that say whose a thing is, whatever kind it is of."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """What one installation's data is found by in one region.

    `tags` are on every image and snapshot of it; `vaults` are names of its backup vaults.
    """

    region: str
    tags: Mapping[str, str]
    vaults: tuple[str, ...]


def belongings(graph: Graph) -> list[Belongings]:
    """By region, for each set of tags that the graph's taggable resources carry."""
    regions = {
        node.urn: str(node.inputs["region"])
        for node in graph.of_type("pulumi:providers:aws")
        if "region" in node.inputs
    }
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for node in graph.nodes:
        region, own = regions.get(node.provider), _own(node.inputs.get("tags"))
        if region is not None and own is not None:
            vaults = found.setdefault((region, own), [])
            if node.type == "aws:backup/vault:Vault" and isinstance(node.inputs.get("name"), str):
                vaults.append(str(node.inputs["name"]))
    return [
        Belongings(region, dict(zip(_OURS, own, strict=True)), tuple(vaults))
        for (region, own), vaults in sorted(found.items())
    ]


def _own(tags: object) -> tuple[str, ...] | None:
    """Project, environment and manager, where all of them are there."""
    if not isinstance(tags, dict):
        return None
    given = cast("Mapping[str, object]", tags)
    values = tuple(str(given[key]) for key in _OURS if isinstance(given.get(key), str))
    return values if len(values) == len(_OURS) else None

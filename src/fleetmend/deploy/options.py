"""Pulumi's resource options as Terraform's meta-arguments."""

from collections.abc import Mapping, Sequence
from typing import cast

from fleetmend.core.graph import Node
from fleetmend.deploy.addresses import Address
from fleetmend.deploy.tokens import Json
from fleetmend.deploy.translate import Translator, attribute_path

_NO_COUNTERPART = {
    "replaceOnChanges": "Leave it out: the provider knows which changes replace.",
    "retainOnDelete": "Use protect, or the resource's own skipDestroy or deletion policy.",
    "deletedWith": "Leave it out: Terraform deletes each resource itself.",
    "hooks": "Run the hook outside of the program.",
    "read": "Look it up with a data source such as aws.ec2.get_vpc.",
}
_PHYSICAL_NAMES = ("name", "bucket", "function_name", "alarm_name", "dashboard_name", "identifier")


def meta_arguments(
    node: Node,
    address: Address,
    body: Mapping[str, Json],
    addresses: Mapping[str, Address],
    translator: Translator,
) -> dict[str, Json]:
    """`lifecycle`, `depends_on` and `timeouts` of a resource.

    Aliases need nothing: an exported configuration has no older state under other names.
    """
    for option, remedy in _NO_COUNTERPART.items():
        if option in node.options:
            translator.problem(
                option, "unsupported", "Terraform has no counterpart of this option", remedy
            )
    meta: dict[str, Json] = {}
    lifecycle = _lifecycle(node, address, body, addresses, translator)
    if lifecycle:
        meta["lifecycle"] = [lifecycle]
    if depends := _others(node, "dependsOn", addresses):
        meta["depends_on"] = depends
    timeouts = cast("Mapping[str, str]", node.options.get("customTimeouts", {}))
    if timeouts:
        known = address.block.blocks.get("timeouts")
        unknown = [name for name in timeouts if not known or name not in known.block.attributes]
        for name in unknown:
            translator.problem(
                f"customTimeouts.{name}", "unsupported", f"{address.type} has no such timeout"
            )
        meta["timeouts"] = cast("Json", [dict(timeouts)])
    return meta


def _lifecycle(
    node: Node,
    address: Address,
    body: Mapping[str, Json],
    addresses: Mapping[str, Address],
    translator: Translator,
) -> dict[str, Json]:
    lifecycle: dict[str, Json] = {}
    if node.options.get("protect"):
        lifecycle["prevent_destroy"] = True
    if _creates_first(node, body):
        lifecycle["create_before_destroy"] = True
    ignored = _ignored(node, address, translator)
    if ignored:
        lifecycle["ignore_changes"] = ignored
    if partners := _others(node, "replaceWith", addresses):
        lifecycle["replace_triggered_by"] = partners
    return lifecycle


def _others(node: Node, option: str, addresses: Mapping[str, Address]) -> list[Json]:
    """The addresses of the resources that an option names, sorted; some have none."""
    named = cast("Sequence[str]", node.options.get(option, ()))
    return [*sorted(str(addresses[urn]) for urn in named if urn in addresses)]


def _creates_first(node: Node, body: Mapping[str, Json]) -> bool:
    """Pulumi's order of replacement: the new one first, unless its name is the old one's too."""
    told = node.options.get("deleteBeforeReplace")
    if told is not None:
        return not told
    return not any(name in body for name in _PHYSICAL_NAMES)


def _ignored(node: Node, address: Address, translator: Translator) -> Json:
    paths = cast("Sequence[str]", node.options.get("ignoreChanges", ()))
    if "*" in paths:
        return "all"
    translated: list[Json] = []
    for path in paths:
        found = attribute_path(address.type, address.block, path)
        if found is None:
            translator.problem(
                f"ignoreChanges: {path}", "unknown-property", f"{address.type} has no such property"
            )
        else:
            translated.append(found.text)
    return translated

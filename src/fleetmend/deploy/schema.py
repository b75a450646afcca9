"""The AWS provider's schema, trimmed to the types that `type_table.py` knows.

`schema/aws.json` ships with the package, so that exporting needs no Terraform. It is made by
`python -m fleetmend.deploy.schema_trim` from `terraform providers schema -json`.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fleetmend.deploy.tokens import Json


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its type as Terraform tells it (`"string"`, `["set", "string"]`, ...)."""

    type: Json
    required: bool = False
    optional: bool = False
    sensitive: bool = False
    write_only: bool = False

    @property
    def settable(self) -> bool:
        """Whether a configuration may set it."""
        return self.required or self.optional


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested block; `single` is true where the provider takes at most one."""

    block: "Block"
    single: bool
    mapping: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Attributes and nested blocks by Terraform name, and both by Pulumi name."""

    attributes: dict[str, Attribute]
    blocks: dict[str, Nested]
    by_pulumi_name: dict[str, str]


@dataclass(frozen=True, slots=True)
class ProviderSchema:
    """All that the export knows of the provider."""

    version: str
    provider: Block
    resources: dict[str, Block]
    data: dict[str, Block]
    ephemeral: dict[str, Block]


@cache
def aws_schema() -> ProviderSchema:
    """The shipped schema."""
    text = files("fleetmend.deploy").joinpath("schema/aws.json").read_text(encoding="utf-8")
    return load_schema(json.loads(text))


def load_schema(raw: dict[str, Any]) -> ProviderSchema:
    """A schema from its trimmed JSON form (see `schema_trim`)."""
    return ProviderSchema(
        version=raw["version"],
        provider=_block(raw["provider"]),
        resources={name: _block(block) for name, block in raw["resources"].items()},
        data={name: _block(block) for name, block in raw["data"].items()},
        ephemeral={name: _block(block) for name, block in raw["ephemeral"].items()},
    )


def _block(raw: dict[str, Any]) -> Block:
    attributes = {
        name: Attribute(
            type=told.get("type"),
            required=told.get("required", False),
            optional=told.get("optional", False),
            sensitive=told.get("sensitive", False),
            write_only=told.get("write_only", False),
        )
        for name, told in raw.get("attributes", {}).items()
    }
    blocks = {
        name: Nested(
            block=_block(told["block"]),
            single=told["nesting_mode"] == "single" or told.get("max_items") == 1,
            mapping=told["nesting_mode"] == "map",
        )
        for name, told in raw.get("block_types", {}).items()
    }
    many = {name for name, told in blocks.items() if not told.single}
    many |= {name for name, told in attributes.items() if _is_list(told.type)}
    return Block(attributes, blocks, _names([*attributes, *blocks], many))


def _is_list(kind: Json) -> bool:
    return isinstance(kind, list) and kind[0] in {"list", "set"}


def _names(names: list[str], many: set[str]) -> dict[str, str]:
    """Pulumi's name for each of Terraform's: camelCase, plural where there may be several.

    The bridge's rule (pulumi-terraform-bridge, `pkg/tfbridge/names.go`). A name that is right
    letter by letter wins over one that is only its plural.
    """
    found: dict[str, str] = {}
    for name in names:
        for candidate in (plural(camel(name)) if name in many else singular(camel(name)),):
            found.setdefault(candidate, name)
    for name in names:
        found[camel(name)] = name
    return found


def camel(name: str) -> str:
    """`vpc_id` → `vpcId`."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def plural(name: str) -> str:
    """The English plural, as far as AWS's property names need it."""
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    if name.endswith(("ch", "sh", "x", "ss")):
        return f"{name}es"
    return name if name.endswith("s") else f"{name}s"


def singular(name: str) -> str:
    """The reverse of `plural`."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("ches", "shes", "xes", "sses")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name

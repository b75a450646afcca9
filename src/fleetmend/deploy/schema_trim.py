"""Make `schema/aws.json` anew.

    terraform providers schema -json > full.json      # in a folder that requires hashicorp/aws
    python -m fleetmend.deploy.schema_trim full.json 5.100.0

Only the types in `type_table.py` are kept, and of each only what the export reads: a tenth of a
percent of the original.
"""

import json
import sys
from pathlib import Path
from typing import Any

from fleetmend.deploy.type_table import DATA_SOURCES, EPHEMERAL, RESOURCES

TARGET = Path(__file__).parent / "schema" / "aws.json"
_ATTRIBUTE = ("type", "required", "optional", "sensitive", "write_only")
_PROVIDER = "registry.terraform.io/hashicorp/aws"


def trim(full: dict[str, Any], version: str) -> dict[str, Any]:
    """The trimmed schema from the answer of `terraform providers schema -json`.

    Raises:
        KeyError: A type in `type_table.py` is not in the provider.
    """
    told = full["provider_schemas"][_PROVIDER]
    return {
        "version": version,
        "provider": _block(told["provider"]["block"]),
        "resources": _blocks(told["resource_schemas"], RESOURCES.values()),
        "data": _blocks(told["data_source_schemas"], DATA_SOURCES.values()),
        "ephemeral": _blocks(told["ephemeral_resource_schemas"], EPHEMERAL.values()),
    }


def dump(trimmed: dict[str, Any]) -> str:
    """One type a line, so that a new provider version shows what changed."""
    lines = [f'{{"version": {json.dumps(trimmed["version"])}']
    lines.append(f'"provider": {_compact(trimmed["provider"])}')
    for kind in ("resources", "data", "ephemeral"):
        types = [f"{json.dumps(name)}: {_compact(block)}" for name, block in trimmed[kind].items()]
        lines.append(f'"{kind}": {{\n' + ",\n".join(types) + "\n}")
    return ",\n".join(lines) + "}\n"


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _blocks(told: dict[str, Any], names: Any) -> dict[str, Any]:  # noqa: ANN401 a view of a dict
    return {name: _block(told[name]["block"]) for name in sorted(set(names))}


def _block(raw: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        name: {key: told[key] for key in _ATTRIBUTE if told.get(key)}
        for name, told in raw.get("attributes", {}).items()
    }
    blocks: dict[str, Any] = {}
    for name, told in raw.get("block_types", {}).items():
        blocks[name] = {"nesting_mode": told["nesting_mode"], "block": _block(told["block"])}
        if told.get("max_items") == 1:
            blocks[name]["max_items"] = 1
    trimmed: dict[str, Any] = {"attributes": attributes}
    return trimmed | {"block_types": blocks} if blocks else trimmed


def main(arguments: list[str]) -> None:
    """Read the full schema, write the trimmed one."""
    source, version = arguments
    trimmed = trim(json.loads(Path(source).read_text(encoding="utf-8")), version)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(dump(trimmed), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

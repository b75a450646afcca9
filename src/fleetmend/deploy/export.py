"""The captured program as a Terraform configuration.

Generic over the graph: the provider's schema says what a property is, `type_table.py` which type
it belongs to. The same program gives the same files, byte for byte; no secret is in any but
`secrets.auto.tfvars.json`, which only its owner can read.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fleetmend.core.graph import Graph
from fleetmend.deploy.addresses import Address, addresses, label
from fleetmend.deploy.monitor import PROVIDER_PREFIX, STACK_TYPE
from fleetmend.deploy.options import meta_arguments
from fleetmend.deploy.problems import ExportError, Problem
from fleetmend.deploy.readme import readme
from fleetmend.deploy.schema import ProviderSchema, aws_schema
from fleetmend.deploy.tokens import Json, references
from fleetmend.deploy.translate import Shared, Translator, attribute_path, autonamed

PROVIDER_VERSION = ">= 5.100, < 7"
TERRAFORM_VERSION = ">= 1.11"
"""Write-only attributes came with it (OpenTofu has them from the same version on)."""
SECRETS_FILE = "secrets.auto.tfvars.json"
_ELEMENT = re.compile(r"(\w+)\[(\d+)\]")
_PARTS = ("main", "data", "outputs", "variables")
_AWS = f"{PROVIDER_PREFIX}aws"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written: `files` relative to `out`; `secrets` are variable names, no values."""

    out: Path
    files: tuple[str, ...]
    resources: int
    data_sources: int
    outputs: tuple[str, ...]
    secrets: tuple[str, ...]
    left_out: tuple[str, ...]


def export(graph: Graph, out: Path, *, schema: ProviderSchema | None = None) -> ExportReport:
    """Write `graph` to the folder `out`; what an earlier export left there is replaced.

    State, overrides and other files in the folder are not touched.

    Raises:
        ExportError: Types, properties or options that Terraform cannot express: all of them.
        OSError: The folder cannot be written.
    """
    schema = schema or aws_schema()
    places, problems = addresses(graph, schema)
    shared = Shared(places, problems)
    providers, aliases = _providers(graph, shared, schema)
    documents = {
        "main": _main(graph, shared, providers, aliases),
        "data": _data(graph, shared, aliases),
        "outputs": _outputs(graph, shared),
    }
    documents["variables"] = _variables(shared)  # last: the others find the secrets
    if shared.problems:
        raise ExportError(shared.problems, graph)
    files = _render(documents, shared, graph)
    _write(out, files)
    return ExportReport(
        out=out,
        files=tuple(sorted(files)),
        resources=sum(place.mode == "resource" for place in places.values()),
        data_sources=sum(place.mode != "resource" for place in places.values()),
        outputs=tuple(sorted(graph.outputs)),
        secrets=tuple(sorted(shared.variables)),
        left_out=tuple(sorted(shared.left_out)),
    )


def _main(
    graph: Graph, shared: Shared, providers: list[Json], aliases: dict[str, str]
) -> dict[str, Json]:
    resources: dict[str, dict[str, Json]] = {}
    imports: list[Json] = []
    for node in graph.nodes:
        place = shared.addresses.get(node.urn)
        if place is None:
            continue
        translator = Translator(shared, node.urn, place.label, node.secret_paths)
        body = translator.body(autonamed(node, place), place.type, place.block)
        body |= meta_arguments(node, place, body, shared.addresses, translator)
        if node.provider in aliases:
            body["provider"] = aliases[node.provider]
        body["//"] = node.urn
        resources.setdefault(place.type, {})[place.label] = body
        if node.options.get("import"):
            imports.append({"to": str(place), "id": str(node.options["import"])})
    required: Json = {"aws": {"source": "hashicorp/aws", "version": PROVIDER_VERSION}}
    document: dict[str, Json] = {
        "terraform": {"required_version": TERRAFORM_VERSION, "required_providers": required},
        "resource": cast("Json", resources),
    }
    if providers:
        document["provider"] = {"aws": providers}
    if imports:
        document["import"] = imports
    return document


def _providers(
    graph: Graph, shared: Shared, schema: ProviderSchema
) -> tuple[list[Json], dict[str, str]]:
    """The provider blocks, and by URN the alias a resource must name.

    A lone provider needs no alias; where resources also use Pulumi's default provider, which the
    environment configures, each declared one gets one.
    """
    declared = [node for node in graph.nodes if node.type.startswith(PROVIDER_PREFIX)]
    users = [*graph.nodes, *graph.invokes]
    default_used = any(node.urn in shared.addresses and not node.provider for node in users)
    blocks: list[Json] = []
    aliases: dict[str, str] = {}
    for node in declared:
        if node.type != _AWS:
            shared.problems.append(
                Problem(
                    node.urn,
                    "",
                    "unknown-type",
                    f"the provider {node.type.removeprefix(PROVIDER_PREFIX)} cannot be exported",
                    "Use resources of the AWS provider.",
                )
            )
            continue
        translator = Translator(shared, node.urn, label(node.name), node.secret_paths)
        body = translator.body(dict(node.inputs), "provider", schema.provider)
        if default_used or len(declared) > 1:
            body["alias"] = label(node.name)
            aliases[node.urn] = f"aws.{label(node.name)}"
        blocks.append(body)
    return blocks, aliases


def _data(graph: Graph, shared: Shared, aliases: dict[str, str]) -> dict[str, Json]:
    sections: dict[str, dict[str, dict[str, Json]]] = {}
    counts = _counts(graph)
    for node in graph.invokes:
        place = shared.addresses.get(node.urn)
        if place is None:
            continue
        translator = Translator(shared, node.urn, place.label, node.secret_paths)
        body = translator.body(dict(node.inputs), place.type, place.block)
        depends = sorted(
            str(shared.addresses[urn]) for urn in node.dependencies if urn in shared.addresses
        )
        if depends:
            body["depends_on"] = cast("Json", depends)
        if node.provider in aliases:
            body["provider"] = aliases[node.provider]
        enough = _enough(place, counts.get(node.urn, {}))
        if enough:
            body["lifecycle"] = [{"postcondition": enough}]
        sections.setdefault(place.mode, {}).setdefault(place.type, {})[place.label] = body
    return cast("dict[str, Json]", sections)


def _counts(graph: Graph) -> dict[str, dict[str, int]]:
    """By URN and list, how many elements the program names: `names[2]` needs three."""
    counts: dict[str, dict[str, int]] = {}
    values = [node.inputs for node in (*graph.nodes, *graph.invokes)]
    for reference in references(cast("Json", [*map(dict, values), dict(graph.outputs)])):
        found = _ELEMENT.match(reference.property)
        if found:
            lists = counts.setdefault(reference.urn, {})
            lists[found[1]] = max(lists.get(found[1], 0), int(found[2]) + 1)
    return counts


def _enough(place: Address, counts: dict[str, int]) -> list[Json]:
    """Conditions that a data source answers as many elements as the program names.

    Without them Terraform would speak of an invalid index, and say nothing of what is missing.
    """
    conditions: list[Json] = []
    for name, count in sorted(counts.items()):
        inner = attribute_path(place.type, place.block, name)
        if inner is not None and place.mode == "data":
            conditions.append(
                {
                    "condition": f"${{length(self.{inner.text}) >= {count}}}",
                    "error_message": f"{count} of {inner.text} are needed from {place.type}, and "
                    "there are fewer. Ask for fewer in the settings, or use another region.",
                }
            )
    return conditions


def _outputs(graph: Graph, shared: Shared) -> dict[str, Json]:
    root = next((node for node in graph.nodes if node.type == STACK_TYPE), None)
    outputs: dict[str, Json] = {}
    for name, value in graph.outputs.items():
        secret = root.secret_paths if root else ()
        translator = Translator(shared, root.urn if root else "", "output", secret)
        body: dict[str, Json] = {"value": translator.any(cast("Json", value), name)}
        hidden = any(path == name or path.startswith((f"{name}.", f"{name}[")) for path in secret)
        if hidden or translator.sensitive:
            body["sensitive"] = True
        outputs[label(name)] = body
    return {"output": outputs} if outputs else {}


def _variables(shared: Shared) -> dict[str, Json]:
    if not shared.variables:
        return {}
    return {
        "variable": {
            name: {
                "type": "string" if isinstance(value, str) else "any",
                "sensitive": True,
                "description": f"A secret of the program; its value is in {SECRETS_FILE}.",
            }
            for name, value in shared.variables.items()
        }
    }


def _render(
    documents: dict[str, dict[str, Json]], shared: Shared, graph: Graph
) -> dict[str, bytes]:
    files = {f"{name}.tf.json": _json(document) for name, document in documents.items() if document}
    files |= shared.assets.files
    if shared.variables:
        files[SECRETS_FILE] = _json(shared.variables)
    files["README.md"] = readme(graph, SECRETS_FILE if shared.variables else None).encode()
    files[".gitignore"] = f"{SECRETS_FILE}\n.terraform/\n*.tfstate*\n*.tfplan\n".encode()
    return files


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _write(out: Path, files: dict[str, bytes]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in (*(f"{part}.tf.json" for part in _PARTS), SECRETS_FILE):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / "assets", ignore_errors=True)
    for name, content in files.items():
        target = out / name
        target.parent.mkdir(exist_ok=True)
        if name == SECRETS_FILE:
            target.touch(mode=0o600)
        target.write_bytes(content)

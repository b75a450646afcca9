"""A node's inputs as the body of a Terraform block, by the provider's schema."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleetmend.core.graph import Node
from fleetmend.deploy.addresses import Address, short_hash
from fleetmend.deploy.assets import Assets, is_asset
from fleetmend.deploy.problems import Problem
from fleetmend.deploy.schema import Attribute, Block, camel, plural, singular
from fleetmend.deploy.tokens import Json, Reference, decoded, join, split
from fleetmend.deploy.type_table import LEFT_OUT, RENAMED

_SEGMENT = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(slots=True)
class Shared:
    """What all nodes of one export share."""

    addresses: Mapping[str, Address]
    problems: list[Problem] = field(default_factory=list[Problem])
    variables: dict[str, Json] = field(default_factory=dict[str, Json])
    assets: Assets = field(default_factory=Assets)
    left_out: list[str] = field(default_factory=list[str])


class Translator:
    """Translates the values of one node. Faults are collected in `shared.problems`."""

    def __init__(
        self, shared: Shared, urn: str, label: str, secret_paths: Iterable[str] = ()
    ) -> None:
        self._shared = shared
        self._urn = urn
        self._label = label
        self._secret_paths = tuple(secret_paths)
        self.sensitive = False
        """Whether a value named something that the provider calls sensitive."""

    def problem(self, path: str, kind: str, message: str, remedy: str = "") -> None:
        """Note a fault of this node."""
        self._shared.problems.append(Problem(self._urn, path, kind, message, remedy))

    def body(self, inputs: Mapping[str, Json], kind: str, block: Block) -> dict[str, Json]:
        """The top level of a resource, data source or provider (`kind` is Terraform's type)."""
        body: dict[str, Json] = {}
        for name, value in inputs.items():
            if name in LEFT_OUT.get(kind, {}):
                self._shared.left_out.append(f"{self._urn}: {name}: {LEFT_OUT[kind][name]}")
            elif value is not None:
                self._property(body, name, value, kind, block, name)
        self._require(body, block)
        return body

    def _require(self, body: Mapping[str, Json], block: Block) -> None:
        for name, attribute in block.attributes.items():
            if attribute.required and name not in body:
                self.problem(name, "value", f"Terraform requires {name}", "Set it in the program.")

    def _property(
        self, body: dict[str, Json], name: str, value: Json, kind: str, block: Block, path: str
    ) -> None:
        """Add one property of a block to `body`."""
        renamed = RENAMED.get(kind, {}).get(name) if path == name else None
        target = renamed or block.by_pulumi_name.get(name)
        if target is None:
            self.problem(
                path,
                "unknown-property",
                f"the Terraform provider's {kind} has no counterpart",
                "Leave it out; where another provider version has it, list it in type_table.py.",
            )
        elif target in block.attributes:
            attribute = block.attributes[target]
            if not attribute.settable:
                self.problem(path, "unknown-property", f"{target} cannot be set in Terraform")
            elif is_asset(value):
                self._asset(body, target, value, block, path)
            else:
                body[target] = self._attribute(value, attribute, path)
        else:
            body[target] = self._blocks(value, kind, block, target, path)

    def _asset(
        self, body: dict[str, Json], target: str, value: Json, block: Block, path: str
    ) -> None:
        try:
            place, digest = self._shared.assets.add(
                f"{self._label}-{target}", value if isinstance(value, dict) else {}
            )
        except (OSError, ValueError) as error:
            self.problem(path, "value", str(error))
            return
        body[target] = place
        checksum = {"filename": "source_code_hash", "source": "source_hash"}.get(target)
        if checksum in block.attributes:
            body.setdefault(checksum, digest)

    def _blocks(self, value: Json, kind: str, block: Block, target: str, path: str) -> Json:
        """Nested blocks, always as a list: Terraform takes one-element lists for single ones."""
        nested = block.blocks[target]
        if nested.mapping and isinstance(value, dict):
            return {
                name: self._nested(item, kind, nested.block, join(path, name))
                for name, item in value.items()
            }
        items = value if isinstance(value, list) else [value]
        return [
            self._nested(
                item, kind, nested.block, f"{path}[{index}]" if isinstance(value, list) else path
            )
            for index, item in enumerate(items)
            if item is not None
        ]

    def _nested(self, value: Json, kind: str, block: Block, path: str) -> Json:
        if not isinstance(value, dict):
            self.problem(
                path,
                "value",
                "a block's content is not known before the cloud answers",
                "Spell the block out in the program.",
            )
            return {}
        body: dict[str, Json] = {}
        for name, item in value.items():
            if item is not None:
                self._property(body, name, item, kind, block, join(path, name))
        self._require(body, block)
        return body

    def _attribute(self, value: Json, attribute: Attribute, path: str) -> Json:
        return self._typed(value, attribute.type, path, write_only=attribute.write_only)

    def _typed(self, value: Json, kind: Json, path: str, *, write_only: bool = False) -> Json:
        """A value of an attribute of the type `kind`."""
        if isinstance(kind, list):
            return self._collection(value, kind, path)
        if isinstance(value, dict | list) and kind == "string":
            # Policies and the like: Pulumi takes them as objects, Terraform as JSON text.
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            return self.text(text, path, secret=self._secret_within(path), write_only=write_only)
        if isinstance(value, str):
            return self.text(value, path, write_only=write_only)
        return self._plain(value, path)

    def _collection(self, value: Json, kind: list[Json], path: str) -> Json:
        shape, element = kind[0], kind[1]
        if isinstance(value, str):
            whole = self.text(value, path)
            return whole if "${" in whole and shape != "object" else [whole]
        if shape in {"list", "set"}:
            items = value if isinstance(value, list) else [value]
            return [
                self._typed(item, element, f"{path}[{index}]") for index, item in enumerate(items)
            ]
        if shape == "map" and isinstance(value, dict):
            return {
                self.text(name, join(path, name), secret=False): self._typed(
                    item, element, join(path, name)
                )
                for name, item in value.items()
            }
        if shape == "object" and isinstance(value, dict) and isinstance(element, dict):
            return self._object(value, element, path)
        self.problem(path, "value", f"Terraform wants a {shape} here")
        return None

    def _object(self, value: dict[str, Json], kinds: dict[str, Json], path: str) -> Json:
        """An object in an attribute: Terraform wants every key, null where there is nothing."""
        names = object_names(kinds)
        body: dict[str, Json] = dict.fromkeys(kinds)
        for name, item in value.items():
            if name not in names:
                self.problem(join(path, name), "unknown-property", "Terraform has no such key")
            elif item is not None:
                body[names[name]] = self._typed(item, kinds[names[name]], join(path, name))
        return body

    def _plain(self, value: Json, path: str) -> Json:
        """A number or boolean; a secret one goes into a variable as well."""
        return self._variable(value, path, 0) if self._is_secret(path) else value

    def any(self, value: Json, path: str) -> Json:
        """A value of no particular type: a stack output."""
        if isinstance(value, str):
            return self.text(value, path)
        if isinstance(value, list):
            return [self.any(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                self.text(name, join(path, name), secret=False): self.any(item, join(path, name))
                for name, item in value.items()
            }
        return self._plain(value, path)

    def text(
        self, text: str, path: str, *, secret: bool | None = None, write_only: bool = False
    ) -> str:
        """A string as a Terraform template: tokens resolved, all else taken literally."""
        hidden = self._is_secret(path) if secret is None else secret
        inner = decoded(text)
        if inner is not None:
            template = self._template(inner, path, secret=hidden, write_only=write_only, quote=True)
            return f'${{base64encode("{template}")}}'
        return self._template(text, path, secret=hidden, write_only=write_only)

    def _template(
        self, text: str, path: str, *, secret: bool, write_only: bool, quote: bool = False
    ) -> str:
        parts: list[str] = []
        for index, part in enumerate(split(text)):
            if isinstance(part, Reference):
                parts.append(f"${{{self.reference(part, path, write_only=write_only)}}}")
            elif secret:
                parts.append(self._variable(part, path, index))
            else:
                literal = part.replace("${", "$${").replace("%{", "%%{")
                parts.append(json.dumps(literal)[1:-1] if quote else literal)
        return "".join(parts)

    def _variable(self, value: Json, path: str, index: int) -> str:
        """Keep a secret out of the configuration: a variable holds it."""
        place = f"{self._label}_{path}" + (f"_{index}" if index else "")
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", place).strip("_")
        while self._shared.variables.get(name, value) != value:
            name += "_"
        self._shared.variables[name] = value
        return f"${{var.{name}}}"

    def _is_secret(self, path: str) -> bool:
        return any(
            path == secret or path.startswith((f"{secret}.", f"{secret}["))
            for secret in self._secret_paths
        )

    def _secret_within(self, path: str) -> bool:
        return self._is_secret(path) or any(
            secret.startswith((f"{path}.", f"{path}[")) for secret in self._secret_paths
        )

    def reference(self, reference: Reference, path: str, *, write_only: bool = False) -> str:
        """The Terraform expression for a reference found at `path`."""
        address = self._shared.addresses.get(reference.urn)
        if address is None:
            self.problem(
                path, "unknown-property", f"it names {reference.urn}, which is not exported"
            )
            return "null"
        if address.mode == "ephemeral" and not write_only:
            self.problem(
                path,
                "value",
                f"what {address.type} returns would be stored",
                "Use it in a write-only property (its name ends in Wo).",
            )
        expression = self.expression(address, reference.property)
        if expression is None:
            self.problem(
                path,
                "unknown-property",
                f"it names {reference.property} of {reference.urn}, "
                f"which the Terraform provider's {address.type} does not have",
                "Use another output.",
            )
            return "null"
        return expression

    def expression(self, address: Address, path: str) -> str | None:
        """The expression for an output path such as `names[0]`; None if there is none."""
        inner = attribute_path(address.type, address.block, path)
        if inner is None:
            return None
        self.sensitive |= inner.sensitive
        if inner.set_index is None:
            return f"{address}.{inner.text}"
        return f"tolist({address}.{inner.text})[{inner.set_index}]"


@dataclass(frozen=True, slots=True)
class AttributePath:
    """A path inside a resource: `text` as written, and the index where the value is a set."""

    text: str
    sensitive: bool = False
    set_index: int | None = None


def attribute_path(kind: str, block: Block, path: str) -> AttributePath | None:
    """Pulumi's output or property path as Terraform's; None if the provider has no such thing."""
    segments = [(match[1], match[2]) for match in _SEGMENT.finditer(path)]
    text = ""
    position = 0
    while position < len(segments):
        index, name = segments[position]
        position += 1
        if index:  # of a block with several
            text += f"[{index}]"
            continue
        renamed = RENAMED.get(kind, {}).get(name) if not text else None
        target = renamed or block.by_pulumi_name.get(name)
        if target is None:
            return None
        text += f".{target}" if text else target
        if target in block.attributes:
            return _inside(text, block.attributes[target], segments[position:])
        block = block.blocks[target].block
        if position < len(segments) and not segments[position][0]:
            text += "[0]"
    return AttributePath(text)


def _inside(text: str, attribute: Attribute, rest: list[tuple[str, str]]) -> AttributePath:
    """The path into an attribute: indices of lists, keys of maps, names of objects."""
    kind = attribute.type
    is_set = isinstance(kind, list) and kind[0] == "set"
    if is_set and len(rest) == 1 and rest[0][0]:
        return AttributePath(text, attribute.sensitive, int(rest[0][0]))
    for index, name in rest:
        shape, element = (kind[0], kind[1]) if isinstance(kind, list) else ("", None)
        if index:
            text += f"[{index}]"
            kind = element
        elif shape == "object" and isinstance(element, dict):
            target = object_names(element).get(name, name)
            text += f".{target}"
            kind = element.get(target)
        else:
            text += f"[{json.dumps(name)}]"
            kind = element
    return AttributePath(text, attribute.sensitive)


def object_names(kinds: Mapping[str, Json]) -> dict[str, str]:
    """Pulumi's names of an object's keys."""
    names: dict[str, str] = {}
    for name, kind in kinds.items():
        names[plural(camel(name)) if isinstance(kind, list) else singular(camel(name))] = name
    return names | {camel(name): name for name in kinds}


def autonamed(node: Node, address: Address) -> dict[str, Json]:
    """A node's inputs, with a physical name where Pulumi would make one up.

    The suffix comes from the URN: random in Pulumi, here the same every time.
    """
    inputs: dict[str, Json] = dict(node.inputs)
    block = address.block
    names = {target: name for name, target in block.by_pulumi_name.items()}
    names |= {target: name for name, target in RENAMED.get(address.type, {}).items()}
    for target in ("name", "bucket", "function_name", "alarm_name"):
        attribute, prefix = block.attributes.get(target), f"{target}_prefix"
        if attribute is None or not attribute.settable:
            continue
        made_up = attribute.required or prefix in block.attributes
        if made_up and not inputs.keys() & {names[target], names.get(prefix)}:
            suffix = short_hash(node.urn)
            inputs[names[target]] = f"{node.name[: 62 - len(suffix)]}-{suffix}"
        break
    return inputs

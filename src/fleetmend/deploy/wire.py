"""Between the Pulumi SDK's protobuf values and plain JSON.

The SDK marks secrets, assets and resources by mappings with magic keys (Pulumi,
`sdk/go/common/resource/properties.go`). Here they become paths, plain mappings and tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import struct_pb2

from fleetmend.deploy.tokens import END, Json, Reference, join, parse, references, token

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 a public constant of the protocol
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"

ASSET_KEY = "$asset"
ARCHIVE_KEY = "$archive"


@dataclass(slots=True)
class Decoded:
    """A mapping of inputs as plain JSON, and the paths of what is secret in it."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    secret_paths: list[str] = field(default_factory=list[str])


def decode(message: struct_pb2.Struct) -> Decoded:
    """The inputs of a request.

    Whole lists and maps of unknown length come back as one token (see `outputs.py`); assets and
    archives as `{"$asset": {...}}` and `{"$archive": {...}}` with `path`, `text`, `uri` or
    `assets`.
    """
    decoded = Decoded()
    for key in sorted(message.fields):
        decoded.values[key] = _value(message.fields[key], key, decoded.secret_paths)
    return decoded


def _value(value: struct_pb2.Value, path: str, secrets: list[str]) -> Json:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            items = [
                _value(item, f"{path}[{index}]", secrets)
                for index, item in enumerate(value.list_value.values)
            ]
            return _folded_list(items)
        case "struct_value":
            return _mapping(value.struct_value, path, secrets)
        case _:
            return None


def _mapping(struct: struct_pb2.Struct, path: str, secrets: list[str]) -> Json:
    fields = struct.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else ""
    if signature == SECRET:
        secrets.append(path)
        return _value(fields["value"], path, [])
    if signature == _RESOURCE:
        urn = fields["urn"].string_value
        return fields["id"].string_value if "id" in fields else token(urn, "id")
    plain = {
        key: _value(fields[key], join(path, key), secrets)
        for key in sorted(fields)
        if key != SIGNATURE
    }
    if signature == _ASSET:
        return {ASSET_KEY: plain}
    if signature == _ARCHIVE:
        return {ARCHIVE_KEY: plain}
    return _folded_map(plain)


def _folded_list(items: list[Json]) -> Json:
    """One token for a computed list that was passed on whole, else the items."""
    if len(items) < 2:  # a computed list always has its first element and its end
        return items
    first, last = _leaf(items[0]), _leaf(items[-1])
    if first is None or last is None or END not in last.property:
        return items
    base = last.property.partition(END)[0]
    whole = first.urn == last.urn and first.property.startswith(f"{base}[0]")
    return token(last.urn, base) if whole else items


def _leaf(value: Json) -> Reference | None:
    """The first token in an element of a list."""
    return next(references(value), None)


def _folded_map(plain: dict[str, Json]) -> Json:
    """One token for a computed map that was passed on whole, else the map."""
    if len(plain) == 1:
        ((key, value),) = plain.items()
        if key == value and parse(key):
            return key
    return plain


def encode(values: Mapping[str, Any], secret: frozenset[str]) -> struct_pb2.Struct:
    """Outputs for a response; the top-level properties named in `secret` are marked so."""
    message = struct_pb2.Struct()
    for key, value in values.items():
        if key in secret:
            message[key] = {SIGNATURE: SECRET, "value": value}
        else:
            message[key] = value
    return message

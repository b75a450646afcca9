"""The syntax of a token: a reference to an output that only the cloud can fill in.

A token is opaque on purpose. A reference written as `${aws_vpc.x.id}` would look like any other
text; this one can be told apart from what the program wrote itself, and a token that was cut,
lower-cased or split is noticed instead of being deployed.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fleetmend.core.graph import TOKEN

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value, as inputs and outputs are."""

END = "[*]"
"""Stands for "all elements from here on": only a program that walks a list of unknown length
meets it."""

_WHOLE = re.compile(r"<<TF:(?P<urn>urn:[^|<>]+)\|(?P<property>[^|<>]+)>>")
_REMAINS = re.compile(r"<<\s*tf:|urn:pulumi:[^|<>]*\|[^|<>]*>>", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{24,}={0,2}\s*")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a token names: a node's (or invoke's) URN and the path of one of its outputs.

    `property` is camelCase, with an index or a key where the program took a part:
    `names[0]`, `certificateAuthorities[0].data`.
    """

    urn: str
    property: str

    def __str__(self) -> str:
        return TOKEN.format(urn=self.urn, property=self.property)


def token(urn: str, path: str) -> str:
    """The token for the output `path` of `urn`."""
    return str(Reference(urn, path))


def parse(text: str) -> Reference | None:
    """The reference, if `text` is one token and nothing else."""
    match = _WHOLE.fullmatch(text)
    return Reference(match["urn"], match["property"]) if match else None


def split(text: str) -> list[str | Reference]:
    """`text` cut into what the program wrote and the tokens between; no empty strings."""
    parts: list[str | Reference] = []
    position = 0
    for match in _WHOLE.finditer(text):
        if match.start() > position:
            parts.append(text[position : match.start()])
        parts.append(Reference(match["urn"], match["property"]))
        position = match.end()
    if position < len(text):
        parts.append(text[position:])
    return parts


def damaged(text: str) -> bool:
    """Whether `text` holds the remains of a token that is none any more."""
    return bool(_REMAINS.search(_WHOLE.sub("", text)))


def decoded(text: str) -> str | None:
    """The text behind base64 that was encoded around a token, else None.

    User data is handed over encoded; a token inside is still there, one layer down.
    """
    if not _BASE64.fullmatch(text):
        return None
    try:
        inner = base64.b64decode(text, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return inner if "<<TF:" in inner else None


def strings(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value with its path (`a.b[0]`); keys of mappings count as well."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield join(path, key), key
            yield from strings(item, join(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{path}[{index}]")


def join(path: str, key: str) -> str:
    """`path` extended by a mapping's key."""
    return f"{path}.{key}" if path else key


def references(value: Json) -> Iterator[Reference]:
    """Every reference in a JSON value, those inside base64 included."""
    for _, text in strings(value):
        inner = decoded(text)
        for part in split(text if inner is None else inner):
            if isinstance(part, Reference):
                yield part


def replaced(value: Json, change: Callable[[str], Json]) -> Json:
    """A copy of a JSON value with every string (not the keys) put through `change`."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {k: replaced(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [replaced(item, change) for item in value]
    return value

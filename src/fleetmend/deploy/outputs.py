"""What a resource or a data source will answer, as far as a token can stand for it.

The types come from the generated SDK classes. Texts, numbers and booleans become one token each.
A list of unknown length becomes a few element tokens with an end mark, a map becomes one marked
pair: both are folded back to one token when they are passed on whole (`wire.py`), and an end mark
that turns up anywhere else means that a program walked a list whose length it cannot know.
"""

import importlib
from collections.abc import Mapping, Sequence
from enum import Enum
from types import ModuleType
from typing import Any, cast, get_args, get_origin

import pulumi
from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage] the SDK has no public way to a class's wire names
from pulumi.runtime import rpc

from fleetmend.deploy.tokens import END, Json, token
from fleetmend.deploy.wire import ARCHIVE_KEY, ASSET_KEY

ELEMENTS = 16
"""How many elements of a computed list of texts can be named by index: more than a region has
zones."""
_BLOCKS = 2
_DEPTH = 4
_UNTOLD = {"urn", "id"}
_REFUSED: tuple[object, ...] = (int, float, bool)


def resource_class(kind: str) -> type[pulumi.Resource] | None:
    """The SDK class of a type token such as `aws:sqs/queue:Queue`, if its package is loaded."""
    package, _, rest = kind.partition(":")
    module = rpc.get_resource_module(package, rest.partition(":")[0], "")
    info = cast("dict[str, Any] | None", getattr(module, "mod_info", None))
    if info is None or kind not in info["classes"]:
        return None
    return cast(
        "type[pulumi.Resource]",
        getattr(importlib.import_module(info["fqn"]), info["classes"][kind]),
    )


def resource_outputs(kind: str, urn: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """All outputs of a resource; None if the type is not known.

    Tokens, but numbers, booleans, lists and maps that the program set itself stay what they are.
    """
    found = resource_class(kind)
    if found is None:
        return None
    outputs: dict[str, Any] = {}
    for name, declared in sdk_types.resource_types(found).items():
        given = inputs.get(name)
        if name in _UNTOLD or _is_asset(given):  # the SDK gives back the asset it was given
            continue
        if given is None or isinstance(given, str) or _bare(declared) is str:
            outputs[name] = _stand_in(declared, urn, name, 0)
        else:
            outputs[name] = given
    return outputs


def _is_asset(value: object) -> bool:
    return isinstance(value, dict) and (ASSET_KEY in value or ARCHIVE_KEY in value)


def invoke_outputs(function: str, urn: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """All results of a data source such as `aws:index/getRegion:getRegion`; None if unknown.

    The SDK refuses a text where a result is a number or a boolean: those are left out.
    """
    found = _result_class(function)
    if found is None:
        return None
    outputs: dict[str, Any] = {}
    for name, declared in sdk_types.output_type_types(found).items():
        given = inputs.get(name)
        if given is not None and not isinstance(given, str):
            outputs[name] = given
        elif _bare(declared) not in _REFUSED:
            outputs[name] = _stand_in(declared, urn, name, 0)
    return outputs


def _result_class(function: str) -> type | None:
    package, _, rest = function.partition(":")
    module, _, name = rest.partition(":")
    area = module.partition("/")[0]
    base = f"pulumi_{package}"
    places = [base] if area == "index" else [f"{base}.{area}", f"{base}.{area}_"]
    for place in places:
        found = getattr(_module(place), f"{name[:1].upper()}{name[1:]}Result", None)
        if isinstance(found, type):
            return found
    return None


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _bare(declared: object) -> object:
    """`declared` without Optional and without the alternatives of a union."""
    bare: object = sdk_types.unwrap_type(cast("type", declared)) if declared else None
    if get_origin(bare) is not None and not _is(bare, Sequence) and not _is(bare, Mapping):
        members = [member for member in get_args(bare) if member is not type(None)]
        return _bare(members[0]) if members else None
    return bare


def _is(declared: object, kind: type) -> bool:
    origin = get_origin(declared) or declared
    return isinstance(origin, type) and issubclass(origin, kind) and not issubclass(origin, str)


def _stand_in(declared: object, urn: str, path: str, depth: int) -> Json:
    bare = _bare(declared)
    here = token(urn, path)
    if depth > _DEPTH or (isinstance(bare, type) and issubclass(bare, Enum)):
        return None
    if isinstance(bare, type) and sdk_types.is_output_type(bare):
        fields = {
            name: _stand_in(kind, urn, f"{path}.{name}", depth + 1)
            for name, kind in sdk_types.output_type_types(bare).items()
        }
        return {name: value for name, value in fields.items() if value is not None}
    if _is(bare, Mapping):
        return {here: here}
    if _is(bare, Sequence):
        arguments = get_args(bare)
        element = _bare(arguments[0]) if arguments else str
        scalar = not (isinstance(element, type) and sdk_types.is_output_type(element))
        marks = [f"[{index}]" for index in range(ELEMENTS if scalar else _BLOCKS)]
        return [_stand_in(element, urn, path + mark, depth + 1) for mark in (*marks, END)]
    return here

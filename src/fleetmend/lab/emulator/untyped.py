"""The one name for objects of libraries without types: boto3, moto, MiniStack, parsed JSON."""

from typing import Any, TypeAlias, cast

Untyped: TypeAlias = Any
"""What a library hands over whose types nobody wrote down."""

Fields: TypeAlias = dict[str, Untyped]
"""A JSON object."""


def fields(value: Untyped) -> Fields:
    """A JSON object as it is; empty for nothing or anything else."""
    return cast("Fields", value) if isinstance(value, dict) else {}


def items(value: Untyped) -> list[Untyped]:
    """A JSON list as it is; empty for nothing or anything else."""
    return cast("list[Untyped]", value) if isinstance(value, list) else []

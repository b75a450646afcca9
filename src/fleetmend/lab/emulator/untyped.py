"""The one name for objects of libraries without types: boto3, moto, MiniStack, parsed JSON."""

from typing import Any, TypeAlias

Untyped: TypeAlias = Any
"""What a library hands over whose types nobody wrote down."""

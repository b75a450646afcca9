"""What a call needs: one action on one resource, in a context."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Context = Mapping[str, tuple[str, ...]]
"""Condition keys in lower case, each with the values that the request carries."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that must be allowed for a call to go through.

    `by` says for people what needs it, such as `s3:PutObject` or `Lambda reads the queue`.
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict[str, tuple[str, ...]], hash=False)
    by: str = ""

"""Lists cut into pieces that one call takes."""

from collections.abc import Sequence

FILTER_VALUES = 200
"""The most values of one filter (EC2 User Guide, "Filtering considerations")."""


def slices(values: Sequence[str], size: int) -> list[list[str]]:
    """The values in lists of at most `size`."""
    return [list(values[n : n + size]) for n in range(0, len(values), size)]

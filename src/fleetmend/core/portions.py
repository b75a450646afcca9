"""A sweep of many in portions: where one run had no time to go on, the next begins."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Protocol


class Place(Protocol):
    """How far the last run came. It is a hint: lost, a run begins from the start."""

    def read(self) -> str:
        """The last subject that was served, empty where all were.

        Raises:
            PortError: it cannot be told.
        """
        ...

    def keep(self, subject: str) -> None:
        """Put it down for the next run.

        Raises:
            PortError: it cannot be put down.
        """
        ...


def from_place(subjects: Iterable[str], place: str) -> list[str]:
    """All of them in order, those after the place first."""
    order = sorted(set(subjects))
    first = bisect_right(order, place) if place else 0
    return [*order[first:], *order[:first]]

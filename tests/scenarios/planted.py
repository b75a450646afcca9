"""A planted bug: what it is, how it is planted, and what it must be found by."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from fleetmend.lab.scenario import Scenario

Patch = pytest.MonkeyPatch
Hunt = Callable[[], Iterable[Scenario]]


@dataclass(frozen=True)
class Mutant:
    """A planted bug, how it is planted, and within how many histories it must be found."""

    name: str
    plant: Callable[[Patch], None]
    within: int
    hunt: Hunt

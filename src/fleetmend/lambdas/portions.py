"""A sweep of thousands: as many subjects as there is time for, portion after portion."""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Protocol, TypeVar

from fleetmend.core.loop import Case
from fleetmend.core.portions import Place, from_place
from fleetmend.lambdas import wiring

S = TypeVar("S")

PORTION = 200
"""How many subjects are served together. Six calls for each, 16 at a time, take two to eight
seconds, as much as the function's share of a core."""

LEAST = wiring.SHORTEST_TIMEOUT
"""A portion is begun with this much time left at least, so that what it sends is recorded too."""

_log = logging.getLogger(__name__)


class Serve(Protocol[S]):
    """`loop.run` over the practice and the ports of one run."""

    def __call__(self, looks: Mapping[str, int | None], *, hints: Collection[str]) -> list[Case[S]]:
        """Serve these, of whom the open index names the hints."""
        ...


def serve(
    run: Serve[S],
    place: Place,
    looks: Collection[str],
    hints: Collection[str],
    time_left: Callable[[], timedelta],
    *,
    keeps: bool,
) -> list[Case[S]]:
    """What became of those there was time for.

    It begins after the place that the run before left, and leaves one of its own where it `keeps`
    any. One portion is served however little time there is.

    Raises:
        PortError: the place cannot be read, or not be put down.
    """
    cases: list[Case[S]] = []
    order = from_place({*hints, *looks}, place.read())
    while order and (not cases or time_left() >= LEAST):
        some, order = order[:PORTION], order[PORTION:]
        asked = {name: None for name in some if name in looks}
        cases += run(asked, hints=[name for name in some if name in hints])
        if order:
            _log.info("%d are served, %d are left", len(cases), len(order))
    if keeps:
        place.keep(cases[-1].subject if order else "")
    return cases

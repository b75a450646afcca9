"""A listing of many pages read in several lanes at once, without one resource more or less.

Pages of one listing come one after the other, so a large region waits for each. A lane is the
part of it whose ids end with some of the sixteen hexadecimal digits, asked for by a filter with
wildcards (EC2 API Reference, "Filter": `*` stands for any characters). Every id ends with one of
them, so lanes leave nothing out and share nothing, whatever is in the region, and they are of
about the same length, which zones or instance types are not.

The first page is read without a lane: what fits on it costs one call. What it shows of each lane
must come back in that lane, so that an EC2 which takes the filter otherwise is an error and never
a short answer.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol, cast

from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.ports import ObservationFailed

DIGITS = "0123456789abcdef"
"""What ids end with (EC2 User Guide, "Resource IDs")."""

_MARK = "lanes:"
"""What a place in lanes begins with; EC2's own tokens are base64, which has no colon."""

Page = Mapping[str, Any]
Values = tuple[str, ...]


class Listing(Protocol):
    """One kind of resource in one region, as its pages are asked for and read."""

    def pages(self, token: str, ids: Values = ()) -> Iterator[Page]:
        """Pages from a token on, of resources whose ids fit one of these patterns."""
        ...

    def batch(self, page: Page) -> Batch:
        """What stands on a page."""
        ...


@dataclass(slots=True)
class Lane:
    """Where one lane stands. `owed`: it has something for sure, and none of it was seen yet."""

    digits: str
    token: str = ""
    owed: bool = False
    done: bool = False

    @property
    def ids(self) -> Values:
        """The filter's values."""
        return tuple(f"*{digit}" for digit in self.digits)

    def take(self, batch: Batch) -> None:
        """Go on behind a page of this lane.

        Raises:
            ObservationFailed: the page shows that EC2 did not take the filter as it was meant.
        """
        stray = [one.id for one in batch.resources if one.id[-1:] not in self.digits]
        if stray:
            raise _misread(f"{stray[0]} came where ids ending with {self.digits} were asked for")
        self.owed = self.owed and not batch.resources
        self.token, self.done = batch.token, not batch.token
        if self.done and self.owed:
            raise _misread(f"ids ending with {self.digits} were there, and none came")


def scan(listing: Listing, token: str, count: int, *, ahead: bool) -> Iterator[Batch]:
    """Every resource of a listing, to the end; a batch's token is the place in all lanes.

    Args:
        listing: whose pages are read.
        token: where to go on, in lanes or without; empty at the beginning.
        count: how many lanes, where there is more than a page and it is begun now.
        ahead: whether pages are fetched while others are judged, and lanes at once.

    Raises:
        ObservationFailed: EC2 does not take the filter of a lane as it is meant.
    """
    lanes = _resumed(token)
    if lanes is None and not token and count > 1:
        first = listing.batch(next(listing.pages("")))
        lanes = split(first.resources, count) if first.token else None
        if lanes is None:
            yield first
            token = first.token
            if not token:
                return
    if lanes is None:
        for page in _ahead(listing.pages(token)) if ahead else listing.pages(token):
            yield listing.batch(page)
        return
    way = _together if ahead else _in_turn
    for lane, page in way([one for one in lanes if not one.done], listing.pages):
        batch = listing.batch(page)
        lane.take(batch)
        yield Batch(batch.resources, _place(lanes))


def split(known: Iterable[Resource], count: int) -> list[Lane] | None:
    """Lanes for a listing of which these are known; None where an id fits in no lane."""
    last = {one.id[-1:] for one in known}
    if not last <= set(DIGITS):
        return None
    shares = [DIGITS[n::count] for n in range(min(count, len(DIGITS)))]
    return [Lane(digits, owed=bool(last & set(digits))) for digits in shares]


def _place(lanes: list[Lane]) -> str:
    """Where all lanes stand, as one token; empty where all are at their end."""
    if all(lane.done for lane in lanes):
        return ""
    return _MARK + json.dumps([[one.digits, one.token, one.owed, one.done] for one in lanes])


def _resumed(token: str) -> list[Lane] | None:
    """The lanes that a token of `_place` describes; None where it is another's."""
    if not token.startswith(_MARK):
        return None
    told = cast("list[tuple[str, str, bool, bool]]", json.loads(token.removeprefix(_MARK)))
    return [Lane(*one) for one in told]


Pages = Callable[[str, Values], Iterator[Page]]


def _together(lanes: list[Lane], pages: Pages) -> Iterator[tuple[Lane, Page]]:
    """Pages of all lanes as they come; of each lane one is on its way, and none lies waiting."""
    with ThreadPoolExecutor(max_workers=len(lanes), thread_name_prefix="lane") as pool:

        def fetch(rest: Iterator[Page]) -> Future[Page | None]:
            return pool.submit(next, rest, None)

        ways = [(lane, pages(lane.token, lane.ids)) for lane in lanes]
        coming = {fetch(way[1]): way for way in ways}
        while coming:
            come, _ = wait(coming, return_when=FIRST_COMPLETED)
            while come:
                future = come.pop()
                lane, rest = coming.pop(future)
                page = future.result()
                del future
                if page is not None:
                    coming[fetch(rest)] = lane, rest
                    yield lane, page
                del page


def _in_turn(lanes: list[Lane], pages: Pages) -> Iterator[tuple[Lane, Page]]:
    """A page of each lane in turn, without a thread."""
    ways = [(lane, pages(lane.token, lane.ids)) for lane in lanes]
    while ways:
        for way in tuple(ways):
            page = next(way[1], None)
            if page is None:
                ways.remove(way)
            else:
                yield way[0], page


def _ahead(pages: Iterator[Page]) -> Iterator[Page]:
    """The same pages, each with the next one already on its way."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="page") as ahead:
        coming = ahead.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = ahead.submit(next, pages, None)
            yield page
            del page


def _misread(what: str) -> ObservationFailed:
    return ObservationFailed(
        f"EC2 took a lane's filter otherwise than it is meant: {what}",
        remedy="scan without lanes (complianceLanes: 1)",
    )

"""Lanes: whatever is in a region, read in parts at once, is what one listing gives."""

import json
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.aws import lanes
from fleetmend.aws.lanes import DIGITS, split
from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.ports import ObservationFailed

IDS = st.lists(st.text(DIGITS, min_size=1, max_size=3), unique=True, max_size=40)


class Ec2:
    """A listing: `size` on a page, an empty page here and there, and tokens that name a place."""

    def __init__(self, ids: list[str], size: int = 3, gap: int = 0) -> None:
        self.ids = [f"i-{one}" for one in ids]
        self.size, self.gap = size, gap
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.fails: set[str] = set()
        self.lock = threading.Lock()

    def pages(self, token: str, ids: tuple[str, ...] = ()) -> Iterator[dict]:
        chosen = self.fits(ids)
        while True:
            with self.lock:
                self.asked.append((token, ids))
            if set(ids) & self.fails:
                raise ObservationFailed("throttled", code="RequestLimitExceeded")
            at, seen_gap, _ = token.partition("!")
            first = int(at or 0)
            if self.gap and first and first % self.gap == 0 and not seen_gap:
                page, token = [], f"{at}!"  # EC2 may show an empty page and have more
            else:
                page, after = chosen[first : first + self.size], first + self.size
                token = str(after) if after < len(chosen) else ""
            yield {"ids": page, "NextToken": token}
            if not token:
                return

    def fits(self, ids: tuple[str, ...]) -> list[str]:
        return [one for one in self.ids if not ids or any(fnmatchcase(one, i) for i in ids)]

    def batch(self, page: dict) -> Batch:
        return Batch([Resource("instance", one, {}) for one in page["ids"]], page["NextToken"])


def read(ec2: Ec2, count: int, token: str = "", *, ahead: bool = False) -> list[Batch]:
    return list(lanes.scan(ec2, token, count, ahead=ahead))


def ids(batches: list[Batch]) -> list[str]:
    return sorted(one.id for batch in batches for one in batch.resources)


@given(IDS, st.integers(1, 20), st.integers(1, 5), st.sampled_from([0, 2, 3]), st.booleans())
def test_lanes_give_what_one_listing_gives_each_once(found, count, size, gap, ahead):
    ec2 = Ec2(found, size, gap)
    batches = read(ec2, count, ahead=ahead)
    assert ids(batches) == sorted(ec2.ids)
    assert [bool(batch.token) for batch in batches] == [True] * (len(batches) - 1) + [False]


@given(IDS, st.integers(2, 16), st.integers(1, 5), st.data())
def test_whoever_goes_on_at_a_token_completes_it(found, count, size, data):
    ec2 = Ec2(found, size)
    batches = read(ec2, count)
    k = data.draw(st.integers(1, len(batches)))
    token = batches[k - 1].token
    if not token:
        return
    other = data.draw(st.integers(1, 16))  # the token says how many, whatever is said now
    rest = read(ec2, other, token, ahead=data.draw(st.booleans()))
    assert ids(batches[:k] + rest) == sorted(ec2.ids)


def test_one_page_costs_one_call_and_no_filter():
    ec2 = Ec2([f"{n:x}" for n in range(3)])
    assert ids(read(ec2, 4)) == sorted(ec2.ids)
    assert ec2.asked == [("", ())]


@given(IDS, st.integers(2, 16), st.integers(1, 5))
def test_calls_grow_by_a_constant_only(found, count, size):
    ec2 = Ec2(found, size)
    read(ec2, count)
    assert len(ec2.asked) <= len(found) // size + count + 1


def test_lanes_are_under_way_at_once():
    ec2 = Ec2([f"{n:02x}" for n in range(64)], size=16)
    meet = threading.Barrier(4, timeout=5)
    plain = ec2.pages

    def pages(token: str, ids: tuple[str, ...] = ()) -> Iterator[dict]:
        for n, page in enumerate(plain(token, ids)):
            if ids and not n:
                meet.wait()  # each lane's first page waits for the other three's
            yield page

    ec2.pages = pages
    assert ids(read(ec2, 4, ahead=True)) == sorted(ec2.ids)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_lane_that_fails_fails_the_whole(ahead):
    ec2 = Ec2([f"{n:02x}" for n in range(64)])
    ec2.fails = {"*7"}
    with pytest.raises(ObservationFailed, match="throttled"):
        read(ec2, 4, ahead=ahead)


def test_leaving_early_asks_no_lane_for_more_than_one_page():
    ec2 = Ec2([f"{n:02x}" for n in range(256)])
    batches = lanes.scan(ec2, "", 4, ahead=True)
    next(batches)
    batches.close()
    assert len(ec2.asked) <= 1 + 4 + 1  # the first, one a lane, and the one after what was given


def test_a_filter_that_is_ignored_is_an_error_and_counts_nothing_twice():
    ec2 = Ec2([f"{n:02x}" for n in range(64)])
    ec2.fits = lambda _: ec2.ids
    with pytest.raises(ObservationFailed, match="came where ids ending with"):
        read(ec2, 4)


def test_a_filter_that_is_taken_literally_is_an_error_and_no_empty_region():
    ec2 = Ec2([f"{n:02x}" for n in range(64)])
    ec2.fits = lambda ids: [] if ids else ec2.ids
    with pytest.raises(ObservationFailed, match="were there, and none came") as told:
        read(ec2, 4)
    assert "complianceLanes" in told.value.remedy


def test_that_a_lane_is_owed_something_is_not_forgotten_on_the_way():
    ec2 = Ec2([f"{n:02x}" for n in range(64)])
    half = next(batch.token for batch in read(ec2, 16) if batch.token)
    assert any(owed for _, _, owed, _ in json.loads(half.removeprefix("lanes:")))
    ec2.fits = lambda ids: [] if ids else ec2.ids
    with pytest.raises(ObservationFailed, match="none came"):
        read(ec2, 1, half)


def test_an_id_of_another_form_is_read_without_lanes():
    ec2 = Ec2(["0", "1", "z", "2", "3", "4"])
    assert ids(read(ec2, 4)) == sorted(ec2.ids)
    assert {asked for _, asked in ec2.asked} == {()}


@given(st.integers(1, 40))
def test_every_digit_is_in_one_lane(count):
    made = split([], count) or []
    assert sorted("".join(lane.digits for lane in made)) == list(DIGITS)
    assert max(map(len, (lane.digits for lane in made))) <= -(-16 // min(count, 16))

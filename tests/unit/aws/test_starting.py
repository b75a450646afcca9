"""The splitting of StartInstances against a model of EC2 that fails whole calls by rules."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.aws import starting
from fleetmend.aws.errors import Cause, Failure
from fleetmend.core.model import Outcome, Result, StartRequest

CHUNK = 8


@pytest.fixture(autouse=True, scope="module")
def _small_chunks():
    before, starting.CHUNK = starting.CHUNK, CHUNK
    yield
    starting.CHUNK = before


class Ec2:
    """Starts all or nothing. `places` maps an id to its (type, zone)."""

    def __init__(self, places, *, dry=(), gone=(), busy=(), denied=(), odd=(), names=True):
        self.places, self.names = places, names
        self.dry, self.gone, self.busy = set(dry), set(gone), set(busy)
        self.denied, self.odd = set(denied), set(odd)
        self.started, self.calls, self.mute, self.deaf = [], [], set(), set()

    def __call__(self, ids):
        number = len(self.calls)
        self.calls.append(list(ids))
        if number in self.deaf:
            return self._fail(Result.THROTTLED, Cause.CALL, "RequestLimitExceeded")
        for bad, result, code in (
            (self.gone, Result.GONE, "InvalidInstanceID.NotFound"),
            (self.denied, Result.REFUSED, "UnauthorizedOperation"),
            (self.busy, Result.CONFLICT, "IncorrectInstanceState"),
        ):
            found = [name for name in ids if name in bad]
            if found:
                said = f"The instance '{found[0]}' is bad" if self.names else "no"
                return self._fail(result, Cause.SUBJECT, code, said)
        if any(self.places[name] in self.dry for name in ids):
            return self._fail(Result.CAPACITY, Cause.PLACE, "InsufficientInstanceCapacity")
        if any(name in self.odd for name in ids):
            return self._fail(Result.REFUSED, Cause.PLACE, "Unsupported")
        self.started.extend(ids)
        if number in self.mute:
            return self._fail(Result.UNKNOWN, Cause.CALL, "ReadTimeoutError")
        return set(ids)

    def _fail(self, result, cause, code, text=""):
        return Failure(Outcome(result, code, text), cause, text)


TYPES, ZONES = ("m5.large", "t3.micro", "c5.xlarge"), ("us-east-1a", "us-east-1b")
places = st.tuples(st.sampled_from(TYPES), st.sampled_from(ZONES))


@st.composite
def fleets(draw, *, probes=False):
    drawn = draw(st.lists(places, max_size=40))
    chosen = {f"i-{number:08x}": place for number, place in enumerate(drawn)}
    probing = draw(st.sets(st.sampled_from(sorted(set(drawn))))) if probes and drawn else set()
    requests = [
        StartRequest(name, *place, probe=place in probing) for name, place in chosen.items()
    ]
    return draw(st.permutations(requests)), chosen


def some(of):
    return st.sets(st.sampled_from(sorted(of))) if of else st.just(set())


def always():
    return True


@given(st.data(), fleets(probes=True), st.booleans())
def test_all_that_can_start_is_started_once_and_the_rest_is_told_why(data, fleet, names):
    requests, where = fleet
    ec2 = Ec2(
        where,
        dry=data.draw(st.sets(places, max_size=2)),
        gone=data.draw(some(where)),
        busy=data.draw(some(where)),
        denied=data.draw(some(where)),
        odd=data.draw(some(where)),
        names=names,
    )
    outcomes = starting.start(requests, ec2, always)

    assert set(outcomes) == set(where)
    assert len(ec2.started) == len(set(ec2.started))
    for name, outcome in outcomes.items():
        if name in ec2.started:
            assert outcome.result is Result.ACCEPTED
        elif where[name] in ec2.dry:
            # once a place is dry, nobody asks any more what else is wrong there
            assert outcome.result is not Result.ACCEPTED
        elif name in ec2.gone:
            assert outcome.result is Result.GONE
        elif name in ec2.denied or name in ec2.odd:
            assert outcome.result in {Result.REFUSED, Result.CONFLICT}
        else:
            assert name in ec2.busy
            assert outcome.result is Result.CONFLICT
    startable = {
        name
        for name, place in where.items()
        if place not in ec2.dry and name not in ec2.gone | ec2.busy | ec2.denied | ec2.odd
    }
    assert set(ec2.started) == startable
    assert max(map(len, ec2.calls), default=0) <= CHUNK


@given(fleets(), places)
def test_one_dry_place_costs_no_more_than_a_call_for_each_place(fleet, dry):
    requests, where = fleet
    ec2 = Ec2(where, dry={dry})
    outcomes = starting.start(requests, ec2, always)
    assert {name for name, o in outcomes.items() if o.result is Result.CAPACITY} == {
        name for name, place in where.items() if place == dry
    }
    assert len(ec2.calls) <= ceil(len(requests) / CHUNK) + len(set(where.values()))


@given(fleets())
def test_a_healthy_fleet_takes_the_least_number_of_calls(fleet):
    requests, where = fleet
    ec2 = Ec2(where)
    starting.start(requests, ec2, always)
    assert len(ec2.calls) == ceil(len(requests) / CHUNK)


@given(fleets(), st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6)))
def test_a_lost_answer_and_a_throttled_call_concern_only_their_own_chunk(fleet, mute, deaf):
    requests, where = fleet
    ec2 = Ec2(where)
    ec2.mute, ec2.deaf = mute, deaf - mute
    outcomes = starting.start(requests, ec2, always)
    for number, ids in enumerate(ec2.calls):
        told = {outcomes[name].result for name in ids}
        expected = Result.THROTTLED if number in ec2.deaf else Result.ACCEPTED
        assert told == {Result.UNKNOWN if number in mute else expected}
    assert sum(map(len, ec2.calls)) == len(where)


def test_after_a_lack_of_capacity_one_goes_first_and_a_dry_place_sees_nobody_else():
    where = {f"i-{n:08x}": ("m5.large", "us-east-1a") for n in range(7)}
    requests = [StartRequest(name, *place, probe=True) for name, place in where.items()]
    ec2 = Ec2(where, dry=set(where.values()))
    outcomes = starting.start(requests, ec2, always)
    assert [len(ids) for ids in ec2.calls] == [1]
    assert {o.result for o in outcomes.values()} == {Result.CAPACITY}


def test_a_probe_that_works_is_followed_in_doubling_steps():
    where = {f"i-{n:08x}": ("m5.large", "us-east-1a") for n in range(30)}
    requests = [
        StartRequest(name, *place, probe=n == 3) for n, (name, place) in enumerate(where.items())
    ]
    ec2 = Ec2(where)
    starting.start(requests, ec2, always)
    assert [len(ids) for ids in ec2.calls] == [1, 2, 4, 8, 8, 7]


def test_what_no_longer_fits_the_time_is_not_sent():
    where = {f"i-{n:08x}": ("m5.large", "us-east-1a") for n in range(2 * CHUNK + 1)}
    requests = [StartRequest(name, *place) for name, place in where.items()]
    ec2 = Ec2(where)
    outcomes = starting.start(requests, ec2, lambda: len(ec2.calls) < 2)
    results = [outcome.result for _, outcome in sorted(outcomes.items())]
    assert results == [Result.ACCEPTED] * 2 * CHUNK + [Result.NOT_SENT]


def test_no_time_at_all_sends_nothing():
    ec2 = Ec2({"i-1": ("m5.large", "us-east-1a")})
    outcomes = starting.start([StartRequest("i-1", "m5.large", "us-east-1a")], ec2, lambda: False)
    assert not ec2.calls
    assert outcomes["i-1"].result is Result.NOT_SENT


def test_whoever_waits_behind_a_probe_is_not_forgotten_when_time_runs_out():
    where = {f"i-{n:08x}": ("m5.large", "us-east-1a") for n in range(5)}
    requests = [StartRequest(name, *place, probe=True) for name, place in where.items()]
    ec2 = Ec2(where)
    outcomes = starting.start(requests, ec2, lambda: not ec2.calls)
    results = [outcome.result for _, outcome in sorted(outcomes.items())]
    assert results == [Result.ACCEPTED] + [Result.NOT_SENT] * 4


def test_the_large_calls_go_before_the_pieces_of_failed_ones():
    where = {f"i-{n:08x}": ("m5.large", "us-east-1a") for n in range(3 * CHUNK)}
    requests = [StartRequest(name, *place) for name, place in where.items()]
    ec2 = Ec2(where, denied=set(list(where)[:CHUNK]), names=False)
    starting.start(requests, ec2, always)
    assert [len(ids) for ids in ec2.calls[:3]] == [CHUNK] * 3


def test_an_id_that_aws_leaves_out_of_its_answer_is_unknown():
    request = StartRequest("i-1", "m5.large", "us-east-1a")
    assert starting.start([request], lambda ids: set(), always)["i-1"].result is Result.UNKNOWN


def test_an_id_that_is_part_of_another_is_not_taken_for_it():
    short, long = "i-12345678", "i-1234567890abcdef0"
    requests = [StartRequest(name, "m5.large", "us-east-1a") for name in (short, long)]
    ec2 = Ec2(dict.fromkeys((short, long), ("m5.large", "us-east-1a")), gone={long})
    outcomes = starting.start(requests, ec2, always)
    assert outcomes[short].result is Result.ACCEPTED
    assert outcomes[long].result is Result.GONE

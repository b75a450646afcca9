"""The store's time as every answer narrows it, by the ledger and by itself."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.aws.ledger import S3Ledger
from fleetmend.aws.storeclock import StoreClock
from tests.unit.aws.ledgers import EPOCH
from tests.unit.aws.wire import client, response


@pytest.mark.parametrize("ahead", [-3600.0, -2.5, 2.5, 3600.0])
def test_a_clock_that_is_wrong_is_set_right_by_the_store_to_a_second(world, ahead):
    ledger = world.ledger(ahead=ahead)
    ledger.open()
    off = ledger.now() - (EPOCH + timedelta(seconds=100))
    assert abs(off) <= timedelta(seconds=1)


def test_a_clock_that_agrees_keeps_its_microseconds(world):
    world.time.now = 100.654321
    ledger = world.ledger()
    ledger.open()
    assert ledger.now() == EPOCH + timedelta(seconds=100.654321)


def test_the_store_tells_its_time_also_when_it_says_no():
    late = "Tue, 01 Jan 2030 01:00:00 GMT"
    absent = response("<Error><Code>NoSuchKey</Code></Error>", 404, Date=late)
    ledger = S3Ledger(
        client("s3", lambda _: absent), "b", "recovery", clock=lambda: EPOCH, nonce=lambda: "n"
    )
    assert ledger.read("i-1").now == EPOCH + timedelta(hours=1)


moments = st.floats(0, 1e6).map(lambda s: EPOCH + timedelta(seconds=s))


@given(
    st.floats(-1e5, 1e5),
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 30), st.floats(0, 1)), min_size=1),
)
def test_the_estimate_never_contradicts_an_answer_and_is_never_worse_than_it(skew, answers):
    clock = SimpleNamespace(now=EPOCH)
    told = StoreClock(lambda: clock.now)
    for at, took, share in answers:
        sent = EPOCH + timedelta(seconds=at)
        received = sent + timedelta(seconds=took)
        store = sent + timedelta(seconds=took * share + skew)
        date = store.strftime("%a, %d %b %Y %H:%M:%S GMT")
        told.heard(sent, received, date)
        clock.now = received
        off = told.now() - (received + timedelta(seconds=skew))
        assert abs(off) <= timedelta(seconds=took + 1, milliseconds=1)


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 30), st.floats(0, 1)), min_size=1))
def test_a_good_clock_stays_untouched_however_slow_the_answers_are(answers):
    clock = SimpleNamespace(now=EPOCH)
    told = StoreClock(lambda: clock.now)
    for at, took, share in answers:
        sent = EPOCH + timedelta(seconds=at)
        clock.now = sent + timedelta(seconds=took)
        date = (sent + (clock.now - sent) * share).strftime("%a, %d %b %Y %H:%M:%S GMT")
        told.heard(sent, clock.now, date)
        assert told.now() == clock.now


@pytest.mark.parametrize("date", [None, "", "yesterday", "Wed, 99 Foo 2030 00:00:00 GMT"])
def test_an_answer_without_a_date_says_nothing(date):
    told = StoreClock(lambda: EPOCH)
    told.heard(EPOCH, EPOCH, date)
    assert told.now() == EPOCH


def test_a_clock_that_was_set_meanwhile_is_followed():
    told = StoreClock(lambda: EPOCH)
    told.heard(EPOCH, EPOCH, "Tue, 01 Jan 2030 01:00:00 GMT")
    assert told.now() == EPOCH + timedelta(hours=1)
    told.heard(EPOCH, EPOCH, "Tue, 01 Jan 2030 00:00:00 GMT")
    assert told.now() == EPOCH + timedelta(0)

"""Recurring windows by the clocks of a time zone, the two odd nights of the year included."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import holds
from fleetmend.core.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = frozenset(range(7))


def window(begins: str, ends: str, days=DAILY, zone=BERLIN) -> Window:
    return Window(days, time.fromisoformat(begins), time.fromisoformat(ends), zone, "batch", "ana")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHT = window("22:00", "06:00")
CASES = [
    # Berlin is UTC+1 in winter and UTC+2 in summer; clocks change at 01:00 UTC on 2026-03-29
    # and on 2026-10-25.
    ("winter, before it begins", NIGHT, "2026-01-14 20:59:59", None),
    ("winter, it begins", NIGHT, "2026-01-14 21:00", "2026-01-15 05:00"),
    ("after midnight", NIGHT, "2026-01-15 04:59", "2026-01-15 05:00"),
    ("it ends", NIGHT, "2026-01-15 05:00", None),
    ("summer, it begins an hour earlier", NIGHT, "2026-07-14 20:00", "2026-07-15 04:00"),
    ("the short night", NIGHT, "2026-03-29 03:59", "2026-03-29 04:00"),
    ("the short night ends", NIGHT, "2026-03-29 04:00", None),
    ("the long night", NIGHT, "2026-10-25 04:30", "2026-10-25 05:00"),
    ("the hour that is not there, before", window("02:30", "04:00"), "2026-03-29 00:29", None),
    ("the hour that is not there", window("02:30", "04:00"), "2026-03-29 00:30",
     "2026-03-29 02:00"),
    ("it ends in the hour that is not there", window("22:00", "02:30"), "2026-03-29 01:29",
     "2026-03-29 01:30"),
    ("all of it in the hour that is not there", window("02:15", "02:45"), "2026-03-29 01:44",
     "2026-03-29 01:45"),
    ("clocks change at midnight", window("23:30", "00:30", zone=ZoneInfo("Africa/Cairo")),
     "2026-04-23 22:29", "2026-04-23 22:30"),
    ("no summer time", window("22:00", "06:00", zone=ZoneInfo("Asia/Kolkata")),
     "2026-03-29 00:29", "2026-03-29 00:30"),
    ("a leap day's night", window("22:00", "06:00", {1}), "2028-02-29 21:00", "2028-03-01 05:00"),
    ("a whole day of twenty-three hours", window("12:00", "12:00", {5}), "2026-03-29 09:59",
     "2026-03-29 10:00"),
    ("the hour that comes twice, first", window("02:15", "02:45"), "2026-10-25 00:20",
     "2026-10-25 01:45"),
    ("the hour that comes twice, second", window("02:15", "02:45"), "2026-10-25 01:30",
     "2026-10-25 01:45"),
    ("another day", window("22:00", "06:00", {4}), "2026-01-14 22:00", None),
    ("Friday's night on Saturday", window("22:00", "06:00", {4}), "2026-01-17 03:00",
     "2026-01-17 05:00"),
    ("the whole day", window("00:00", "00:00"), "2026-01-14 12:00", "2026-01-14 23:00"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "given_", "now", "until"), CASES, ids=[c[0] for c in CASES])
def test_a_window_is_open_by_its_own_clocks(what, given_, now, until):
    assert given_.open_until(utc(now)) == (until and utc(until))


def test_it_holds_with_who_and_why():
    hold = holds.in_force({}, None, utc("2026-01-15 03:00"), (NIGHT,))
    assert (hold.until, hold.by, hold.reason) == (utc("2026-01-15 05:00"), "ana", "batch")
    assert holds.in_force({}, None, utc("2026-01-15 12:00"), (NIGHT,)) is None


CHANGES = [
    *(date(2026, 3, 29), date(2026, 10, 25)),  # Berlin
    *(date(2026, 3, 8), date(2026, 11, 1)),  # New York
    *(date(2026, 4, 24), date(2026, 10, 29)),  # Cairo
    *(date(2026, 10, 4), date(2026, 4, 5)),  # Lord Howe Island, by half an hour
]
NIGHTLY = st.times(time(0), time(4))


@given(
    st.sampled_from(CHANGES) | st.dates(date(1990, 1, 2), date(2037, 12, 30)),
    st.times() | NIGHTLY,
    st.times() | NIGHTLY,
    st.sampled_from(["Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe"]),
)
def test_a_window_opens_on_each_of_its_days(day, begins, ends, zone):
    where = ZoneInfo(zone)
    made = Window(frozenset({day.weekday()}), begins, ends, where, "r", "b")
    start = datetime.combine(day, begins, where)
    first = min(start.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    assert made.open_until(first) is not None


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.sets(st.integers(0, 6)),
    st.times(),
    st.times(),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"]),
)
def test_an_open_window_ends_later_and_within_two_days(now, days, begins, ends, zone):
    made = Window(frozenset(days), begins, ends, ZoneInfo(zone), "r", "b")
    until = made.open_until(now)
    if until is not None:
        assert now < until <= now + timedelta(days=2)
        assert days

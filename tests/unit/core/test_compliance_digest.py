"""The weekly digest: due on its day, told once, and the same whoever tells it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.compliance_digest import due, owed, told
from fleetmend.core.rules import Rules
from fleetmend.core.standings import Branch, Plan, begin, planned
from fleetmend.core.times import DAYS
from tests.unit.core.archive import MemoryArchive

MONDAY = date(2026, 3, 16)
SUMMARY = {
    "judged": 480,
    "violating": 12,
    "rate": 0.975,
    "by_rule": {"owner": 9, "environment": 4},
    "by_owner": {"web": 8, "(nobody)": 5},
    "branches": [
        {"account": "111111111111", "region": "eu-west-1", "failure": ""},
        {"account": "222222222222", "region": "us-east-1", "failure": "AccessDenied"},
    ],
    "trend": [
        {"day": "2026-03-02", "violating": 20, "rate": 0.9},
        {"day": "2026-03-08", "violating": 14, "rate": 0.971},
        {"day": "2026-03-10", "violating": 13, "rate": 0.972},
    ],
}


def plan(day: date = MONDAY, digest: str = "mon") -> Plan:
    return Plan(f"run-{day}", day, Rules(()), (Branch("111111111111", "eu-west-1"),), digest)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 6))
def test_it_is_due_on_its_day_and_stays_so_for_a_week(today: date, weekday: int):
    week = due(today, weekday)
    assert week.weekday() == weekday
    assert timedelta(0) <= today - week < timedelta(days=7)
    assert due(week, weekday) == week
    assert due(week + timedelta(days=7), weekday) == week + timedelta(days=7)


def test_it_says_where_things_stand_and_where_they_stood():
    digest = owed(MemoryArchive(), plan(), SUMMARY)
    assert digest is not None
    assert digest.text == (
        "week of 2026-03-16: 97.5 % of 480 resources comply, 12 do not; "
        "on 2026-03-08 it was 97.1 %, 14"
    )
    assert digest.why == (
        "broken rules: owner 9, environment 4; most to mend: web 8, (nobody) 5; "
        "not examined: 222222222222/us-east-1"
    )


def test_without_a_past_and_without_a_fault_it_says_so():
    clean = {"by_rule": {}, "by_owner": {}, "branches": SUMMARY["branches"][:1], "trend": []}
    digest = owed(MemoryArchive(), plan(), {**SUMMARY, **clean})
    assert digest is not None
    assert "no report from a week before" in digest.text
    assert digest.why == ""


def test_a_week_is_told_once_by_the_first_run_of_it():
    archive = MemoryArchive()
    told_on: list[date] = []
    for day in range(30):
        today = plan(MONDAY + timedelta(days=day))
        digest = owed(archive, today, SUMMARY) if day not in {7, 8} else None  # no run ends then
        if digest:
            told(archive, today, digest)
            told_on.append(today.day)
    assert [(day - MONDAY).days for day in told_on] == [0, 9, 14, 21, 28]


def test_who_dies_after_telling_is_followed_by_the_same_fact():
    archive = MemoryArchive()
    first = owed(archive, plan(), SUMMARY)  # published, and the process ended
    again = owed(archive, plan(MONDAY + timedelta(days=1)), SUMMARY)
    assert first is not None
    assert again is not None
    assert first.key == again.key


@pytest.mark.parametrize("digest", ["never", "", "someday"])
def test_never_is_never(digest: str):
    assert owed(MemoryArchive(), plan(digest=digest), SUMMARY) is None


def test_the_day_stands_in_the_plan_and_a_plan_of_the_release_before_has_none():
    archive = MemoryArchive()
    mine = plan(digest=DAYS[4])
    begin(archive, mine)
    assert planned(archive, mine.run) == mine
    (key,) = archive.objects
    archive.objects[key] = archive.objects[key].replace(b'"digest": "fri",\n', b"")
    assert planned(archive, mine.run).digest == "never"

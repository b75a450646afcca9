"""A mass stop from tables: what is down in, what is let through out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import operators
from fleetmend.core.decisions.recovery import decide as decide_one
from fleetmend.core.decisions.recovery import mass
from fleetmend.core.events import Retry
from fleetmend.core.model import Instance, Record, RecoveryPolicy, Status
from fleetmend.core.scope import MASS_STOP, Down, Scope

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = RecoveryPolicy(mass_count=10, pace=4)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def scope(count: int, size: int = 20, at: datetime | None = None, now: datetime = NOW) -> Scope:
    stops = tuple(Down(f"i-{k:08x}", at or ago(60)) for k in range(count))
    return Scope(stops, now, size)


def held(count: int = 12) -> Record:
    record = mass.decide(scope(count), None, POLICY, NOW).record
    assert record is not None
    return record


def pacing(count: int = 12) -> Record:
    released = replace(held(), status=Status.OPEN, reason="retry")
    record = mass.decide(scope(count), released, POLICY, NOW).record
    assert record is not None
    return record


def later(record: Record, now: datetime) -> Record:
    after = mass.decide(scope(1, at=ago(60), now=now), record, POLICY, now).record
    assert after is not None
    return after


TRIPS = [
    ("as many as it takes", scope(10), True),
    ("one fewer", scope(9), False),
    ("many, but a small share", scope(10, size=100), False),
    ("the share exactly", scope(30, size=100), True),
    ("long ago", scope(12, at=ago(601)), False),
    ("within the window", scope(12, at=ago(599)), True),
    ("nobody knows when", Scope(tuple(Down(f"i-{k}") for k in range(12)), NOW, 20), False),
    ("the scope was not counted", scope(12, size=0), False),
]


@pytest.mark.parametrize(("what", "seen", "tripped"), TRIPS, ids=[t[0] for t in TRIPS])
def test_a_mass_stop_is_many_and_a_large_share_at_once(what, seen, tripped):
    decision = mass.decide(seen, None, POLICY, NOW)
    assert (decision.record is not None) == tripped
    brake = mass.brake(seen, None, POLICY, NOW)
    assert bool(brake.held) == tripped


def test_it_is_held_and_told_once():
    record = held()
    assert (record.status, record.reason, record.next_look_at) == (
        Status.EXHAUSTED,
        MASS_STOP,
        None,
    )
    (alert,) = record.owed
    assert alert.kind == "mass-stop"
    assert "12 of 20 instances stopped within 10 minutes" in alert.text
    assert "nothing is started" in alert.done.lower()
    assert mass.decide(scope(14), record, POLICY, NOW).record == record


def test_held_means_that_nothing_is_started():
    brake = mass.brake(scope(12), held(), POLICY, NOW)
    seen = Instance("i-1", "stopped", NOW, tags={"Auto-Recover": "true"})
    decision = decide_one("i-1", seen, None, POLICY, NOW, "n", brake=brake)
    assert (decision.reason, decision.act) == (MASS_STOP, "")
    assert decision.record.status is Status.REFUSED
    later = NOW + timedelta(hours=5)
    still = mass.brake(scope(12, now=later), held(), POLICY, later)
    assert still.held, "it does not reset itself"


def test_a_persons_word_paces_the_starts():
    word = Retry("", "ana")
    released = operators.apply(word, held(), Record("recovery", MASS_STOP, Status.CLOSED), NOW)
    seen = scope(12)
    paced = mass.decide(seen, released, POLICY, NOW).record
    assert (paced.status, paced.reason) == (Status.OPEN, "pacing")
    brake = mass.brake(seen, paced, POLICY, NOW)
    minutes = [(brake.turn(one.id)[1] - NOW).total_seconds() / 60 for one in seen.down]
    assert sorted(minutes) == [0] * 4 + [1] * 4 + [2] * 4
    for minute in (1, 2):
        paced = later(paced, NOW + timedelta(minutes=minute))
        assert paced.status is Status.OPEN
    assert paced.next_look_at == NOW + timedelta(minutes=3)
    over = later(paced, NOW + timedelta(minutes=3))
    assert (over.status, over.reason) == (Status.CLOSED, "paced")


def test_a_pace_that_stood_still_goes_on_where_it_was():
    paced, seen = pacing(12), scope(12)
    back = NOW + timedelta(minutes=40)
    brake = mass.brake(seen, paced, POLICY, back)
    minutes = [(brake.turn(one.id)[1] - back).total_seconds() / 60 for one in seen.down]
    assert sorted(minutes) == [0] * 8 + [1] * 4, "the share that was begun, and one more"
    assert mass.brake(seen, later(paced, back), POLICY, back) == brake, "written or not"


@given(st.integers(1, 60), st.lists(st.floats(0, 1800), min_size=1, max_size=30))
def test_no_more_than_two_shares_start_in_any_minute_however_the_controller_stands_still(
    count: int, gaps: list[float]
) -> None:
    record, now, started = pacing(count), NOW, dict[str, datetime]()
    for gap in [*gaps, *[60.0] * 20]:
        now += timedelta(seconds=gap)
        record = later(record, now)
        brake = mass.brake(scope(count, now=now), record, POLICY, now)
        for one in scope(count).down:
            turn = brake.turn(one.id)
            if one.id not in started and (turn is None or turn[1] <= now):
                started[one.id] = now
    assert len(started) == count
    for moment in started.values():
        inside = [at for at in started.values() if moment <= at < moment + POLICY.pace_every]
        assert len(inside) <= 2 * POLICY.pace


def test_the_same_stops_do_not_trip_it_again_and_new_ones_do():
    paced, then = pacing(), NOW + timedelta(minutes=2)
    still = mass.decide(scope(12, now=then), paced, POLICY, then).record
    assert (still.status, still.alerts) == (Status.OPEN, paced.alerts)
    again = scope(12, at=then - timedelta(seconds=5), now=then)
    second = mass.decide(again, paced, POLICY, then).record
    assert second.status is Status.EXHAUSTED
    assert len({alert.fact for alert in second.alerts}) == 2, "a new page"


def test_it_ends_by_itself_when_all_are_up_again():
    over = mass.decide(scope(0), held(), POLICY, NOW).record
    assert (over.status, over.owed[-1].kind) == (Status.CLOSED, "mass-stop-over")
    one_left = mass.decide(scope(1), held(), POLICY, NOW).record
    assert one_left.status is Status.EXHAUSTED


def test_the_setting_paces_at_once():
    policy = replace(POLICY, mass_stop="pace")
    record = mass.decide(scope(12), None, policy, NOW).record
    assert (record.status, [a.kind for a in record.owed]) == (Status.OPEN, ["mass-stop"])
    assert not mass.brake(scope(12), record, policy, NOW).held


def test_what_may_become_one_waits_until_no_more_come():
    seen = scope(5, at=ago(20))
    brake = mass.brake(seen, None, POLICY, NOW)
    reason, until = brake.turn(seen.down[0].id)
    assert (reason, until) == ("gathering", ago(20) + POLICY.mass_quiet)
    assert brake.turn("i-other") is None
    assert mass.brake(scope(1), None, POLICY, NOW) is mass.FREE
    assert mass.brake(scope(5, size=9), None, POLICY, NOW) is mass.FREE, "too few to be one"


def test_the_setting_may_say_pace_later_as_well():
    policy = replace(POLICY, mass_stop="pace")
    record = mass.decide(scope(12), held(), policy, NOW).record
    assert (record.status, record.reason) == (Status.OPEN, "pacing")
    assert len(record.alerts) == 1, "who was paged set it"
    assert not mass.brake(scope(12), held(), policy, NOW).held


@pytest.mark.parametrize(
    ("what", "down", "reason"),
    [
        ("all of them are up", (), "over"),
        ("what is down stopped afterwards", (Down("i-9", NOW + timedelta(seconds=30)),), "over"),
        ("one of them is down", (Down("i-9", ago(7200)),), "pacing"),
        ("one may be of them", (Down("i-9"),), "pacing"),
    ],
)
def test_a_pace_is_over_when_nobody_it_is_for_is_down(what, down, reason):
    then = NOW + timedelta(seconds=90)
    record = mass.decide(Scope(down, then), pacing(), POLICY, then).record
    assert record.reason == reason
    if reason == "over":
        assert record.owed[-1].kind == "mass-stop-over"
        assert mass.brake(Scope(down, then), pacing(), POLICY, then) is mass.FREE


def test_the_end_of_a_pace_is_told():
    record, now = pacing(12), NOW
    while record.status is Status.OPEN:
        now += timedelta(minutes=1)
        record = later(record, now)
    assert (record.reason, record.owed[-1].kind) == ("paced", "mass-stop-over")


def test_what_stops_in_a_paced_start_waits_for_more_like_any_other():
    old, then = scope(12).down, NOW + timedelta(minutes=1)
    fresh = tuple(Down(f"i-{k}", then - timedelta(seconds=10)) for k in range(3))
    seen = Scope((*old, *fresh), then, 100)
    paced = pacing(12)
    turns = [mass.brake(seen, paced, POLICY, then).turn(one.id) for one in fresh]
    assert min(until for _, until in turns) >= then + timedelta(seconds=50)
    few = Scope((*old, fresh[0]), then, 100)
    assert mass.brake(few, paced, POLICY, then).turn(fresh[0].id)[0] == "paced"
    closed = replace(paced, status=Status.CLOSED)
    assert mass.brake(few, closed, POLICY, then) is mass.FREE, "the old ones wait for nobody"


SPOILED = [
    {"slots": "many"},
    {"slots": [0.1, "x"]},
    {"slots": None},
    {"share": "?"},
    {"share": True},
    {"share": -1},
    {"turned": "soon"},
    {"turned": None},
]


@pytest.mark.parametrize("spoiled", SPOILED, ids=str)
def test_a_pace_that_cannot_be_read_starts_nobody_until_somebody_says_so(spoiled):
    paced = pacing()
    paced = replace(paced, detail={**paced.detail, **spoiled})
    record = mass.decide(scope(12), paced, POLICY, NOW).record
    assert (record.status, record.reason) == (Status.EXHAUSTED, "unreadable")
    assert record.owed[-1].kind == "unreadable"
    assert mass.brake(scope(12), paced, POLICY, NOW).held
    then = NOW + timedelta(hours=5)
    old = scope(12, now=then)
    assert mass.decide(old, record, POLICY, then).record == record, "though all stopped long ago"
    again = operators.apply(Retry("", "ana"), record, record, then)
    assert mass.decide(old, again, POLICY, then).record.reason == "pacing"


def test_an_interval_that_is_set_anew_counts_at_once_and_a_size_from_the_next_cut_on():
    policy, then = (
        replace(POLICY, pace=1, pace_every=timedelta(minutes=5)),
        NOW + timedelta(seconds=90),
    )
    brake = mass.brake(scope(12, now=then), pacing(12), policy, then)
    turns = sorted((brake.turn(one.id)[1] - NOW).total_seconds() for one in scope(12).down)
    assert turns == [0] * 4 + [300] * 4 + [600] * 4


@given(
    st.lists(st.none() | st.integers(0, 2000), max_size=40),
    st.integers(0, 60),
    st.none() | st.sampled_from(["hold", "paced", "garbage"]),
    st.integers(0, 4000),
)
def test_the_brake_is_total_and_never_forgets_what_is_owed(ages, size, before, later):
    stops = tuple(Down(f"i-{n}", None if a is None else ago(a)) for n, a in enumerate(ages))
    seen, record = Scope(stops, NOW + timedelta(seconds=later), size), None
    if before:
        record = held()
    if before == "paced":
        record = pacing()
    if before == "garbage":
        record = replace(
            record, status=Status.OPEN, detail={"since": "soon", "slots": "many", "share": "?"}
        )
    now = NOW + timedelta(seconds=later)
    decision = mass.decide(seen, record, POLICY, now)
    mass.brake(seen, record, POLICY, now)
    if record is not None:
        assert {a.fact for a in record.owed} <= {a.fact for a in decision.record.alerts}
    if decision.record is not None:
        assert mass.decide(seen, decision.record, POLICY, now).record == decision.record

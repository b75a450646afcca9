"""Findings and their counts: independent of the order of pages, and comparable between days."""

import random
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.compliance import (
    NOBODY,
    Change,
    Resource,
    Tally,
    aged,
    changed,
    examine,
    kinds,
)
from fleetmend.core.rules import Problem, Rule, Rules, Severity

DAY = date(2026, 3, 14)
RULES = Rules(
    (
        Rule("environment", "Environment", allowed=("prod", "dev")),
        Rule("backup", "Backup", severity=Severity.WARNING, kinds=("instance", "volume")),
    )
)

resources = st.lists(
    st.builds(
        Resource,
        st.sampled_from(["instance", "volume", "image"]),
        st.integers(0, 10**6).map(lambda n: f"i-{n}"),
        st.dictionaries(
            st.sampled_from(["Environment", "environment", "Backup", "Owner"]),
            st.sampled_from(["prod", "dev", "", "x"]),
        ),
    ),
    max_size=20,
    unique_by=lambda one: (one.kind, one.id),
)


def test_a_finding_says_what_is_wrong_and_whose_it_is():
    tally = Tally()
    found = examine(
        RULES,
        [
            Resource("instance", "i-1", {"environment": "prod", "Backup": "yes", "Owner": "web"}),
            Resource("volume", "vol-1", {}),
            Resource("image", "ami-1", {}),
        ],
        tally,
        DAY,
    )
    assert [(one.name, one.problem, one.owner) for one in found] == [
        ("instance/i-1/environment", Problem.NEAR_KEY, "web"),
        ("volume/vol-1/backup", Problem.MISSING, NOBODY),
    ]
    assert (tally.judged, tally.violating) == (3, 2)
    assert tally.by_severity == {"error": 1, "warning": 1}
    assert tally.by_owner == {"web": 1, NOBODY: 1}
    assert round(tally.rate, 3) == 0.333


@given(resources, st.randoms(use_true_random=False), st.integers(1, 7))
def test_neither_order_nor_pages_matter(fleet, chance: random.Random, page):
    whole = Tally()
    found = examine(RULES, fleet, whole, DAY)
    shuffled = [*fleet]
    chance.shuffle(shuffled)
    parts, sum_of_parts = [], Tally()
    for n in range(0, len(shuffled), page):
        one = Tally()
        parts += examine(RULES, shuffled[n : n + page], one, DAY)
        sum_of_parts.add(one)
    assert sorted(parts, key=lambda one: one.name) == sorted(found, key=lambda one: one.name)
    assert sum_of_parts == whole


def test_only_kinds_that_a_rule_is_about_are_looked_for():
    assert kinds(RULES) == ("instance", "volume")
    assert kinds(Rules(())) == ()


def test_a_finding_keeps_the_day_it_was_first_seen():
    (one,) = examine(RULES, [Resource("volume", "vol-1", {})], Tally(), DAY)
    assert aged(one, {one.name: date(2026, 3, 1)}).since == date(2026, 3, 1)
    assert aged(one, {"other": date(2026, 3, 1)}).since == DAY
    assert aged(one, {one.name: date(2027, 1, 1)}).since == DAY  # a clock that went back


def test_only_what_changed_is_news():
    assert changed(["a", "b"], ["b", "c"]) == Change(("c",), ("a",))
    assert not changed(["a"], ["a"])


def test_nothing_at_all_complies():
    assert Tally().rate == 1.0

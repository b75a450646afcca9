"""Where one run had no time to go on, the next begins."""

from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.portions import from_place

NAMES = st.sets(st.text("abc", min_size=1, max_size=3), max_size=12)


@given(NAMES, st.text("abc", max_size=3))
def test_all_are_there_and_those_after_the_place_come_first(names, place):
    order = from_place(names, place)
    assert sorted(order) == sorted(names)
    if place and any(name > place for name in names):
        assert order[0] == min(name for name in names if name > place)


@given(NAMES, st.integers(1, 4))
def test_portion_after_portion_everybody_is_served_in_turn(names, portion):
    place, served = "", []
    while len(served) < len(names):
        some = from_place(names, place)[:portion]
        served += some
        place = some[-1]
    assert set(served) == names

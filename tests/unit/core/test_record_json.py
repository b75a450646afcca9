"""A record survives its bytes; anything that is not one is named and refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.model import Alert, Record, Status
from fleetmend.core.record_json import RecordUnreadable, decode, encode

from .strategies import NOW, records

WHOLE = json.loads(encode(Record("recovery", "i-1", Status.OPEN)))


@given(records)
def test_what_is_written_is_read_back(record):
    assert decode(encode(record)) == record


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_garbage_is_refused_and_nothing_else(body):
    with pytest.raises(RecordUnreadable):
        decode(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(WHOLE)), json_values)
def test_one_wrong_field_is_named(key, value):
    body = json.dumps({**WHOLE, key: value}).encode()
    try:
        assert decode(body) is not None
    except RecordUnreadable as error:
        assert key in str(error) or "not JSON" in str(error)


MISTAKES = [
    ({"schema": 3}, "schema: 3"),
    (
        {"attempts": [{"at": "yesterday", "result": "accepted", "code": "", "message": ""}]},
        "attempts[0].at",
    ),
    ({"next_look_at": "2026-03-01T12:00:00"}, "no time zone"),
    ({"surprise": 1}, "surprise"),
    ({"revision": True}, "revision"),
]


@pytest.mark.parametrize(("change", "named"), MISTAKES)
def test_the_place_is_named(change, named):
    with pytest.raises(RecordUnreadable) as caught:
        decode(json.dumps({**WHOLE, **change}).encode())
    assert named in str(caught.value)


def test_a_missing_field_is_not_guessed():
    for key in WHOLE:
        with pytest.raises(RecordUnreadable):
            decode(json.dumps({k: v for k, v in WHOLE.items() if k != key}).encode())


def test_a_record_of_the_release_before_is_read():
    short = {"fact": "f", "kind": "exhausted", "text": "t", "delivered": ""}
    record = decode(json.dumps({**WHOLE, "schema": 1, "alerts": [short]}).encode())
    assert record.alerts == (Alert("f", "exhausted", "t"),)
    with pytest.raises(RecordUnreadable, match="why"):
        decode(json.dumps({**WHOLE, "alerts": [short]}).encode())


def test_an_enormous_body_is_refused():
    with pytest.raises(RecordUnreadable, match="bytes"):
        decode(b" " * 300_000)
    assert NOW

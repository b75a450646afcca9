"""The roster: a hint that spares reads, and that may be lost without harm."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from fleetmend.aws import clients
from fleetmend.aws.roster import S3Roster
from fleetmend.core.ports import LedgerUnavailable
from fleetmend.lab.sim import wire
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.sim.s3 import S3

KEY = "roster/rebuild.json"


@pytest.fixture
def bucket():
    """S3's model, and what it is to answer instead, if anything."""
    made = S3(SimpleNamespace(now=1.0), datetime(2030, 1, 1, tzinfo=UTC), "b")
    made.refuse, made.puts = "", 0

    def serve(_service, operation, params, _patience):
        made.puts += operation == "PutObject"
        if made.refuse:
            raise AwsError(made.refuse)
        return made.handle(operation, params)

    wire.container("us-east-1", 8).fresh()
    with wire.connected(serve, lambda _: None, seed=1):
        yield made


def roster(**more) -> S3Roster:
    client = clients.client("s3", wire.container("us-east-1", 8))
    return S3Roster(client, "b", KEY, lambda: ["i-1", "i-2"], **more)


def test_without_one_everything_recorded_is_looked_at(bucket) -> None:
    assert roster().read() == {"i-1": "", "i-2": ""}
    bucket.replace(KEY, b"no JSON")
    assert roster().read() == {"i-1": "", "i-2": ""}
    bucket.replace(KEY, b"[]")
    assert roster().read() == {"i-1": "", "i-2": ""}


def test_it_is_read_back_and_an_unchanged_one_is_not_written(bucket) -> None:
    one = roster()
    one.read()
    one.write({"i-1": "a"})
    again = roster()
    assert again.read() == {"i-1": "a"}
    before = bucket.puts
    again.write({"i-1": "a"})
    assert bucket.puts == before
    again.write({"i-1": "b"})
    assert json.loads(bucket.objects[KEY].body) == {"i-1": "b"}


def test_whoever_was_second_leaves_it_to_the_first(bucket) -> None:
    first, second = roster(), roster()
    first.read(), second.read()
    first.write({"i-1": "a"})
    second.write({"i-9": "z"})
    assert json.loads(bucket.objects[KEY].body) == {"i-1": "a"}


def test_a_garbled_one_is_replaced(bucket) -> None:
    bucket.replace(KEY, b"no JSON")
    one = roster()
    one.read()
    one.write({"i-1": "a"})
    assert roster().read() == {"i-1": "a"}


def test_a_plan_writes_nothing(bucket) -> None:
    one = roster(keeps=False)
    one.read()
    one.write({"i-1": "a"})
    assert bucket.puts == 0


def test_a_store_that_refuses_is_an_error_and_no_empty_answer(bucket) -> None:
    bucket.refuse = "AccessDenied"
    with pytest.raises(LedgerUnavailable, match=KEY):
        roster().read()
    with pytest.raises(LedgerUnavailable, match=KEY):
        roster().write({"i-1": "a"})

"""The heartbeat is about work done: late looks show, and what is not known is not called fine."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from fleetmend.core.loop import Case
from fleetmend.core.model import Record, Status, Stored
from fleetmend.core.ports import PortError
from fleetmend.lambdas import envelope

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LOST = PortError("no answer")


def case(subject, *, due=None, written=None, failure=None, read=True):
    record = Record("recovery", subject, Status.OPEN, next_look_at=due, written_at=written)
    stored = Stored(subject, record, "etag", NOW) if read else None
    return Case(subject, stored=stored, failure=failure)


def ago(minutes):
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("cases", "seconds"),
    [
        ([], 0),
        ([case("i-1", due=ago(90))], 0),
        ([case("i-1", due=ago(3), failure=LOST), case("i-2", due=ago(7), failure=LOST)], 420),
        ([case("i-1", written=ago(4), failure=LOST)], 240),
        ([case("i-1", due=ago(-5), failure=LOST)], 0),
        ([case("i-1", failure=LOST, read=False)], None),
        ([case("i-1", due=ago(9), failure=LOST), case("i-2", failure=LOST, read=False)], None),
    ],
)
def test_the_most_overdue_look_counts(cases, seconds):
    assert envelope.oldest_look(cases, NOW) == seconds


@pytest.mark.parametrize(("read", "names"), [(True, True), (False, False)])
def test_a_sweep_that_ended_is_counted_and_silence_means_not_known(
    read, names, capsys, monkeypatch
):
    monkeypatch.setattr(envelope._metrics.provider, "namespace", "Fleetmend/test")
    with envelope.opened("recovery", SimpleNamespace(aws_request_id="r")):
        envelope.swept([case("i-1", due=ago(1), failure=LOST, read=read)], NOW)
    metrics = json.loads(next(t for t in capsys.readouterr().out.splitlines() if "_aws" in t))
    assert metrics["SweepCompleted"] == [1.0]
    assert ("OldestLookSeconds" in metrics) is names

"""Status and incidents tell what the ledger and EC2 say."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fleetmend.core.model import Attempt, Record, Result, Status

WHERE = ("-e", "test", "--region", "eu-west-1")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TAGS = {"Auto-Recover": "true", "Name": "api"}


def record(subject: str, status: Status = Status.OPEN, **more) -> Record:
    base = Record("recovery", subject, status, reason="started", note="a note", opened_at=NOW)
    return replace(base, revision=1, nonce="n", written_at=NOW, **more)


def test_a_quiet_fleet_is_fine(fleetmend, account):
    account.instance(stopped=False, tags=TAGS)
    account.instance(stopped=True, tags={"Name": "not ours"})
    ran = fleetmend("status", *WHERE)
    assert ran.code == 0, ran
    assert "nothing in scope is down" in ran.out


def test_what_is_down_is_shown_with_its_record(fleetmend, account):
    noticed = account.instance(stopped=True, tags=TAGS)
    under_way = account.instance(stopped=True, tags=TAGS)
    account.record(record(under_way, attempts=(Attempt(NOW, Result.ACCEPTED),)))
    ran = fleetmend("status", "--json", *WHERE)
    assert ran.code == 0, ran
    rows = {row["subject"]: row for row in ran.json["subjects"]}
    assert (rows[noticed]["state"], rows[noticed]["status"]) == ("stopped", "noticed")
    assert (rows[under_way]["status"], rows[under_way]["attempts"]) == ("open", 1)
    assert rows[under_way]["name"] == "api"
    assert ran.json["mode"] == {"recovery": "act"}


def test_the_selector_of_the_settings_counts(fleetmend, account):
    account.parameter("recovery/policy", '{"selector": {"key": "Mend", "value": "yes"}}')
    account.instance(stopped=True, tags=TAGS)
    ours = account.instance(stopped=True, tags={"Mend": "yes"})
    rows = fleetmend("status", "--json", *WHERE).json["subjects"]
    assert [row["subject"] for row in rows] == [ours]


@pytest.mark.parametrize("garbage", [True, False])
def test_what_waits_for_a_person_ends_with_1(fleetmend, account, garbage):
    subject = account.instance(stopped=True, tags=TAGS)
    if garbage:
        account.put(f"records/recovery/{subject}.json", b"{")
    else:
        account.record(record(subject, Status.EXHAUSTED))
    ran = fleetmend("status", *WHERE)
    assert ran.code == 1, ran
    assert ("unreadable" if garbage else "exhausted") in ran.out


def test_a_stale_hint_is_not_an_incident(fleetmend, account):
    account.record(record("i-0123456789abcdef0", Status.CLOSED))
    account.put("open/recovery/i-0123456789abcdef0", b"x")
    assert fleetmend("status", "--json", *WHERE).json["subjects"] == []


def test_incidents_lists_every_record(fleetmend, account):
    account.record(record("i-0123456789abcdef0", Status.CLOSED))
    account.record(record("i-0123456789abcdef1"), prefix="would/")
    listed = fleetmend("incidents", "--json", *WHERE).json
    assert [entry["subject"] for entry in listed] == ["i-0123456789abcdef0"]
    would = fleetmend("incidents", "--would", "--json", *WHERE).json
    assert [entry["subject"] for entry in would] == ["i-0123456789abcdef1"]
    assert "i-0123456789abcdef0" in fleetmend("incidents", *WHERE).out


def test_one_incident_is_told_from_its_first_write_on(fleetmend, account):
    first = record("i-0123456789abcdef0")
    account.record(first)
    then = replace(first, status=Status.CLOSED, reason="recovered", revision=2, nonce="m")
    account.record(then.telling("recovered", "it runs again"))
    told = fleetmend("incidents", first.subject, "--json", *WHERE).json
    assert told["status"] == "closed"
    assert [entry["revision"] for entry in told["history"]] == [1, 2]
    shown = fleetmend("incidents", first.subject, *WHERE).out
    assert "it runs again" in shown
    assert "owed" in shown


def test_an_incident_that_never_was_is_wrong_use(fleetmend, account):
    ran = fleetmend("incidents", "i-0123456789abcdef0", *WHERE)
    assert ran.code == 2
    assert "no record" in ran.err


def test_no_incident_yet(fleetmend, account):
    ran = fleetmend("incidents", *WHERE)
    assert (ran.code, ran.out.strip()) == (0, "there has been no incident")

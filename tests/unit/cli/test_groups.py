"""A status shows the groups in health's scope."""

import json
from datetime import UTC, datetime, timedelta

from fleetmend.aws.installation import Entry, Installation
from fleetmend.core.groups import Group, Member
from fleetmend.core.model import Check, Record, Status

NOW = datetime.now(UTC)
ILL = (Check("instance", "impaired"),)


def groups(*_):
    members = tuple(
        Member(
            f"i-{n}",
            f"z-{n % 2}",
            "InService",
            launched_at=NOW - timedelta(hours=1),
            checks=ILL if n == 0 else (Check("instance", "ok"),),
        )
        for n in range(3)
    )
    return [Group("web", NOW, 3, members, suspended=frozenset({"ReplaceUnhealthy"}))]


ASKED = ("status", "-e", "test", "--region", "eu-west-1")


def install(account, monkeypatch):
    queues = {"recovery": account.queue, "health": account.queue}
    account.parameter("installation", json.dumps({**account.facts(), "queues": queues}))
    account.parameter("mode/health", "act")
    monkeypatch.setattr(Installation, "groups", groups)
    monkeypatch.setattr(Installation, "stopped", lambda _: [])
    monkeypatch.setattr(Installation, "open", lambda *_: [])


def test_a_status_judges_groups_by_the_policy_in_force(account, fleetmend, monkeypatch):
    install(account, monkeypatch)
    monkeypatch.setattr(Installation, "record", lambda *_: None)
    for grace, ill in ((60, 1), (7200, 0)):
        account.parameter("health/policy", json.dumps({"boot_grace": grace}))
        (row,) = fleetmend(*ASKED, "--json").json["groups"]
        assert (row["ill"], row["healthy"]) == (ill, 3 - ill)


def test_a_status_shows_each_group_and_what_is_done_about_it(account, fleetmend, monkeypatch):
    install(account, monkeypatch)
    monkeypatch.setattr(
        Installation,
        "record",
        lambda *_: Entry("web", Record("health", "web", Status.OPEN, "outage", "2 of 3 are ill")),
    )
    (row,) = fleetmend(*ASKED, "--json").json["groups"]
    assert row == {
        "group": "web",
        "desired": 3,
        "healthy": 2,
        "ill": 1,
        "zones": ["z-0", "z-1"],
        "suspended": True,
        "status": "open",
        "reason": "outage",
        "what": "2 of 3 are ill",
    }
    shown = fleetmend(*ASKED).out
    assert "2 of 3" in shown
    assert "2 of 3 are ill" in shown

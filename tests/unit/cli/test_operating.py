"""What operators say reaches the controller's queue in the form it understands."""

import json

import pytest

from fleetmend.core import events

WHERE = ("-e", "test", "--region", "eu-west-1")
ID = "i-0123456789abcdef0"


def test_a_run_is_asked_for_and_its_report_shown(fleetmend, account, answering):
    answering["subjects"] = [
        {
            "subject": ID,
            "decision": "starting",
            "status": "open",
            "reason": "started",
            "note": "AWS accepted the start",
            "spent": 1,
            "outcome": {"result": "accepted", "code": "", "message": ""},
            "next_look_at": None,
            "failure": "",
        }
    ]
    ran = fleetmend("run", "recovery", *WHERE, "--by", "ana")
    assert ran.code == 0, ran
    assert ID in ran.out
    assert "AWS accepted the start" in ran.out
    (asked,) = account.asked()
    assert events.parse(json.dumps(asked)) == events.Run(asked["run"], "ana", plan=False)


def test_a_plan_says_that_nothing_was_done(fleetmend, account, answering):
    answering["plan"] = True
    ran = fleetmend("run", "recovery", "--plan", *WHERE)
    assert ran.code == 0, ran
    assert "nothing was done" in ran.out
    assert account.asked()[0]["plan"] is True


def test_an_incomplete_report_ends_with_3(fleetmend, account, answering):
    answering["problems"] = ["the parameter /fleetmend/test/mode/all is missing"]
    ran = fleetmend("run", "recovery", *WHERE, "--json")
    assert ran.code == 3
    assert ran.json["problems"] == answering["problems"]


def test_who_asks_is_the_aws_identity(fleetmend, account, answering):
    fleetmend("run", "recovery", *WHERE)
    assert account.asked()[0]["by"]


def test_no_report_in_time_is_said_with_what_to_do(fleetmend, account):
    ran = fleetmend("run", "recovery", "--wait", "0.05", *WHERE)
    assert ran.code == 3
    assert "still on its queue" in ran.err


def test_waiting_can_be_left_out(fleetmend, account):
    ran = fleetmend("retry", "--all", "--wait", "0", "--json", *WHERE)
    assert ran.code == 0, ran
    assert ran.json == {"asked": True, "report": None}
    asked = account.asked()[0]
    assert events.parse(json.dumps(asked)) == events.Retry("", asked["by"], asked["run"])


def test_a_hold_is_understood_by_the_controller(fleetmend, account, answering):
    ran = fleetmend("hold", ID, "--until", "+2h", "--reason", "disk", "--by", "ana", *WHERE)
    assert ran.code == 0, ran
    (asked,) = account.asked()
    hold = events.parse(json.dumps(asked))
    assert isinstance(hold, events.Hold)
    assert (hold.subject, hold.by, hold.reason, hold.run) == (ID, "ana", "disk", asked["run"])


@pytest.mark.parametrize("until", ["yesterday", "2001-01-01T00:00Z", "+2 hours", "+", "2030-13-01"])
def test_a_time_that_is_none_is_wrong_use(fleetmend, account, until):
    ran = fleetmend("hold", ID, "--until", until, "--reason", "x", *WHERE)
    assert ran.code == 2
    assert until in ran.err
    assert account.asked() == []


def test_release_and_retry_are_understood(fleetmend, account, answering):
    for word, kind in (("release", events.Release), ("retry", events.Retry)):
        assert fleetmend(word, ID, "--by", "ana", *WHERE).code == 0
        (asked,) = account.asked()
        assert events.parse(json.dumps(asked)) == kind(ID, "ana", asked["run"])


WORDS = [("hold", "--until", "+2h", "--reason", "x"), ("release",), ("retry",)]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word[0])
@pytest.mark.parametrize(
    ("concern", "name"),
    [
        ("recovery", "web"),
        ("recovery", "i-12"),
        ("rebuild", "i-0123456789ABCDEF0"),
        ("health", "a:b"),
    ],
)
def test_a_name_that_no_controller_can_read_is_wrong_use(fleetmend, account, word, concern, name):
    """It would end among the dead letters, and nobody would be told."""
    ran = fleetmend(word[0], name, *word[1:], "--concern", concern, *WHERE)
    assert ran.code == 2, ran
    assert name in ran.err
    assert account.asked() == []


def test_what_an_alert_asks_to_be_typed_is_understood(fleetmend, account, answering):
    for subject in ("mass-stop", "mass-impaired"):
        assert fleetmend("retry", subject, *WHERE).code == 0
        (asked,) = account.asked()
        assert events.parse(json.dumps(asked)).subject == subject


def test_a_hold_on_what_is_not_there_is_no_success(fleetmend, account, answering):
    answering["subjects"] = [{"subject": ID, "decision": "gone", "status": "closed"}]
    ran = fleetmend("hold", ID, "--until", "+2h", "--reason", "disk", *WHERE)
    assert ran.code == 3, ran
    assert f"EC2 knows no {ID} here (eu-west-1)" in ran.err
    assert f"fleetmend release {ID}" in ran.err


def test_retry_needs_one_or_all(fleetmend, account):
    assert fleetmend("retry", *WHERE).code == 2
    assert fleetmend("retry", ID, "--all", *WHERE).code == 2
    assert account.asked() == []


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["off"], {"all": "off", "recovery": "act"}),
        (["recovery", "observe"], {"all": "act", "recovery": "observe"}),
        (["all", "observe"], {"all": "observe", "recovery": "act"}),
        ([], {"all": "act", "recovery": "act"}),
    ],
)
def test_mode_sets_what_was_named_and_nothing_else(fleetmend, account, words, changed):
    ran = fleetmend("mode", *words, *WHERE, "--json")
    assert ran.code == 0, ran
    assert {name: account.mode(name) for name in changed} == changed
    assert ran.json["set"] == changed


def test_the_stricter_mode_is_in_force(fleetmend, account):
    account.parameter("mode/all", "observe")
    assert fleetmend("mode", *WHERE, "--json").json["in_force"] == {"recovery": "observe"}
    account.ssm.delete_parameter(Name="/fleetmend/test/mode/all")
    assert fleetmend("mode", *WHERE, "--json").json["in_force"] == {"recovery": "observe"}
    account.parameter("mode/recovery", "off")
    assert fleetmend("mode", *WHERE, "--json").json["in_force"] == {"recovery": "off"}


@pytest.mark.parametrize(
    "words", [["pause"], ["recovery"], ["recovery", "pause"], ["wealth", "off"], ["all"]]
)
def test_a_mode_that_is_none_changes_nothing(fleetmend, account, words):
    ran = fleetmend("mode", *words, *WHERE)
    assert ran.code == 2, ran
    assert "remedy:" in ran.err
    assert (account.mode("all"), account.mode("recovery")) == ("act", "act")

"""`fleetmend run compliance`: a run begun, followed to its end, and its report shown."""

import io
import json

import pytest

from fleetmend.aws import installation
from fleetmend.cli import scanning
from fleetmend.core import rules
from fleetmend.core.rules import Rule, Rules
from tests.unit.cli.test_complying import SUMMARY

WHERE = ("-e", "test", "--region", "eu-west-1")
RUN = SUMMARY["run"]


class Function:
    """Lambda with the one function, and Step Functions with the one machine behind it."""

    def __init__(self) -> None:
        self.answer: dict[str, object] = {"run": RUN, "branches": 1, "execution": "arn:run"}
        self.failed = False
        self.asked: list[dict] = []
        self.states = ["RUNNING", "RUNNING", "SUCCEEDED"]
        self.then = lambda: None

    def invoke(self, **asked):
        self.asked.append(asked)
        body = io.BytesIO(json.dumps(self.answer).encode())
        return {"Payload": body} | ({"FunctionError": "Unhandled"} if self.failed else {})

    def describe_execution(self, executionArn):  # noqa: N803 -- as boto3 spells it
        assert executionArn == "arn:run"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state == "SUCCEEDED":
            self.then()
        return {"status": state}


@pytest.fixture
def function(account, monkeypatch):
    made, real = Function(), installation.connect
    faked = {"lambda": made, "stepfunctions": made}

    def connect(region):
        return lambda service: faked.get(service) or real(region)(service)

    monkeypatch.setattr(installation, "connect", connect)
    monkeypatch.setattr(scanning, "_POLL", 0.01)
    facts = account.facts()
    facts["functions"]["compliance"] = "arn:compliance"
    account.parameter("installation", json.dumps(facts))
    plan = {
        "day": "2026-03-14",
        "rules": json.loads(rules.encode(Rules((Rule("owner", "Owner"),)))),
        "branches": [["111111111111", "eu-west-1"]],
    }
    account.put(f"progress/compliance/{RUN}/plan.json", json.dumps(plan).encode())
    body = json.dumps(SUMMARY).encode()
    made.then = lambda: account.put("reports/latest/compliance.json", body)
    return made


def test_a_run_is_begun_followed_and_its_report_shown(fleetmend, function):
    ran = fleetmend("run", "compliance", "--by", "ana", *WHERE)
    assert ran.code == 0, ran
    assert "0 of 1 accounts and regions are done" in ran.err
    assert "3 of 4 resources comply" in ran.out
    (asked,) = function.asked
    assert (asked["FunctionName"], asked["Qualifier"]) == ("arn:compliance", "live")
    assert json.loads(asked["Payload"]) == {"fleetmend": "run", "by": "ana"}


def test_whoever_does_not_wait_hears_the_runs_name(fleetmend, function):
    ran = fleetmend("run", "compliance", "--wait", "0", "--json", *WHERE)
    assert (ran.code, ran.json) == (0, {"asked": True, "run": RUN, "report": None})


def test_a_run_that_does_not_end_in_time_goes_on(fleetmend, function):
    function.states = ["RUNNING"]
    ran = fleetmend("run", "compliance", "--wait", "0.05", *WHERE)
    assert ran.code == 3
    assert "0 of 1 accounts and regions are done, and it goes on" in ran.err


def test_a_run_that_failed_says_where_to_look(fleetmend, function):
    function.states = ["TIMED_OUT"]
    ran = fleetmend("run", "compliance", *WHERE)
    assert ran.code == 3
    assert "ended timed out" in ran.err
    assert "arn:run" in ran.err


def test_while_the_mode_is_off_nothing_is_begun(fleetmend, function):
    function.answer = {"run": "", "why": "the mode is off"}
    ran = fleetmend("run", "compliance", *WHERE)
    assert ran.code == 3
    assert "no run was begun: the mode is off" in ran.err
    assert "fleetmend mode compliance act" in ran.err


def test_a_function_that_failed_is_an_error(fleetmend, function):
    function.failed, function.answer = True, {"errorMessage": "PortError: rules/compliance.json"}
    ran = fleetmend("run", "compliance", *WHERE)
    assert ran.code == 3
    assert "rules/compliance.json" in ran.err


def test_where_it_is_not_installed_it_says_what_to_do(fleetmend, account):
    ran = fleetmend("run", "compliance", *WHERE)
    assert ran.code == 3
    assert "deployCompliance" in ran.err


def test_it_has_no_plan(fleetmend, function):
    assert fleetmend("run", "compliance", "--plan", *WHERE).code == 2
    assert function.asked == []

"""Which installation a command talks to, and how it says that there is none."""

import json

import pytest

from fleetmend.aws.installation import Installation
from fleetmend.core.ports import PortError


def test_no_installation_named(fleetmend):
    ran = fleetmend("status")
    assert ran.code == 2
    assert "--environment" in ran.err
    assert "lab up" in ran.err


def test_no_region_named(fleetmend):
    ran = fleetmend("status", "-e", "test")
    assert ran.code == 2
    assert "--region" in ran.err


def test_the_variable_names_the_environment(fleetmend, account, monkeypatch):
    monkeypatch.setenv("ENVIRONMENT_SUFFIX", "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert fleetmend("status").code == 0


def test_an_unknown_installation_is_refused_with_a_remedy(fleetmend, account):
    ran = fleetmend("status", "-e", "prod", "--region", "eu-west-1")
    assert ran.code == 3
    assert "no installation fleetmend/prod in eu-west-1" in ran.err
    assert "remedy:" in ran.err


def test_a_lab_is_asked_for_that_does_not_run(fleetmend):
    assert fleetmend("status", "--lab").code == 2
    assert fleetmend("status", "--lab", "-e", "test").code == 2


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"project": "fleetmend", "queues": []}'])
def test_a_parameter_that_is_not_what_was_written(fleetmend, account, text):
    account.parameter("installation", text)
    ran = fleetmend("status", "-e", "test", "--region", "eu-west-1", "--json")
    assert ran.code == 3
    assert "/fleetmend/test/installation" in ran.json["error"]["message"]


def test_a_concern_without_a_controller(account, fleetmend):
    facts = {**account.facts(), "queues": {}}
    account.parameter("installation", json.dumps(facts))
    ran = fleetmend("run", "recovery", "-e", "test", "--region", "eu-west-1", "--by", "ana")
    assert ran.code == 3
    assert "no controller for recovery" in ran.err
    assert fleetmend("run", "wealth", "-e", "test", "--region", "eu-west-1").code == 2


def test_what_aws_refuses_is_a_sentence_with_a_remedy(account, fleetmend, monkeypatch):
    def refused(*_: object) -> None:
        raise PortError("ssm:GetParameters failed: AccessDenied", remedy="let the role do this")

    monkeypatch.setattr(Installation, "modes", refused)
    ran = fleetmend("status", "-e", "test", "--region", "eu-west-1")
    assert ran.code == 3
    assert "error: ssm:GetParameters failed: AccessDenied" in ran.err
    assert "remedy: let the role do this" in ran.err
    assert "Traceback" not in ran.err


def test_a_defect_is_a_sentence_and_a_traceback_only_with_debug(account, fleetmend, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one by zero")

    monkeypatch.setattr(Installation, "modes", broken)
    where = ("-e", "test", "--region", "eu-west-1")
    ran = fleetmend("status", *where)
    assert ran.code == 3
    assert "Traceback" not in ran.err
    assert "--debug" in ran.err
    assert "Traceback" in fleetmend("status", *where, "--debug").err


def test_without_credentials(fleetmend, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    ran = fleetmend("status", "-e", "test", "--region", "eu-west-1")
    assert ran.code == 3
    assert "credentials" in ran.err

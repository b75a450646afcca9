"""Secrets stand in no clear text, and no later apply touches the one that AWS made up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.components.secrets import Secrets, content_version
from fleetmend.core.graph import Graph
from fleetmend.lambdas.webhooks import parse_webhooks
from tests.components.graphs import ACCOUNT, ME, REGION, astray, badly_tagged, graph, one
from tests.components.installed import EVERYTHING, PAGERDUTY, SLACK, installed

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/main"
PARAMETER = "aws:ssm/parameter:Parameter"
SECRET = "aws:secretsmanager/secret:Secret"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"


def secrets(**more: Any) -> Graph:
    args: Any = {"installation": ME, "key_arn": KEY, **more}
    return graph(lambda opts: Secrets("hide", args, opts) and None)


FOUND = secrets(addresses=["ops@example.com"], webhooks=[SLACK, PAGERDUTY])


def test_the_value_is_made_by_aws_and_written_once() -> None:
    version = one(FOUND, VERSION)
    (made_up,) = FOUND.invokes
    assert made_up.type.endswith("getRandomPassword")
    assert version.inputs["secretStringWo"] == f"<<TF:{made_up.urn}|randomPassword>>"
    assert version.inputs["secretStringWoVersion"] == 1
    assert "secretString" not in version.inputs
    assert version.secret_paths == ("secretStringWo",)
    assert version.options["ignoreChanges"] == ["secretStringWo"]


@pytest.mark.parametrize("days", [0, 7, 30])
def test_a_deleted_secret_can_be_brought_back_as_long_as_was_said(days: int) -> None:
    secret = one(secrets(recovery_days=days), SECRET)
    assert secret.inputs["recoveryWindowInDays"] == days
    assert secret.inputs["kmsKeyId"] == KEY


def test_addresses_and_webhooks_are_encrypted_and_write_only() -> None:
    by_name = {node.inputs["name"]: node for node in FOUND.of_type(PARAMETER)}
    assert set(by_name) == {"/fleetmend/dev/alerts/addresses", "/fleetmend/dev/alerts/webhooks"}
    for node in by_name.values():
        assert node.inputs["type"] == "SecureString"
        assert node.inputs["keyId"] == KEY
        assert node.secret_paths == ("valueWo",)
        assert not {"value", "insecureValue"} & set(node.inputs)


def test_the_bridge_understands_the_webhooks() -> None:
    text = one(FOUND, PARAMETER, "webhooks").inputs["valueWo"]
    assert [hook.secret for hook in parse_webhooks(text)] == [SLACK, PAGERDUTY]


@given(st.text(), st.text())
def test_a_change_is_written_and_nothing_else_is(one_text: str, other: str) -> None:
    version = content_version(one_text)
    assert version == content_version(one_text)
    assert (version == content_version(other)) == (one_text == other)
    assert 0 <= version < 2**31


def test_what_nobody_asked_for_is_not_made() -> None:
    found = secrets(application_secret=False)
    assert not found.of_type(SECRET)
    assert not found.of_type(PARAMETER)
    assert not found.invokes


def _secret_free(value: object, path: str, hidden: tuple[str, ...]) -> str:
    """The text of an input without what is marked secret."""
    if isinstance(value, dict):
        return " ".join(
            _secret_free(item, f"{path}.{key}" if path else key, hidden)
            for key, item in value.items()
        )
    return "" if path in hidden else json.dumps(value)


@pytest.mark.parametrize("secret", ["slackslackslack", "0123456789abcdef", "ops@example.com"])
def test_no_secret_stands_anywhere_in_the_whole_program_unmarked(secret: str) -> None:
    found = installed(EVERYTHING)
    shown = [
        node.name
        for node in found.nodes
        if secret in _secret_free(dict(node.inputs), "", node.secret_paths)
    ]
    assert shown == []
    assert any(secret in json.dumps(dict(node.inputs)) for node in found.nodes), "not in it at all"


def test_everything_is_tagged_named_for_its_component_and_on_the_given_provider() -> None:
    assert badly_tagged(FOUND) == []
    assert list(astray(FOUND, "hide")) == []

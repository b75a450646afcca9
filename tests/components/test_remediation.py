"""Remediation as declared: nothing of it where it is off, and no more than the rules where on."""

import json
from functools import cache
from typing import Any

import pytest

from fleetmend.components.installation import main
from fleetmend.components.remediation import Remediation, RemediationArgs
from fleetmend.components.rules_file import loads
from fleetmend.components.settings import Settings, SettingsError
from fleetmend.core import holds
from fleetmend.core.declared import REMEDIATION as POLICY
from fleetmend.core.graph import Graph
from fleetmend.core.remediation import HELD
from fleetmend.core.rules import encode
from fleetmend.deploy.capture import capture
from tests.components.graphs import ACCOUNT, CONCERN, REGION, graph, one
from tests.components.iam_rules import faults

BASE = {
    "environmentSuffix": "dev",
    "region": REGION,
    "deployCompliance": "true",
    "complianceRules": "examples/rules/remedied-tags.yaml",
}
FORBIDDEN = ("ec2:CreateTags", "ec2:DeleteTags", "ec2:StopInstances", "cloudtrail:LookupEvents")
RULES = """\
rules:
  - {name: owner, tag: Owner, default: platform, remedy: fill}
  - {name: stage, tag: Stage, remedy: notify}
"""
ARGS: RemediationArgs = {
    **CONCERN,
    "rules": encode(loads(RULES)).decode(),
}


@cache
def remediation(more: str = "{}") -> Graph:
    args: Any = {**ARGS, **json.loads(more)}
    return graph(lambda opts: Remediation("remediation", args, opts) and None)


def statements() -> dict[str, dict[str, Any]]:
    node = one(remediation(), "aws:iam/rolePolicy:RolePolicy", "may-remediation")
    return {each["Sid"]: each for each in json.loads(node.inputs["policy"])["Statement"]}


def policies(**config: str) -> str:
    """The policies of every function's role, as one text."""
    found = capture(main, config={**BASE, **config})
    nodes = found.of_type("aws:iam/rolePolicy:RolePolicy")
    return " ".join(str(node.inputs["policy"]) for node in nodes if "-may-" in node.name)


def test_with_it_off_the_graph_has_none_of_its_permissions() -> None:
    off, on = policies(), policies(deployRemediation="true")
    assert [action for action in FORBIDDEN if action in off] == []
    assert [action for action in FORBIDDEN if action not in on] == []
    assert "ec2:TerminateInstances" not in on


def test_every_grant_fits_its_action() -> None:
    assert [fault for each in statements().values() for fault in faults(each)] == []


def test_tags_are_limited_to_those_of_rules_that_fill_in_and_the_hold() -> None:
    tags = statements()["Tags"]
    assert tags["Condition"] == {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["Owner", holds.TAG]},
        "Null": {"aws:TagKeys": "false"},
    }
    assert tags["Resource"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"]


def test_nothing_is_stopped_or_started_that_does_not_carry_its_hold() -> None:
    stops = statements()["StopsHeld"]
    assert stops["Condition"] == {"StringEquals": {f"ec2:ResourceTag/{holds.TAG}": HELD}}
    assert stops["Resource"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"]


@pytest.mark.parametrize(
    ("rule", "granted"),
    [
        ("remedy: notify", set[str]()),
        ("from: group, remedy: fill", {"autoscaling:DescribeAutoScalingGroups"}),
        ("from: vpc, remedy: fill", {"ec2:DescribeVpcs"}),
        ("from: creator, remedy: fill", {"cloudtrail:LookupEvents"}),
        ("from: creator, remedy: notify", set[str]()),
        ("remedy: stop, stop_after: 1d", {"ec2:StopInstances"}),
    ],
)
def test_what_no_rule_gives_cause_for_is_not_granted(rule: str, granted: set[str]) -> None:
    text = encode(loads(f"rules: [{{name: stage, tag: Stage, {rule}}}]")).decode()
    node = one(
        remediation(json.dumps({"rules": text})), "aws:iam/rolePolicy:RolePolicy", "may-remediation"
    )
    listed = json.loads(node.inputs["policy"])["Statement"]
    allowed = {action for each in listed for action in each["Action"]}
    asked = {"autoscaling:DescribeAutoScalingGroups", "cloudtrail:LookupEvents", "ec2:DescribeVpcs"}
    assert allowed & {*asked, "ec2:StopInstances"} == granted
    assert "ec2:DescribeInstanceAttribute" not in allowed, "who may call it reads user data too"


def test_reports_rules_and_recoverys_records_are_only_read() -> None:
    made = statements()
    assert made["ReadsReportsAndHolds"]["Action"] == ["s3:GetObject"]
    for sid in ("WritesRecords", "ForgetsHints"):
        text = str(made[sid]["Resource"])
        assert not any(word in text for word in ("recovery", "reports/", "rules/")), sid


def test_the_declared_policy_is_one_that_the_function_takes() -> None:
    found = remediation(json.dumps({"most_changes": 3}))
    text = one(found, "aws:ssm/parameter:Parameter", "remediation-policy").inputs["insecureValue"]
    problems: list[str] = []
    assert POLICY.parse(text, "policy", problems).most_changes == 3
    assert problems == []


def test_without_compliance_there_is_nothing_to_go_by() -> None:
    config = {**BASE, "deployRemediation": "true", "deployCompliance": "false"}
    with pytest.raises(SettingsError, match="deployRemediation"):
        Settings.from_sources(config, {})

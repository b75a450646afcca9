"""Rebuild as declared: nothing of it where it is off, and no more than it needs where it is on."""

import json
from functools import cache
from typing import Any

import pytest

from fleetmend.components.installation import main
from fleetmend.components.rebuild import Rebuild, RebuildArgs
from fleetmend.components.settings import Settings, SettingsError
from fleetmend.core import claims
from fleetmend.core.declared import REBUILD as POLICY
from fleetmend.core.graph import Graph
from fleetmend.core.model import Selector
from fleetmend.deploy.capture import capture
from tests.components.graphs import ACCOUNT, CONCERN, REGION, graph, one
from tests.components.iam_rules import faults

BASE = {"environmentSuffix": "dev", "region": REGION}
FORBIDDEN = (
    "ec2:AssociateAddress",
    "ec2:AttachNetworkInterface",
    "ec2:AttachVolume",
    "ec2:CreateTags",
    "ec2:CreateVolume",
    "ec2:DescribeInstanceAttribute",
    "ec2:RunInstances",
    "iam:PassRole",
)
ARGS: RebuildArgs = {
    **CONCERN,
    "vpc_ids": ["vpc-0123456789abcdef0"],
}


@cache
def rebuild(more: str = "{}") -> Graph:
    args: Any = {**ARGS, **json.loads(more)}
    return graph(lambda opts: Rebuild("rebuild", args, opts) and None)


def statements(**more: Any) -> dict[str, dict[str, Any]]:
    node = one(rebuild(json.dumps(more)), "aws:iam/rolePolicy:RolePolicy", "may-rebuild")
    return {each["Sid"]: each for each in json.loads(node.inputs["policy"])["Statement"]}


def controllers_policies(config: dict[str, str]) -> str:
    """The policies of every function's role, as one text."""
    found = capture(main, config={**BASE, **config})
    nodes = found.of_type("aws:iam/rolePolicy:RolePolicy")
    return " ".join(str(node.inputs["policy"]) for node in nodes if "-may-" in node.name)


def test_with_it_off_the_graph_has_none_of_its_permissions() -> None:
    off, on = (
        controllers_policies({}),
        controllers_policies(
            {"deployRebuild": "true", "rebuildRoleArns": f"arn:aws:iam::{ACCOUNT}:role/web"}
        ),
    )
    assert [action for action in FORBIDDEN if action in off] == []
    assert [action for action in FORBIDDEN if action not in on] == []


def test_every_grant_fits_its_action() -> None:
    assert [fault for each in statements().values() for fault in faults(each)] == []


def test_it_makes_and_touches_only_what_carries_its_tag() -> None:
    made = statements(tag_key="Back", tag_value="yes")
    asked = {"StringEquals": {"aws:RequestTag/Back": "yes"}}
    assert made["Launches"]["Condition"] == made["Restores"]["Condition"] == asked
    for sid in ("AttachesTo", "AttachesVolumes", "AttachesInterfaces", "Associates"):
        assert made[sid]["Condition"] == {"StringEquals": {"ec2:ResourceTag/Back": "yes"}}, sid
    assert made["TagsWhatItMakes"]["Condition"]["StringEquals"]["ec2:CreateAction"]
    assert made["LaunchesInside"]["Condition"]["ArnEquals"]["ec2:Vpc"] == [
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-0123456789abcdef0"
    ]


def test_roles_are_handed_on_only_where_listed_and_only_to_ec2() -> None:
    assert "PassesRoles" not in statements()
    role = f"arn:aws:iam::{ACCOUNT}:role/web"
    passes = statements(role_arns=[role])["PassesRoles"]
    assert passes["Resource"] == [role]
    assert passes["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_recoverys_records_are_only_read() -> None:
    made = statements()
    assert made["ReadsHolds"]["Action"] == ["s3:GetObject"]
    for sid in ("WritesRecords", "ForgetsHints", "KeepsRoster"):
        assert "recovery" not in str(made[sid]["Resource"]), sid


def test_its_selector_is_claimed() -> None:
    """Two installations that rebuild the same instance would make two of it."""
    found = rebuild(json.dumps({"tag_key": "Back", "tag_value": "yes"}))
    variables = one(found, "aws:lambda/function:Function").inputs["environment"]["variables"]
    claim = variables["FLEETMEND_CLAIM"]
    assert claim == claims.parameter("rebuild", Selector("Back", "yes"))
    made, arn = statements(tag_key="Back", tag_value="yes"), f"arn:aws:ssm:{REGION}:{ACCOUNT}"
    assert made["Claims"]["Action"] == ["ssm:PutParameter"]
    assert made["Claims"]["Resource"] == [f"{arn}:parameter{claim}"]
    assert f"{arn}:parameter{claim}" in made["ReadsSettings"]["Resource"]


def test_the_declared_policy_is_one_that_the_function_takes() -> None:
    found = rebuild(json.dumps({"drift": "restore", "terminated": "alert"}))
    text = one(found, "aws:ssm/parameter:Parameter", "rebuild-policy").inputs["insecureValue"]
    problems: list[str] = []
    policy = POLICY.parse(text, "policy", problems)
    assert problems == []
    assert (policy.drift, policy.terminated) == ("restore", "alert")


def test_without_a_vpc_there_is_nowhere_to_rebuild() -> None:
    config = {**BASE, "deployNetwork": "false", "deployCompute": "false", "deployRebuild": "true"}
    with pytest.raises(SettingsError, match="rebuildVpcIds"):
        Settings.from_sources(config, {})
    Settings.from_sources({**config, "rebuildVpcIds": "vpc-0123456789abcdef0"}, {})

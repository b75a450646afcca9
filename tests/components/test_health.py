"""Health as declared does what its code takes for granted, and may do no more."""

import json
from functools import cache
from typing import Any

import pytest

from fleetmend.components.health import Health, HealthArgs, grants
from fleetmend.core.declared import HEALTH as POLICY
from fleetmend.core.events import SWEEP
from fleetmend.core.graph import Graph
from fleetmend.core.groups import HealthPolicy
from fleetmend.core.model import Mode
from fleetmend.lambdas import settings
from tests.components.graphs import ACCOUNT, CONCERN, REGION, badly_tagged, graph, one
from tests.components.iam_rules import faults
from tests.components.installed import filled, installed

PARAMETER = "aws:ssm/parameter:Parameter"
ARGS: HealthArgs = {**CONCERN}


def health(**more: Any) -> Graph:
    return _health(json.dumps(more, sort_keys=True))


@cache
def _health(more: str) -> Graph:
    args: Any = {**ARGS, **json.loads(more)}
    return graph(lambda opts: Health("health", args, opts) and None)


FOUND = health()


def statements(found: Graph = FOUND) -> dict[str, dict[str, Any]]:
    node = one(found, "aws:iam/rolePolicy:RolePolicy", "may-health")
    return {each["Sid"]: each for each in json.loads(node.inputs["policy"])["Statement"]}


def test_every_grant_fits_its_action() -> None:
    for found in (FOUND, health(alarm_prefix="app-")):
        assert [fault for each in statements(found).values() for fault in faults(each)] == []


def test_health_may_do_this_and_nothing_else() -> None:
    actions = sorted({action for each in statements().values() for action in each["Action"]})
    assert actions == [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeInstanceRefreshes",
        "autoscaling:ResumeProcesses",
        "autoscaling:SetInstanceHealth",
        "autoscaling:SuspendProcesses",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstances",
        "elasticloadbalancing:DescribeTargetHealth",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "ssm:DescribeInstanceInformation",
        "ssm:GetParameters",
    ]


def test_alarms_are_read_only_where_there_are_applications_alarms() -> None:
    assert "ReadsAlarms" not in statements()
    assert statements(health(alarm_prefix="app-"))["ReadsAlarms"]["Resource"] == [
        f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"
    ]


def test_groups_are_touched_by_their_tag_in_this_account_and_region() -> None:
    made = statements(health(tag_key="Keep.Well", tag_value="yes"))["Heals"]
    assert made["Condition"] == {"StringEquals": {"aws:ResourceTag/Keep.Well": "yes"}}
    assert made["Resource"] == [
        f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/*"
    ]


def test_what_is_on_all_resources_only_describes() -> None:
    for each in statements().values():
        if each["Resource"] == ["*"]:
            assert all("Describe" in action for action in each["Action"])
            assert REGION in json.dumps(each["Condition"])


def test_the_ledger_is_its_own_concern_only() -> None:
    for name in ("ReadsRecords", "WritesRecords", "ForgetsHints"):
        assert all("/health/*" in arn for arn in statements()[name]["Resource"]), name


def test_the_function_understands_its_environment_and_its_policy() -> None:
    function = one(FOUND, "aws:lambda/function:Function")
    variables = function.inputs["environment"]["variables"]
    read = settings.from_environ({name: filled(FOUND, text) for name, text in variables.items()})
    assert (read.concern, read.queue_url.rpartition("/")[2]) == (
        "health",
        "fleetmend-health-queue-dev",
    )
    problems: list[str] = []
    for found, wanted in (
        (FOUND, HealthPolicy()),
        (
            health(max_replacements=4, healthy_floor_percent=80, alarm_prefix="app-"),
            HealthPolicy(max_replacements=4, healthy_floor=0.8, alarm_prefix="app-"),
        ),
    ):
        text = one(found, PARAMETER, "policy").inputs["insecureValue"]
        assert POLICY.parse(text, "p", problems) == wanted
    assert problems == []


@pytest.mark.parametrize("mode", list(Mode))
def test_the_kill_switch_stays_where_people_put_it(mode: Mode) -> None:
    node = one(health(mode=mode.value), PARAMETER, "mode")
    assert node.inputs["name"] == "/fleetmend/dev/mode/health"
    assert node.inputs["insecureValue"] == mode.value
    assert node.options["ignoreChanges"] == ["insecureValue"]


def test_it_is_woken_by_scaling_activities_and_by_its_own_sweep() -> None:
    rule = one(FOUND, "aws:cloudwatch/eventRule:EventRule")
    assert json.loads(rule.inputs["eventPattern"])["source"] == ["aws.autoscaling"]
    schedule = one(FOUND, "aws:scheduler/schedule:Schedule").inputs
    assert json.loads(schedule["target"]["input"]) == {"fleetmend": SWEEP}
    assert schedule["scheduleExpression"] == "rate(1 minute)"


def test_the_handler_exists() -> None:
    module, _, name = one(FOUND, "aws:lambda/function:Function").inputs["handler"].rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_everything_is_tagged() -> None:
    assert badly_tagged(FOUND) == []


def test_the_group_of_the_installation_is_claimed_where_there_is_a_controller() -> None:
    for switch, claimed in (("true", True), ("false", False)):
        group = one(installed(deployHealth=switch), "aws:autoscaling/group:Group")
        tags = {tag["key"]: tag["value"] for tag in group.inputs["tags"]}
        assert (tags.get("Auto-Heal") == "true") is claimed


def test_grants_are_a_pure_function_of_the_arguments() -> None:
    assert [each["Sid"] for each in grants(ARGS)] == list(statements())

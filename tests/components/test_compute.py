"""Compute and the balancer: what is launched, who reaches it, what it may do."""

import base64
import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.component import ComponentProvider

from fleetmend.components.balancer import Balancer
from fleetmend.components.compute import Compute, instance_log_group, instance_namespace
from fleetmend.components.identity import naming
from fleetmend.components.tagging import OWN_KEYS
from fleetmend.components.user_data import AGENT_DIRECTORY, AgentPlan, agent_config, user_data
from fleetmend.core.graph import Graph
from tests.components.graphs import (
    ACCOUNT,
    INGRESS,
    ME,
    PRIVATE,
    REGION,
    astray,
    badly_tagged,
    graph,
    names,
    one,
    ports,
    statements,
)
from tests.components.iam_rules import faults

GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
POLICY = "aws:autoscaling/policy:Policy"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
BUCKET = "arn:aws:s3:::fleetmend-backup"


def compute(**more: Any) -> Graph:
    return _compute(json.dumps(more))


@cache
def _compute(more: str) -> Graph:
    args: Any = {
        "installation": ME,
        "account_id": ACCOUNT,
        "vpc_id": "vpc-1",
        "private_subnet_ids": PRIVATE,
        **json.loads(more),
    }

    def program(opts: pulumi.ResourceOptions) -> None:
        Compute("comp", args, opts)

    return graph(program)


def template(**more: Any) -> dict[str, Any]:
    return dict(one(compute(**more), TEMPLATE).inputs)


def test_instances_take_imdsv2_only_and_no_key_or_public_address() -> None:
    made = template()
    assert made["metadataOptions"]["httpTokens"] == "required"
    assert "keyName" not in made
    (interface,) = made["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"


def test_volumes_are_encrypted_gp3_under_ebs_default_or_our_key() -> None:
    (device,) = template()["blockDeviceMappings"]
    assert device["ebs"]["encrypted"] == "true"
    assert device["ebs"]["volumeType"] == "gp3"
    assert "kmsKeyId" not in device["ebs"]
    (device,) = template(volume_key_arn=KEY)["blockDeviceMappings"]
    assert device["ebs"]["kmsKeyId"] == KEY


def test_auto_scaling_is_let_use_our_volume_key_before_it_launches() -> None:
    found = compute(volume_key_arn=KEY)
    grant = one(found, "aws:kms/grant:Grant")
    assert grant.inputs["granteePrincipal"].endswith(":role/aws-service-role/"
        "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")  # fmt: skip
    assert grant.urn in one(found, GROUP).dependencies
    assert not compute().of_type("aws:kms/grant:Grant")


def test_the_group_stands_in_the_private_subnets_and_trusts_ec2s_checks() -> None:
    group = one(compute(), GROUP).inputs
    assert group["vpcZoneIdentifiers"] == PRIVATE
    assert group["healthCheckType"] == "EC2"


def test_the_group_launches_before_it_terminates() -> None:
    group = one(compute(max_healthy_percent=150), GROUP).inputs
    policy = group["instanceMaintenancePolicy"]
    assert (policy["minHealthyPercentage"], policy["maxHealthyPercentage"]) == (100, 150)
    refresh = group["instanceRefresh"]["preferences"]
    assert refresh["minHealthyPercentage"] == 100


def test_a_refresh_rolls_back_only_where_aws_can() -> None:
    def rolls_back(**more: Any) -> bool:
        return one(compute(**more), GROUP).inputs["instanceRefresh"]["preferences"]["autoRollback"]

    assert rolls_back(image_id="ami-0123456789abcdef0") is True
    assert rolls_back() is False  # the newest image, by a parameter


def test_the_group_launches_a_numbered_version_and_keeps_its_capacity() -> None:
    group = one(compute(), GROUP)
    assert group.inputs["launchTemplate"]["version"].endswith("|latestVersion>>")
    assert group.options["ignoreChanges"] == ["desiredCapacity"]
    assert "GroupInServiceInstances" in group.inputs["enabledMetrics"]


def test_zero_instances_are_zero() -> None:
    group = one(compute(min_size=0, desired_capacity=0), GROUP).inputs
    assert (group["minSize"], group["desiredCapacity"]) == (0, 0)


def test_what_is_launched_carries_every_tag() -> None:
    found = compute()
    group = one(found, GROUP).inputs["tags"]
    propagated = {tag["key"] for tag in group if tag["propagateAtLaunch"]}
    for specification in one(found, TEMPLATE).inputs["tagSpecifications"]:
        assert set(specification["tags"]) == {*OWN_KEYS, "Team"}
        assert specification["tags"]["ResourceType"] == specification["resourceType"]
    kinds = {item["resourceType"] for item in one(found, TEMPLATE).inputs["tagSpecifications"]}
    assert kinds == {"instance", "volume", "network-interface"}
    assert propagated == {*OWN_KEYS, "Team"} - {"ResourceType", "Name"}


def test_everything_is_tagged_and_belongs_to_the_component() -> None:
    found = compute(scaling="step", volume_key_arn=KEY, key_arn=KEY)
    assert badly_tagged(found) == []
    assert list(astray(found, "comp")) == []


def test_the_group_waits_for_its_role_and_for_what_the_component_waits_for() -> None:
    def program(opts: pulumi.ResourceOptions) -> None:
        first = pulumi.ComponentResource("x:y:Routes", "routes")
        args: Any = {
            "installation": ME,
            "account_id": ACCOUNT,
            "vpc_id": "vpc-1",
            "private_subnet_ids": PRIVATE,
        }
        aws.ec2.RouteTable(
            "routes-table",
            vpc_id="vpc-1",
            opts=pulumi.ResourceOptions(parent=first, provider=opts.provider),
        )
        late = pulumi.ResourceOptions(provider=opts.provider, depends_on=[first])
        Compute("comp", args, late)

    found = graph(program)
    group = one(found, GROUP)
    assert one(found, ROLE_POLICY).urn in group.dependencies
    assert any("routes" in urn for urn in group.dependencies)


def test_target_tracking_comes_without_alarms_of_ours() -> None:
    found = compute(target_cpu_percent=40)
    policy = one(found, POLICY).inputs
    assert policy["policyType"] == "TargetTrackingScaling"
    assert policy["targetTrackingConfiguration"]["targetValue"] == 40
    assert not found.of_type(ALARM)


def test_steps_come_with_an_alarm_each_and_no_target() -> None:
    found = compute(scaling="step", cpu_high_percent=80, cpu_low_percent=20)
    assert {node.inputs["policyType"] for node in found.of_type(POLICY)} == {"StepScaling"}
    high, low = one(found, ALARM, "high").inputs, one(found, ALARM, "low").inputs
    assert (high["threshold"], low["threshold"]) == (80, 20)
    assert high["comparisonOperator"].startswith("Greater")
    assert low["comparisonOperator"].startswith("Less")
    assert "comp-step-out" in high["alarmActions"][0]
    assert "comp-step-in" in low["alarmActions"][0]
    assert high["dimensions"].keys() == {"AutoScalingGroupName"}


def test_without_a_balancer_authorised_ranges_reach_the_application_only() -> None:
    found = compute(application_port=8443, authorized_ip_ranges=["10.1.0.0/16", "10.2.0.0/16"])
    assert {n.inputs["cidrIpv4"] for n in found.of_type(INGRESS)} == {"10.1.0.0/16", "10.2.0.0/16"}
    assert ports(found, INGRESS) == {(8443, 8443)}


def test_with_a_balancer_only_it_reaches_the_instances() -> None:
    found = compute(balancer_security_group_id="sg-balancer", application_port=8443)
    rule = one(found, INGRESS).inputs
    assert rule["referencedSecurityGroupId"] == "sg-balancer"
    assert "cidrIpv4" not in rule
    back = one(found, EGRESS, "reached").inputs
    assert back["securityGroupId"] == "sg-balancer"
    assert (back["fromPort"], back["toPort"]) == (8443, 8443)


def test_instances_connect_by_https_and_to_ports_that_are_set() -> None:
    assert ports(compute(), EGRESS) == {(443, 443)}
    assert ports(compute(egress_ports=[5432]), EGRESS) == {(443, 443), (5432, 5432)}


def test_taking_one_range_out_moves_no_other_rule() -> None:
    both = compute(authorized_ip_ranges=["10.1.0.0/16", "10.2.0.0/16"])
    left = compute(authorized_ip_ranges=["10.2.0.0/16"])
    (name,) = names(left, INGRESS)
    assert one(left, INGRESS).inputs == one(both, INGRESS, name).inputs


def resolved(found: Graph) -> list[dict[str, Any]]:
    """The role's statements, with the log group's ARN in the place of its token."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{instance_log_group(naming(ME))}"
    text = re.sub(r"<<TF:[^>]*LogGroup::[^>]*>>", group, one(found, ROLE_POLICY).inputs["policy"])
    assert "<<TF" not in text
    return statements(text)


def test_the_instances_role_is_least() -> None:
    made = resolved(compute(key_arn=KEY, backup_bucket_arn=BUCKET))
    assert [fault for item in made for fault in faults(item)] == []


def test_the_judge_of_roles_sees_what_is_too_wide() -> None:
    wide = {"Action": ["ssm:GetParameter"], "Resource": ["*"]}
    assert any("could name" in fault for fault in faults(wide))
    key = {
        "Action": ["ec2:DescribeInstances"],
        "Resource": ["*"],
        "Condition": {"StringEquals": {"ec2:ResourceTag/x": "y"}},
    }
    assert any("does not support the condition" in fault for fault in faults(key))


def test_instances_read_the_applications_parameters_and_no_alert_addresses() -> None:
    made = resolved(compute())
    (read,) = [item for item in made if "ssm:GetParameter" in item["Action"]]
    assert [arn.partition("parameter")[2] for arn in read["Resource"]] == [
        "/fleetmend/dev/app/*",
        "/fleetmend/dev/app-config",
    ]


def test_instances_write_metrics_to_their_own_namespace_only() -> None:
    (metrics,) = [s for s in resolved(compute()) if "cloudwatch:PutMetricData" in s["Action"]]
    assert metrics["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": "Fleetmend/dev/Instances"}
    }


def test_instances_write_to_their_backup_prefix_only_where_there_is_a_bucket() -> None:
    made = resolved(compute(backup_bucket_arn=BUCKET))
    (backup,) = [s for s in made if "s3:PutObject" in s["Action"]]
    assert backup["Resource"] == [f"{BUCKET}/instances/*"]
    assert not any("s3" in action for s in resolved(compute()) for action in s["Action"])


def test_managed_policies_take_the_place_of_ours() -> None:
    found = compute(managed_policies=True)
    attached = found.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert [node.inputs["policyArn"].rpartition("/")[2] for node in attached] == [
        "AmazonSSMManagedInstanceCore",
        "CloudWatchAgentServerPolicy",
    ]
    assert not any("ssmmessages" in a for s in resolved(found) for a in s["Action"])
    needed = set(one(found, GROUP).dependencies)
    assert {node.urn for node in attached} <= needed


def script(**more: Any) -> str:
    return base64.b64decode(template(**more)["userData"]).decode()


def test_the_agent_reports_where_the_role_lets_it() -> None:
    names_ = naming(ME)
    config = json.loads(script().split("FLEETMEND_AGENT")[1].lstrip("'"))
    assert config["metrics"]["namespace"] == instance_namespace(names_)
    collected = config["logs"]["logs_collected"]["files"]["collect_list"]
    assert {item["log_group_name"] for item in collected} == {instance_log_group(names_)}
    group = one(compute(), "aws:cloudwatch/logGroup:LogGroup").inputs["name"]
    assert group == instance_log_group(names_)


@pytest.mark.parametrize("installs", [True, False])
def test_the_first_start_runs_to_its_end(tmp_path: Path, installs: bool) -> None:
    """Run for real, with stand-ins for the package manager and systemd."""
    tools = tmp_path / "bin"
    tools.mkdir()
    calls = tmp_path / "calls"
    stubs = {"rpm": "exit 1", "dnf": f"exit {int(not installs)}", "systemctl": "", "sleep": ""}
    for name, body in stubs.items():
        stub = tools / name
        stub.write_text(f'#!/bin/bash\necho "{name} $@" >> {calls}\n{body}\n')
        stub.chmod(0o755)
    directory = tmp_path / "agent"
    plan = AgentPlan(REGION, "Fleetmend/dev/Instances", "/fleetmend/instances/dev", "group")
    text = user_data(plan, f"echo mine > {tmp_path}/extra").replace(AGENT_DIRECTORY, str(directory))
    path = f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin"
    subprocess.run(["/bin/bash", "-c", text], env={"PATH": path}, check=True, timeout=30)
    written = calls.read_text()
    assert written.count("dnf install -y amazon-ssm-agent") == (1 if installs else 5)
    assert "dnf install -y amazon-cloudwatch-agent" in written
    assert "systemctl enable --now amazon-ssm-agent" in written
    assert (directory / "etc/fleetmend.json").read_text().strip() == agent_config(plan)
    assert (tmp_path / "extra").read_text() == "mine\n"


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        more = {"arn": f"arn:{args.name}", "latestVersion": 7}
        return f"{args.name}-id", {**args.inputs, **more}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


@pytest.fixture
def mocks() -> None:
    pulumi.runtime.set_mocks(Mocks(), project="fleetmend", stack="dev")


@pulumi.runtime.test
def test_outputs_name_the_group_and_the_version_it_launches(mocks: None) -> pulumi.Output[None]:
    made = Compute(
        "comp",
        {
            "installation": ME,
            "account_id": ACCOUNT,
            "vpc_id": "vpc-1",
            "private_subnet_ids": PRIVATE,
        },
    )

    def check(values: list[Any]) -> None:
        assert values == ["fleetmend-group-dev", 7, "comp-security-group-id", ["arn:comp-target"]]

    return pulumi.Output.all(
        made.group_name,
        made.launch_template_version,
        made.security_group_id,
        made.scaling_policy_arns,
    ).apply(check)


def test_every_output_is_set_and_other_languages_can_use_it() -> None:
    parts = [Compute, Balancer]
    schema = json.loads(ComponentProvider(parts, "fleetmend", None, "0.1.0").schema or "")
    for part in parts:
        resource = schema["resources"][f"fleetmend:index:{part.__name__}"]
        assert all("description" in item for item in resource["inputProperties"].values())
        assert all("description" in item for item in resource["properties"].values())

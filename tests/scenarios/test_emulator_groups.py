"""Auto Scaling over the wire: what it does by itself, and what moto does not answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fleetmend.lab.emulator import Emulators, client
from fleetmend.lab.emulator.paging import RETIREMENT
from tests.scenarios.emulated import REGION, code, eventually, state

pytestmark = pytest.mark.emulator

_NUMBER = count(1)


@pytest.fixture
def group(lab: Emulators) -> Iterator[str]:
    """A group of two in two zones, for a day already."""
    name, autoscaling = f"web{next(_NUMBER)}", lab.client("autoscaling")
    lab.client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"},
    )
    network = lab.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    made = lab.client("elbv2").create_target_group(
        Name=name, Protocol="HTTPS", Port=443, VpcId=network
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name},
        MinSize=0,
        MaxSize=9,
        DesiredCapacity=0,
        AvailabilityZones=[f"{REGION}a", f"{REGION}b"],
        TargetGroupARNs=[made["TargetGroups"][0]["TargetGroupArn"]],
    )
    lab.physics.born_settled = True
    with lab.lock:
        for zone in "ab":
            lab.herd.add(lab.herd.groups[name], f"{REGION}{zone}")
    lab.physics.born_settled = False
    autoscaling.update_auto_scaling_group(AutoScalingGroupName=name, DesiredCapacity=2)
    yield name
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def members(lab: Emulators, group: str) -> dict[str, Any]:
    found = lab.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return {one["InstanceId"]: one for one in found["AutoScalingGroups"][0]["Instances"]}


def at_work(lab: Emulators, group: str) -> set[str]:
    return {k for k, one in members(lab, group).items() if one["LifecycleState"] == "InService"}


def targets(lab: Emulators, group: str) -> dict[str, str]:
    raw = lab.herd.groups[group].raw
    found = lab.client("elbv2").describe_target_health(TargetGroupArn=raw.target_group_arns[0])
    return {
        one["Target"]["Id"]: one["TargetHealth"]["State"]
        for one in found["TargetHealthDescriptions"]
    }


def mark(lab: Emulators, instance: str, health: str = "Unhealthy") -> None:
    lab.client("autoscaling").set_instance_health(InstanceId=instance, HealthStatus=health)


def test_the_marked_is_replaced_by_one_that_is_there_first(lab: Emulators, group: str) -> None:
    ill, other = members(lab, group)
    zone = members(lab, group)[ill]["AvailabilityZone"]
    seen: list[set[str]] = []
    mark(lab, ill)
    assert members(lab, group)[ill]["HealthStatus"] == "Unhealthy"
    eventually(lambda: seen.append(at_work(lab, group)) or ill not in members(lab, group))
    assert min(map(len, seen)) == 2
    (fresh,) = members(lab, group).keys() - {other}
    assert members(lab, group)[fresh]["AvailabilityZone"] in {zone, f"{REGION}b"}
    assert state(lab.client("ec2"), ill) == "terminated"


def test_a_suspension_keeps_the_marked_until_it_ends(lab: Emulators, group: str) -> None:
    autoscaling, before = lab.client("autoscaling"), set(members(lab, group))
    asked = {"AutoScalingGroupName": group, "ScalingProcesses": ["ReplaceUnhealthy"]}
    autoscaling.suspend_processes(**asked)
    found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    (process,) = found["AutoScalingGroups"][0]["SuspendedProcesses"]
    assert process["ProcessName"] == "ReplaceUnhealthy"
    ill, kept = before
    mark(lab, ill)
    mark(lab, kept)
    mark(lab, kept, "Healthy")
    with pytest.raises(AssertionError, match="never came true"):
        eventually(lambda: set(members(lab, group)) != before, within=1.0)
    autoscaling.resume_processes(**asked)
    eventually(lambda: ill not in members(lab, group))
    assert kept in members(lab, group)


def test_impaired_and_stopped_are_marked_by_the_groups_own_checks(
    lab: Emulators, group: str
) -> None:
    impaired, stopped = members(lab, group)
    lab.client("ec2").stop_instances(InstanceIds=[stopped])
    eventually(lambda: stopped not in members(lab, group))
    with lab.lock:
        lab.physics.impair(impaired, "instance")
    eventually(lambda: impaired not in members(lab, group) and len(at_work(lab, group)) == 2)


def test_what_somebody_terminates_has_its_successor_later(lab: Emulators, group: str) -> None:
    gone, other = members(lab, group)
    lab.client("ec2").terminate_instances(InstanceIds=[gone])
    assert members(lab, group)[gone]["LifecycleState"] == "Terminating"
    assert at_work(lab, group) == {other}
    eventually(lambda: len(at_work(lab, group)) == 2)


def test_balancers_know_who_is_ill(lab: Emulators, group: str) -> None:
    first, second = members(lab, group)
    lab.physics.body(first).target_ill = True
    assert targets(lab, group) == {first: "unhealthy", second: "healthy"}
    with lab.lock:
        lab.physics.heal(first)
    assert targets(lab, group) == {first: "healthy", second: "healthy"}


def test_refreshes_retirements_and_agents_are_told(lab: Emulators, group: str) -> None:
    one, other = members(lab, group)
    asked = {"AutoScalingGroupName": group}
    refreshes = lab.client("autoscaling").describe_instance_refreshes
    assert refreshes(**asked)["InstanceRefreshes"] == []
    lab.herd.groups[group].refreshing_until = lab.herd.scaling.clock.now + 1000
    assert refreshes(**asked)["InstanceRefreshes"][0]["Status"] == "InProgress"
    lab.physics.body(one).retires_at = datetime(2030, 1, 2, tzinfo=UTC).timestamp()
    found = lab.client("ec2").describe_instance_status(InstanceIds=[one])["InstanceStatuses"]
    (event,) = found[0]["Events"]
    assert (event["Code"], event["NotBefore"]) == (RETIREMENT, datetime(2030, 1, 2, tzinfo=UTC))
    lab.control.post("agents", {one: "ConnectionLost"})
    rule = [{"Key": "InstanceIds", "Values": [one, other]}]
    told = lab.client("ssm").describe_instance_information(Filters=rule)
    pings = {a["InstanceId"]: a["PingStatus"] for a in told["InstanceInformationList"]}
    assert pings == {one: "ConnectionLost"}


def test_who_is_held_by_a_hook_is_told_so_and_cannot_be_marked(lab: Emulators, group: str) -> None:
    held, other = members(lab, group)
    with lab.lock:
        member = lab.herd.member(held)
        assert member is not None
        lab.herd.scaling.set_aside(member, "Pending:Wait", 40.0)
    assert members(lab, group)[held]["LifecycleState"] == "Pending:Wait"
    assert targets(lab, group) == {other: "healthy"}
    with pytest.raises(ClientError, match="is not in InService"):
        mark(lab, held)
    eventually(lambda: at_work(lab, group) == {held, other})


def test_strangers_and_unknown_ones_are_refused(lab: Emulators, group: str) -> None:
    stranger = client(lab.environment(), "autoscaling", app="somebody")
    with pytest.raises(ClientError, match="No managed instance found") as refused:
        stranger.set_instance_health(InstanceId="i-0123456789abcdef0", HealthStatus="Unhealthy")
    assert code(refused) == "ValidationError"
    with pytest.raises(ClientError, match="name not found"):
        stranger.suspend_processes(AutoScalingGroupName="nobody")
    lab.ec2_server.gateway.may_start["somebody"] = ("Auto-Heal", "true")
    try:
        with pytest.raises(ClientError) as denied:
            stranger.set_instance_health(
                InstanceId=next(iter(members(lab, group))), HealthStatus="Unhealthy"
            )
        assert code(denied) == "AccessDenied"
    finally:
        del lab.ec2_server.gateway.may_start["somebody"]

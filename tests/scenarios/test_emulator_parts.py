"""Launches and parts over the wire: what EC2 does and moto does not."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fleetmend.lab.emulator import Emulators
from fleetmend.lab.emulator.physics import Shortage
from tests.scenarios.emulated import REGION, code, eventually, run, state

pytestmark = pytest.mark.emulator
KINDS = ("volume", "elastic-ip", "network-interface")


def subnet(ec2: Any) -> str:
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24", AvailabilityZone=f"{REGION}a")
    return str(made["Subnet"]["SubnetId"])


def launch(ec2: Any, word: str = "", **more: Any) -> str:
    asked = {"ImageId": "ami-1", "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
    token = {"ClientToken": word} if word else {}
    return str(ec2.run_instances(**asked, **token, **more)["Instances"][0]["InstanceId"])


def test_one_client_token_makes_one_instance(lab: Emulators, stranger: Any) -> None:
    place = {"Placement": {"AvailabilityZone": f"{REGION}a"}}
    first = launch(stranger, "word-1", **place)
    assert launch(stranger, "word-1", **place) == first
    with pytest.raises(ClientError) as refused:
        launch(stranger, "word-1", Placement={"AvailabilityZone": f"{REGION}b"})
    assert code(refused) == "IdempotentParameterMismatch"
    assert launch(stranger, "word-2", **place) != first
    assert launch(stranger) != launch(stranger), "without one, each call makes one"


def test_what_is_made_must_carry_the_tag_that_the_role_may_make(
    lab: Emulators, stranger: Any
) -> None:
    tags = {
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "K", "Value": "v"}]}]
    }
    lab.ec2_server.gateway.may_start["somebody"] = ("K", "v")
    try:
        with pytest.raises(ClientError) as refused:
            launch(stranger)
        assert code(refused) == "UnauthorizedOperation"
        launch(stranger, **tags)
    finally:
        lab.ec2_server.gateway.may_start.clear()


def test_a_launch_meets_a_lack_of_capacity(lab: Emulators, stranger: Any) -> None:
    with lab.lock:
        lab.physics.shortage(Shortage(time.time() + 30, "m5.large", f"{REGION}c"))
    with pytest.raises(ClientError) as refused:
        launch(stranger, Placement={"AvailabilityZone": f"{REGION}c"})
    assert code(refused) == "InsufficientInstanceCapacity"


def test_what_ends_lets_go_of_what_it_had(lab: Emulators, stranger: Any) -> None:
    place = subnet(stranger)
    first = launch(stranger, SubnetId=place, PrivateIpAddress="10.9.0.77")
    card = stranger.create_network_interface(SubnetId=place)["NetworkInterface"]
    card = card["NetworkInterfaceId"]
    stranger.attach_network_interface(NetworkInterfaceId=card, InstanceId=first, DeviceIndex=1)
    address = stranger.allocate_address(Domain="vpc")["AllocationId"]
    stranger.associate_address(AllocationId=address, InstanceId=first)
    with pytest.raises(ClientError) as refused:
        launch(stranger, SubnetId=place, PrivateIpAddress="10.9.0.77")
    assert code(refused) == "InvalidIPAddress.InUse"
    eventually(lambda: state(stranger, first) == "running")
    stranger.terminate_instances(InstanceIds=[first])
    eventually(lambda: state(stranger, first) == "terminated")
    found = stranger.describe_network_interfaces(NetworkInterfaceIds=[card])
    assert found["NetworkInterfaces"][0]["Status"] == "available"
    found = stranger.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert not found.get("AssociationId")
    second = launch(stranger, SubnetId=place, PrivateIpAddress="10.9.0.77")
    lab.physics.coveted.add(second)
    stranger.terminate_instances(InstanceIds=[second])
    eventually(lambda: state(stranger, second) == "terminated")
    with pytest.raises(ClientError) as refused:
        launch(stranger, SubnetId=place, PrivateIpAddress="10.9.0.77")
    assert code(refused) == "InvalidIPAddress.InUse", "somebody else has it"
    (third,) = stranger.describe_instances(InstanceIds=[launch(stranger, SubnetId=place)])[
        "Reservations"
    ][0]["Instances"]
    assert third["PrivateIpAddress"] != "10.9.0.77"


def test_only_what_carries_the_tag_is_hung_on_what_carries_it(
    lab: Emulators, stranger: Any
) -> None:
    ec2, tags = lab.client("ec2"), [{"Key": "K", "Value": "v"}]
    (one,) = run(lab)
    zone = {"AvailabilityZone": f"{REGION}a", "Size": 1}
    volumes = [ec2.create_volume(**zone)["VolumeId"] for _ in range(2)]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    card = ec2.create_network_interface(SubnetId=subnet(ec2))["NetworkInterface"]
    ec2.create_tags(Resources=[volumes[0], one], Tags=tags)

    def attach(volume: str) -> None:
        stranger.attach_volume(VolumeId=volume, InstanceId=one, Device="/dev/sdf")

    lab.ec2_server.gateway.may_start["somebody"] = ("K", "v")
    refused: list[ClientError] = []
    asked = [
        lambda: attach(volumes[1]),
        lambda: stranger.associate_address(AllocationId=address, InstanceId=one),
        lambda: stranger.attach_network_interface(
            NetworkInterfaceId=card["NetworkInterfaceId"], InstanceId=one, DeviceIndex=1
        ),
    ]
    try:
        for ask in asked:
            with pytest.raises(ClientError) as error:
                ask()
            refused.append(error.value)
        attach(volumes[0])
    finally:
        lab.ec2_server.gateway.may_start.clear()
    told = [str(error) for error in refused]
    assert all("UnauthorizedOperation" in text for text in told)
    assert [f":{kind}/" in text for kind, text in zip(KINDS, told, strict=True)] == [True] * 3


def test_a_parameter_can_have_been_written_long_ago(lab: Emulators) -> None:
    ssm = lab.client("ssm")
    ssm.put_parameter(Name="/old", Value="x", Type="String")
    before = ssm.get_parameters(Names=["/old"])["Parameters"][0]["LastModifiedDate"]
    lab.backdate("/old", 10_800)
    after = ssm.get_parameters(Names=["/old"])["Parameters"][0]["LastModifiedDate"]
    assert (before - after).total_seconds() == 10_800


def test_a_launch_can_be_ended_at_once(lab: Emulators, stranger: Any) -> None:
    mark = [{"Key": "fleetmend:rebuilt-from", "Value": "i-0123456789abcdef0"}]
    tags = {"TagSpecifications": [{"ResourceType": "instance", "Tags": mark}]}
    lab.physics.spoiled["i-0123456789abcdef0"] = 1
    first, second = launch(stranger, "a", **tags), launch(stranger, "b", **tags)
    eventually(lambda: state(stranger, first) == "terminated")
    eventually(lambda: state(stranger, second) == "running")

"""What EC2 is asked for when an instance is made again."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from fleetmend.aws.errors import classify
from fleetmend.aws.launching import launch, restore
from fleetmend.aws.shapes import detailed, outline_of
from fleetmend.core.blueprint import Disk
from fleetmend.core.model import Result
from fleetmend.core.rebuilding import Plan, token
from tests.unit.core.test_blueprint import DATA, KEPT, ROOT

PLAN = Plan("ami-1")


def test_a_launch_says_all_that_is_kept_and_names_no_key_pair() -> None:
    asked = launch("i-1", KEPT, PLAN, "word")
    assert (asked["ClientToken"], asked["MinCount"], asked["MaxCount"]) == ("word", 1, 1)
    assert asked["SecurityGroupIds"] == ["sg-1", "sg-2"]
    assert asked["IamInstanceProfile"] == {"Arn": KEPT.profile}
    assert asked["PrivateIpAddress"] == "10.0.0.5"
    assert "KeyName" not in asked
    for each in asked["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        assert tags == {"Name": "api", "Auto-Rebuild": "true", "fleetmend:rebuilt-from": "i-1"}


def test_volumes_that_outlive_the_instance_are_not_made_again() -> None:
    (root,) = launch("i-1", KEPT, PLAN, "w")["BlockDeviceMappings"]
    assert root["DeviceName"] == "/dev/sda1"
    assert root["Ebs"]["DeleteOnTermination"] is True
    asked = launch("i-1", KEPT, Plan("ami-newer"), "w")["BlockDeviceMappings"]
    assert {"DeviceName": "/dev/sdf", "NoDevice": ""} in asked, "the image would bring a copy"


def test_a_volume_that_ended_comes_from_its_snapshot() -> None:
    both = replace(KEPT, disks=(ROOT, replace(DATA, ends=True)))
    plan = Plan("ami-1", {"/dev/sdf": "snap-1"})
    (_, data) = launch("i-1", both, plan, "w")["BlockDeviceMappings"]
    assert data["Ebs"]["SnapshotId"] == "snap-1"


def test_what_is_not_known_is_left_to_ec2() -> None:
    bare = replace(KEPT, profile="", private_address="", user_data="", disks=(), metadata={})
    asked = launch("i-1", bare, PLAN, "w")
    for key in ("IamInstanceProfile", "PrivateIpAddress", "UserData", "BlockDeviceMappings"):
        assert key not in asked
    assert "PrivateIpAddress" not in launch("i-1", KEPT, replace(PLAN, private=False), "w")


def test_a_gp2_volume_is_not_asked_for_its_own_speed() -> None:
    disk = Disk("/dev/sdf", "vol-1", ends=False, size=9, type="gp2", iops=100, throughput=1)
    asked = restore("i-1", KEPT, disk, "snap-1", "w")
    assert (asked["Size"], "Iops" in asked, "Throughput" in asked) == (9, False, False)
    fast = restore("i-1", KEPT, replace(disk, type="io2", encrypted=True, key="k"), "snap-1", "w")
    assert (fast["Iops"], fast["Encrypted"], fast["KmsKeyId"]) == (100, True, "k")


def test_a_token_is_the_same_after_any_crash_and_fits() -> None:
    assert token("i-1", 0) == token("i-1", 0)
    assert len({token("i-1", 0), token("i-1", 1), token("i-2", 0)}) == 3
    assert len(token("i-0123456789abcdef0", 999)) <= 64


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("IdempotentParameterMismatch", Result.CONFLICT),
        ("VolumeInUse", Result.CONFLICT),
        ("Resource.AlreadyAssociated", Result.CONFLICT),
        ("InvalidNetworkInterface.InUse", Result.CONFLICT),
        ("InvalidIPAddress.InUse", Result.REFUSED),
        ("InvalidAMIID.NotFound", Result.REFUSED),
        ("InsufficientInstanceCapacity", Result.CAPACITY),
    ],
)
def test_what_ec2_answers_means(code: str, result: Result) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "m"}}, "RunInstances")
    assert classify(error).outcome.result is result


def test_what_ec2_leaves_out_is_empty_and_no_error() -> None:
    bare = outline_of({})
    assert (bare.image, bare.disks, bare.public_address) == ("", (), "")
    whole = detailed(bare, {}, "", None)
    assert (whole.user_data, whole.redacted) == ("", 0)


@pytest.mark.parametrize("data", ["//79", "AAEC", "not base64!"])
def test_user_data_that_is_no_text_is_not_kept(data: str) -> None:
    whole = detailed(outline_of({}), {}, "", data)
    assert (whole.user_data, whole.redacted) == ("", -1)


def test_an_address_that_is_only_lent_is_no_elastic_one() -> None:
    def card(owner: str) -> dict:
        return {
            "NetworkInterfaces": [{"Association": {"IpOwnerId": owner, "PublicIp": "192.0.2.1"}}]
        }

    assert outline_of(card("amazon")).public_address == ""
    assert outline_of(card("123456789012")).public_address == "192.0.2.1"

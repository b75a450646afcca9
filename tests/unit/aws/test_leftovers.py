"""What protects data and outlives an installation: found to the last page, deleted one by one."""

import json

import boto3
import pytest
from moto import mock_aws
from moto.ec2.models import ec2_backends

from fleetmend.aws.leftovers import Leftover, Leftovers
from fleetmend.core.ports import PortError
from tests.unit.aws import wire

TAGS = {"Project": "fleetmend", "Environment": "dev", "ManagedBy": "fleetmend"}
POINT = "arn:aws:ec2:us-east-1::snapshot/snap-{}"


def tagged(kind, tags):
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": listed}]


class Vault:
    """AWS Backup's answers, over the wire: points in pages of one; deleting takes three looks."""

    def __init__(self, points=0, refused=(), forever=False):
        self.points = {POINT.format(n): None for n in range(points)}
        self.refused, self.forever, self.asked = set(refused), forever, 0

    def __call__(self, request):
        if request.method == "DELETE":
            arn = request.url.partition("/recovery-points/")[2].replace("%3A", ":")
            arn = arn.replace("%2F", "/")
            if arn in self.refused:
                return wire.response(
                    '{"Message": "locked"}', 400, x_amzn_errortype="InvalidRequest"
                )
            self.points[arn] = 0 if not self.forever else -1_000_000
            return wire.response("", 204)
        return self.page(request)

    def page(self, request):
        at = int(request.url.partition("nextToken=")[2] or 0)
        if at == 0:
            for arn, looks in list(self.points.items()):
                if looks is not None:
                    self.points[arn] = looks + 1
                    if looks >= 2:
                        del self.points[arn]
        listed = list(self.points)[at : at + 1]
        told = {"RecoveryPoints": [{"RecoveryPointArn": arn, "CreationDate": 0} for arn in listed]}
        if at + 1 < len(self.points):
            told["NextToken"] = str(at + 1)
        return wire.response(json.dumps(told))


def leftovers(vault, sleep=lambda _: None):
    backup = wire.client("backup", vault)
    ec2 = boto3.client("ec2", region_name="us-east-1")
    made = {"backup": backup, "ec2": ec2}
    return Leftovers(made.__getitem__, TAGS, ["fleetmend-backup-dev"], sleep=sleep)


@pytest.fixture
def ec2(monkeypatch):
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield boto3.client("ec2", region_name="us-east-1")


@pytest.fixture
def volume(ec2):
    return ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]


def test_ours_and_nothing_else(ec2, volume):
    ours = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot", TAGS))
    ec2.create_snapshot(
        VolumeId=volume, TagSpecifications=tagged("snapshot", {**TAGS, "Environment": "dev2"})
    )
    ec2.create_snapshot(VolumeId=volume)
    found = leftovers(Vault()).found()
    assert [(one.kind, one.name) for one in found] == [("snapshot", ours["SnapshotId"])]
    assert found[0].made_at is not None
    assert "it protects data" in str(found[0])


def test_what_aws_backup_made_is_listed_once_in_its_vault(ec2, volume):
    managed = {**TAGS, "aws:backup:source-resource": "i-1"}
    made = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot", TAGS))
    backend = ec2_backends["123456789012"]["us-east-1"]
    backend.tags[made["SnapshotId"]] = managed  # no caller may set a tag of AWS's own
    kinds = [one.kind for one in leftovers(Vault(points=3)).found()]
    assert kinds == ["recovery point"] * 3


def test_images_go_before_their_snapshots_and_the_vault_is_waited_for(ec2, volume):
    instance = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0][
        "InstanceId"
    ]
    image = ec2.create_image(
        InstanceId=instance, Name="golden", TagSpecifications=tagged("image", TAGS)
    )["ImageId"]
    snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot", TAGS))
    slept = []
    told = leftovers(Vault(points=2), slept.append)
    found = told.found()
    assert [one.kind for one in found] == ["image", "snapshot", "recovery point", "recovery point"]
    assert [error for _, error in told.purge(found)] == [None] * 4
    assert slept, "the vault is not empty at once"
    assert told.found() == []
    assert image not in str(ec2.describe_images(Owners=["self"]))
    assert snapshot["SnapshotId"] not in str(ec2.describe_snapshots(OwnerIds=["self"]))


def test_one_that_is_refused_keeps_no_other(ec2):
    told = leftovers(Vault(points=3, refused=[POINT.format(1)]))
    errors = dict(told.purge(told.found()))
    assert [one.name for one, error in errors.items() if error] == [POINT.format(1)]
    assert [one.name for one in told.found()] == [POINT.format(1)]


def test_gone_meanwhile_is_as_good_as_deleted(ec2):
    gone = [Leftover("snapshot", "snap-0123456789abcdef0"), Leftover("image", "ami-01234567")]
    assert [error for _, error in leftovers(Vault()).purge(gone)] == [None, None]


def test_a_vault_that_never_gets_empty_is_an_error(ec2):
    told = leftovers(Vault(points=1, forever=True))
    with pytest.raises(PortError, match="still deleting"):
        list(told.purge(told.found()))


def test_a_vault_that_is_removed_holds_nothing(ec2):
    def gone(request):
        return wire.response("{}", 400, x_amzn_errortype="ResourceNotFoundException")

    assert leftovers(gone).found() == []


def test_what_cannot_be_asked_is_not_nothing(ec2):
    def denied(request):
        return wire.response("{}", 403, x_amzn_errortype="AccessDeniedException")

    with pytest.raises(PortError, match="list_recovery_points"):
        leftovers(denied).found()

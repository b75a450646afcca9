"""Every shape of our own installation can be exported: no type, property or option is missing."""

import json
import zipfile

import pytest

from fleetmend.components.installation import main
from fleetmend.deploy.capture import capture
from fleetmend.deploy.export import SECRETS_FILE, export
from fleetmend.deploy.type_table import RESOURCES

BASE = {"environmentSuffix": "dev", "region": "us-east-1"}
SHAPES = {
    "default": {},
    "production": {"environment": "prod", "zoneCount": "3", "alertEmails": "ops@example.com"},
    "everything": {
        "scaling": "step",
        "deployBalancer": "true",
        "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0f9a",
        "alertEmails": "ops@example.com",
        "alertWebhooks": "https://hooks.example.com/services/T0/B0/hush-hush",
        "backupCopyRegion": "us-west-2",
        "restoreTesting": "true",
        "extraEndpoints": "kms,secretsmanager",
        "deployRebuild": "true",
        "deployTypeChange": "true",
        "rebuildRoleArns": "arn:aws:iam::123456789012:role/web",
    },
    "one NAT gateway": {"natGateways": "single"},
    "no NAT gateway": {"natGateways": "none"},
    "an existing VPC": {
        "deployNetwork": "false",
        "existingVpcId": "vpc-0123456789abcdef0",
        "existingPrivateSubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    },
    "recovery only": {
        "deployNetwork": "false",
        "deployCompute": "false",
        "deployBackup": "false",
        "deploySecret": "false",
        "deployDashboard": "false",
    },
    "the network only": {
        "deployCompute": "false",
        "deployBackup": "false",
        "deploySecret": "false",
        "deployDashboard": "false",
        "deployRecovery": "false",
        "deployBridge": "false",
    },
}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("dist") / "fleetmend-lambda.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("fleetmend/__init__.py", "")
    return str(path)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_exported(shape, artifact, tmp_path):
    config = {**BASE, **SHAPES[shape], "lambdaArtifact": artifact}
    graph = capture(main, config=config)
    report = export(graph, tmp_path)
    used = {node.type for node in graph.nodes if node.custom and node.type.startswith("aws:")}
    assert used <= set(RESOURCES)
    assert report.left_out == ()
    assert report.resources == sum(node.type in RESOURCES for node in graph.nodes)


def test_everything_is_the_same_every_time_and_hides_secrets(artifact, tmp_path):
    config = {**BASE, **SHAPES["everything"], "lambdaArtifact": artifact}
    first, second = (
        export(capture(main, config=config), tmp_path / name) for name in ("one", "two")
    )
    assert first.files == second.files
    for name in first.files:
        assert (first.out / name).read_bytes() == (second.out / name).read_bytes(), name
        if name != SECRETS_FILE:
            assert b"hush-hush" not in (first.out / name).read_bytes()
    assert b"hush-hush" in (first.out / SECRETS_FILE).read_bytes()


def test_the_secret_of_the_application_is_nowhere(artifact, tmp_path):
    """Its value is made by AWS and never stored: an ephemeral resource in a write-only property."""
    report = export(capture(main, config={**BASE, "lambdaArtifact": artifact}), tmp_path / "out")
    data = json.loads((report.out / "data.tf.json").read_text())
    assert "aws_secretsmanager_random_password" in data["ephemeral"]
    versions = json.loads((report.out / "main.tf.json").read_text())["resource"][
        "aws_secretsmanager_secret_version"
    ]
    assert versions
    assert all("secret_string" not in version for version in versions.values())

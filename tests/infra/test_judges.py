"""Judges that are not ours: Checkov on the export, Parliament on the policies.

They pin old libraries, so each test asks the environment that `make judges` builds from
locks/judges.txt. What they find is mended, or accepted beside the resource with a reason.
"""

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetmend.components.installation import main as installation
from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture
from fleetmend.deploy.check.acceptance import FOREIGN, acceptances
from fleetmend.deploy.export import export
from fleetmend.deploy.iam.policies import PolicyKind, policies
from fleetmend.deploy.view import View

ROOT = Path(__file__).parents[2]
BIN = Path(os.environ.get("FLEETMEND_JUDGES", ROOT / ".judges")) / "bin"
EVERYTHING = {
    "environmentSuffix": "dev",
    "region": "us-east-1",
    "alertEmails": "ops@example.com",
    "alertWebhooks": "https://hooks.example.com/services/1",
    "deployBalancer": "true",
    "deployCompliance": "true",
    "complianceRules": "examples/rules/required-tags.yaml",
    "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x",
    "restoreTesting": "true",
    "backupCopyRegion": "us-west-2",
    "deployRebuild": "true",
    "deployTypeChange": "true",
    "rebuildRoleArns": "arn:aws:iam::123456789012:role/web",
}
PARLIAMENT = """
import json, sys, parliament
for place, text in json.load(sys.stdin):
    for finding in parliament.analyze_policy_string(text).findings:
        print(json.dumps([place, finding.issue, str(finding.detail)]))
"""

pytestmark = pytest.mark.skipif(
    not (BIN / "checkov").exists(), reason="the judges are not installed: make judges"
)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    artifact = tmp_path_factory.mktemp("artifact") / "lambda.zip"
    with zipfile.ZipFile(artifact, "w") as made:
        made.writestr("handler.py", "")
    return capture(installation, config=EVERYTHING | {"lambdaArtifact": str(artifact)})


@pytest.fixture(scope="module")
def checkov(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """The failed checks of the export: check and URN."""
    folder = tmp_path_factory.mktemp("export")
    export(graph, folder)
    whole = json.loads((folder / "main.tf.json").read_text(encoding="utf-8"))
    # Checkov cannot read a list of providers, and has no checks on them.
    resources = {"resource": whole["resource"]}
    judged = tmp_path_factory.mktemp("judged")
    (judged / "main.tf.json").write_text(json.dumps(resources, indent=1), encoding="utf-8")
    options = ["--framework", "terraform_json", "--skip-download", "--compact", "-o", "json"]
    run = subprocess.run(
        [BIN / "checkov", "-d", judged, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    report = json.loads(run.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 300, "it did not see the resources"
    urns = {
        f"{kind}.{name}": block["//"]
        for kind, named in whole["resource"].items()
        for name, block in named.items()
    }
    return {
        (failed["check_id"], urn)
        for failed in report["results"]["failed_checks"]
        for urn in _named(failed["resource"], urns)
    }


def _named(address: str, urns: dict[str, str]) -> Iterator[str]:
    """The URN behind an address; Checkov sometimes leaves the type out (`resource.name`)."""
    head, _, name = address.partition(".")
    found = [
        urn
        for known, urn in urns.items()
        if known == address or (head == "resource" and known.partition(".")[2] == name)
    ]
    assert found, f"{address} is not in the export"
    yield from found


def _accepted(graph: Graph) -> set[tuple[str, str]]:
    return {(a.rule, a.target) for a in acceptances(View(graph)) if FOREIGN.fullmatch(a.rule)}


def test_no_check_of_checkov_fails_without_a_reason(graph: Graph, checkov) -> None:
    assert sorted(checkov - _accepted(graph)) == []


def test_every_acceptance_for_checkov_meets_a_failed_check(graph: Graph, checkov) -> None:
    accepted = {a for a in _accepted(graph) if a[0].startswith("CKV")}
    assert sorted(accepted - checkov) == []


def _parliament(documents: list[tuple[str, str]]) -> set[tuple[str, str, str]]:
    run = subprocess.run(
        [BIN / "python", "-W", "ignore", "-c", PARLIAMENT],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return {tuple(json.loads(line)) for line in run.stdout.splitlines()}


def _documents(graph: Graph) -> list[tuple[str, str]]:
    view = View(graph)
    return [
        (
            policy.node.urn,
            view.filled(
                json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [json.loads(s.text) for s in policy.statements],
                    }
                )
            ),
        )
        for policy in policies(view)
        if policy.kind is PolicyKind.IDENTITY
    ]


def test_parliament_finds_nothing_without_a_reason(graph: Graph) -> None:
    documents = _documents(graph)
    assert len(documents) > 6
    found = {(f"PARLIAMENT_{issue}", urn) for urn, issue, _ in _parliament(documents)}
    accepted = {a for a in _accepted(graph) if a[0].startswith("PARLIAMENT")}
    assert sorted(found - accepted) == []
    assert sorted(accepted - found) == []


def test_parliament_sees_a_name_where_an_arn_belongs() -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "my-bucket/*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert [issue for _, issue, _ in _parliament([("x", text)])] == ["INVALID_ARN"]

"""The examples run as they stand, without the artifact, and nothing is wrong with them."""

import runpy
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture
from fleetmend.deploy.check import Severity, check

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "everything": {"alertEmails": "ops@example.com"},
    "recovery-only": {"emails": "ops@example.com,dev@example.com"},
    "network-only": {},
}
"""What each asks its owner to set as a secret."""


@cache
def example(name: str) -> Graph:
    folder = ROOT / "examples" / name
    project = YAML(typ="safe").load(folder / "Pulumi.yaml")["name"]
    (stack,) = folder.glob("Pulumi.*.yaml")
    config = YAML(typ="safe").load(stack)["config"] | EXAMPLES[name]
    program = str(folder / "__main__.py")
    return capture(
        lambda: runpy.run_path(program, run_name="__main__") and None,
        config=config,
        project=project,
        secret_keys=list(EXAMPLES[name]),
    )


def test_every_example_is_tried() -> None:
    programs = (ROOT / "examples").glob("*/Pulumi.yaml")  # other folders hold no program
    assert {path.parent.name for path in programs} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_wrong_with_it(name: str) -> None:
    faults = [finding for finding in check(example(name)) if finding.severity is not Severity.INFO]
    assert [str(fault) for fault in faults] == []


def test_each_shows_what_it_says() -> None:
    assert example("everything").of_type("aws:autoscaling/group:Group")
    only = example("recovery-only")
    assert only.of_type("aws:lambda/function:Function")
    assert not only.of_type("aws:ec2/vpc:Vpc")
    network = example("network-only")
    assert len(network.of_type("aws:ec2/natGateway:NatGateway")) == 3
    assert not network.of_type("aws:lambda/function:Function")

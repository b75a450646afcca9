"""Capture one component at a time and look at what it declared."""

import inspect
import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pulumi
import pulumi_aws as aws

from fleetmend.components.function import ConcernArgs
from fleetmend.components.identity import InstallationArgs
from fleetmend.components.tagging import OWN_KEYS
from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.capture import capture

ACCOUNT = "123456789012"
REGION = "us-west-2"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
PRIVATE = ["subnet-a", "subnet-b"]
ME: InstallationArgs = {
    "project": "fleetmend",
    "suffix": "dev",
    "region": REGION,
    "tags": {"Team": "web"},
}

CONCERN: ConcernArgs = {
    "installation": ME,
    "account_id": ACCOUNT,
    "artifact": "no/such/file.zip",
    "ledger_name": "fleetmend-ledger",
    "ledger_arn": "arn:aws:s3:::fleetmend-ledger",
    "key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/main",
    "topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts",
    "topic_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/alerts",
}
"""What every concern's component is told."""


def graph(program: Callable[[pulumi.ResourceOptions], None]) -> Graph:
    """What a program declares when it is given options with an explicit provider."""

    def run() -> None:
        provider = aws.Provider("explicit", region=REGION)
        program(pulumi.ResourceOptions(provider=provider))

    return capture(run, config={})


def one(found: Graph, kind: str, name: str = "") -> Node:
    """The one node of this type (whose name ends so)."""
    nodes = [node for node in found.of_type(kind) if node.name.endswith(name)]
    assert len(nodes) == 1, [node.name for node in nodes]
    return nodes[0]


def names(found: Graph, kind: str) -> list[str]:
    return [node.name for node in found.of_type(kind)]


def ports(found: Graph, kind: str) -> set[tuple[int, int]]:
    return {(node.inputs["fromPort"], node.inputs["toPort"]) for node in found.of_type(kind)}


def made(found: Graph) -> list[Node]:
    """The AWS resources, without providers, components and the stack."""
    return [node for node in found.nodes if node.type.startswith("aws:")]


def statements(policy: object) -> list[dict[str, Any]]:
    return json.loads(str(policy))["Statement"]


@cache
def properties(kind: str) -> frozenset[str]:
    """The arguments that a resource type takes, in Python's spelling."""
    package, _, name = kind.removeprefix("aws:").partition("/")
    module = getattr(aws, "lambda_" if package == "lambda" else package)
    resource = getattr(module, name.partition(":")[2])
    return frozenset(inspect.signature(resource._internal_init).parameters)


def badly_tagged(found: Graph) -> list[str]:
    """Taggable resources without all of our tags and the user's."""
    wanted = {*OWN_KEYS, "Team"}
    return [
        node.name
        for node in made(found)
        if "tags" in properties(node.type) and not wanted <= _keys(node.inputs.get("tags"))
    ]


def _keys(tags: object) -> set[str]:
    if isinstance(tags, list):
        return {tag["key"] for tag in tags}
    return set(tags) if isinstance(tags, dict) else set()


def astray(found: Graph, prefix: str) -> Iterable[str]:
    """Resources that are no children of the component, or not named for it, or without provider."""
    component = [node for node in found.nodes if node.type.startswith("fleetmend:")]
    parents = {node.urn for node in component}
    for node in made(found):
        if node.parent not in parents:
            yield f"{node.name} has no parent"
        if not node.name.startswith(f"{prefix}-"):
            yield f"{node.name} is not named for its component"
        if not node.provider.endswith("::explicit"):
            yield f"{node.name} does not use the explicit provider"

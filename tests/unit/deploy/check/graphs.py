"""Small graphs by hand, to show single rules at work."""

import json
from typing import Any

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.check import Finding, check
from fleetmend.deploy.tokens import token

ROOT = "urn:pulumi:dev::fleetmend::"
ACCOUNT = "123456789012"


def urn(kind: str, name: str) -> str:
    return f"{ROOT}{kind}::{name}"


def node(kind: str, name: str, inputs: dict[str, Any] | None = None, **more: Any) -> Node:
    return Node(urn=urn(kind, name), type=kind, name=name, inputs=inputs or {}, **more)


def ref(of: Node, output: str = "arn") -> str:
    return token(of.urn, output)


def graph(*nodes: Node) -> Graph:
    return Graph("fleetmend", "dev", tuple(sorted(nodes, key=lambda n: n.urn)))


def found(rule: str, *nodes: Node) -> list[Finding]:
    """What one rule says of these resources; others may well find something too."""
    return [finding for finding in check(graph(*nodes)) if finding.rule == rule]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def identity(*statements: dict[str, Any]) -> Node:
    return node("aws:iam/policy:Policy", "policy", {"policy": document(*statements)})


def allow(*actions: str, on: Any = "*", when: Any = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return statement | ({"Condition": when} if when else {})

"""The policy pack as Pulumi's engine runs it: a process that is asked over gRPC."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from fleetmend.components.installation import main as installation
from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.capture import capture
from fleetmend.deploy.check import RULES
from fleetmend.deploy.iam.arns import fill
from fleetmend.deploy.iam.kinds import KINDS
from fleetmend.deploy.tokens import Reference, references, replaced
from fleetmend.deploy.view import View
from tests.infra.broken import group_in_public, logs_star, trust_without_source, unversioned_bucket

PACK = Path(__file__).parents[2] / "infra/policy"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    process = subprocess.Popen([sys.executable, PACK], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        options = [("grpc.max_receive_message_length", 1 << 27)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait(timeout=30)


class Engine:
    """What the engine says of a stack; before `up`, only what the program gave is known."""

    def __init__(self, graph: Graph, *, known: bool) -> None:
        self.view, self.known = View(graph), known

    def outputs(self, node: Node) -> dict[str, str]:
        """What AWS would have answered."""
        made = {"id": f"{node.name}-0a1b", "name": f"{node.name}-0a1b"}
        if node.type in KINDS:
            made["arn"] = f"{self.view.arn(node)}-{node.name}"
            made["url"] = f"https://sqs.us-east-1.amazonaws.com/123456789012/{node.name}"
        return made

    def resolved(self, found: Reference) -> str:
        node = self.view.node(found.urn)
        if node is None or "invoke:" in found.urn:
            shape = self.view.shape(found)  # a preview asks data sources: all of it is known
            return found.property if shape == "x" else shape
        return self.outputs(node).get(found.property, f"{node.name}-0a1b")

    def value(self, text: str) -> Any:
        known_before = all("invoke:" in found.urn for found in references(text))
        return fill(text, self.resolved) if self.known or known_before else UNKNOWN

    def properties(self, node: Node) -> struct_pb2.Struct:
        made = struct_pb2.Struct()
        answered = self.outputs(node) if self.known else {}
        made.update(answered | replaced(dict(node.inputs), self.value))
        return made

    def resource(self, node: Node) -> analyzer_pb2.AnalyzerResource:
        made = analyzer_pb2.AnalyzerResource(
            type=node.type,
            properties=self.properties(node),
            urn=node.urn,
            name=node.name,
            parent=node.parent,
            dependencies=node.dependencies,
        )
        for name, urns in node.property_dependencies.items():
            made.propertyDependencies[name].urns.extend(urns)
        provider = self.view.provider(node)
        if provider is not None:
            made.provider.CopyFrom(
                analyzer_pb2.AnalyzerProviderResource(
                    type=provider.type,
                    properties=self.properties(provider),
                    urn=provider.urn,
                    name=provider.name,
                )
            )
        return made

    def request(self) -> analyzer_pb2.AnalyzeStackRequest:
        nodes = [n for n in self.view.graph.nodes if not n.type.startswith("pulumi:")]
        return analyzer_pb2.AnalyzeStackRequest(resources=[self.resource(n) for n in nodes])


def violations(pack: Any, graph: Graph, *, known: bool) -> set[tuple[str, str]]:
    answer = pack.AnalyzeStack(Engine(graph, known=known).request())
    return {(d.policyName, d.urn.rpartition("::")[2]) for d in answer.diagnostics}


def test_the_pack_offers_every_rule(pack: Any) -> None:
    from google.protobuf import empty_pb2  # noqa: PLC0415

    offered = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert {policy.name for policy in offered.policies} == set(RULES)


@pytest.mark.parametrize("known", [False, True], ids=["preview", "up"])
@pytest.mark.parametrize(
    "module", [unversioned_bucket, group_in_public, trust_without_source], ids=lambda m: m.__name__
)
def test_a_fault_is_a_violation(pack: Any, module: Any, known: bool) -> None:
    graph = capture(lambda: module.program(broken=True), config={}, project="broken")
    assert violations(pack, graph, known=known) == {(module.RULE, module.RESOURCE)}


def test_a_policy_is_judged_once_it_is_known(pack: Any) -> None:
    graph = capture(lambda: logs_star.program(broken=True), config={}, project="broken")
    assert violations(pack, graph, known=False) == set()
    assert violations(pack, graph, known=True) == {(logs_star.RULE, logs_star.RESOURCE)}


@pytest.mark.parametrize("known", [False, True], ids=["preview", "up"])
def test_the_installation_passes(pack: Any, known: bool) -> None:
    config = {"environmentSuffix": "dev", "region": "us-east-1"}
    assert violations(pack, capture(installation, config=config), known=known) == set()

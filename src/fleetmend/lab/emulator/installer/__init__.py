"""The lab's create-only installer: a captured resource graph becomes resources in the emulators.

It belongs to the lab and is good for nothing else: it neither compares nor changes nor deletes,
and what it does not know it leaves out and says so.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from fleetmend.core.graph import Graph, Node
from fleetmend.lab.emulator.installer import compute, messaging, storage
from fleetmend.lab.emulator.installer.registry import CREATORS, Inputs, Session
from fleetmend.lab.emulator.installer.resolve import Known, Unresolved, in_order
from fleetmend.lab.emulator.processes import ACCOUNT, EmulatorFailed
from fleetmend.lab.emulator.untyped import Untyped

__all__ = ["Installation", "compute", "install", "messaging", "storage"]


@dataclass(frozen=True, slots=True)
class Installation:
    """What was put into the emulators.

    `outputs` are the stack's, resolved. `resources` has the outputs of everything made, by URN,
    `kinds` the type of each. `skipped` says what is missing and why, one sentence each;
    `ignored` which inputs of a resource had no effect.
    """

    outputs: Mapping[str, Untyped]
    resources: Mapping[str, Mapping[str, Untyped]]
    kinds: Mapping[str, str]
    skipped: tuple[str, ...] = ()
    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def left_out(self) -> list[str]:
        """What is missing, in one line for each type."""
        counted = Counter(line.split()[2] for line in self.skipped)
        return [f"not installed: {number} of {kind}" for kind, number in sorted(counted.items())]

    def of_type(self, kind: str) -> list[Mapping[str, Untyped]]:
        """The outputs of everything of a Pulumi type, in the order of their URNs."""
        return [self.resources[urn] for urn in sorted(self.kinds) if self.kinds[urn] == kind]


def install(
    graph: Graph,
    artifact: Path,
    *,
    client: Callable[[str], Untyped],
    region: str,
    environment: Mapping[str, str],
    speed: float = 1.0,
    scheduled: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Installation:
    """Create everything of the graph that is known here, in the order of its dependencies.

    Args:
        graph: as `deploy.capture` makes it.
        artifact: the zip for every function.
        client: a boto3 client by service name.
        region: where everything is.
        environment: added to every function's environment.
        speed: installed intervals are divided by it.
        scheduled: whether schedules shall fire by themselves.
        tell: gets one line for each step.

    Raises:
        EmulatorFailed: when a resource that is known could not be made; it names the resource.
    """
    session = Session(client, ACCOUNT, region, artifact, environment, speed, scheduled)
    known = Known()
    for invoke in graph.invokes:
        known.add(invoke.urn, _data_source(invoke, region))
    resources: dict[str, Mapping[str, Untyped]] = {}
    skipped: list[str] = []
    ignored: dict[str, tuple[str, ...]] = {}
    nodes = in_order(graph)
    for node in nodes:
        if node.type.startswith("pulumi:"):
            continue
        reason, outputs, unread = _make(session, node, known)
        if reason:
            skipped.append(f"not installed: {node.type} {node.name}: {reason}")
            continue
        resources[node.urn] = outputs
        if unread:
            ignored[node.urn] = unread
    tell(f"installed {len(resources)} resources, {len(skipped)} left out")
    return Installation(
        outputs=_stack_outputs(graph, known),
        resources=resources,
        kinds={node.urn: node.type for node in nodes if node.urn in resources},
        skipped=tuple(skipped),
        ignored=ignored,
    )


def _make(
    session: Session, node: Node, known: Known
) -> tuple[str, dict[str, Untyped], tuple[str, ...]]:
    """Make one resource: why not, its outputs, and the inputs nobody read."""
    creator = CREATORS.get(node.type)
    if creator is None:
        return "the lab's installer does not know this type", {}, ()
    try:
        values = known.resolve(dict(node.inputs))
    except Unresolved as missing:
        return f"it refers to {missing.property!r} of {missing.urn}, which is not there", {}, ()
    inputs = Inputs(node, values)
    try:
        outputs = creator(session, inputs)
    except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
        told = f"it needs the input {error}" if isinstance(error, KeyError) else str(error)
        raise EmulatorFailed(
            f"{node.type} {node.name} could not be installed: {told}",
            remedy="look at the resource's inputs; the emulator may not know one of them",
        ) from error
    known.add(node.urn, {**values, **outputs})
    return "", outputs, tuple(inputs.unread())


def _stack_outputs(graph: Graph, known: Known) -> dict[str, Untyped]:
    """The stack's outputs; one that refers to something left out is left out as well."""
    outputs: dict[str, Untyped] = {}
    for name, value in graph.outputs.items():
        try:
            outputs[name] = known.resolve(value)
        except Unresolved:
            continue
    return outputs


def _data_source(node: Node, region: str) -> Mapping[str, Untyped]:
    """What AWS would answer about the account and region of the lab."""
    match node.type:
        case "aws:index/getCallerIdentity:getCallerIdentity":
            arn = f"arn:aws:iam::{ACCOUNT}:root"
            return {"accountId": ACCOUNT, "id": ACCOUNT, "arn": arn, "userId": ACCOUNT}
        case "aws:index/getRegion:getRegion":
            return {"name": region, "region": region, "id": region}
        case "aws:index/getPartition:getPartition":
            return {"partition": "aws", "dnsSuffix": "amazonaws.com", "id": "aws"}
        case "aws:index/getAvailabilityZones:getAvailabilityZones":
            return {"names": [f"{region}{letter}" for letter in "abcdef"]}
        case _:
            return {}

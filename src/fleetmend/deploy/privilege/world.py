"""The installation that calls were made in: which names its resources really had.

A graph knows a bucket by a token; a recording knows it by name. The function's environment has
both: what the program put there, and what the function then read.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fleetmend.core.graph import Node
from fleetmend.deploy import tokens
from fleetmend.deploy.iam.arns import Place, build, fill
from fleetmend.deploy.iam.authorization import resource_type
from fleetmend.deploy.iam.kinds import ARN_OUTPUTS, KINDS, NAME_OUTPUTS
from fleetmend.deploy.lambdas import FUNCTION
from fleetmend.deploy.privilege.calls import Recording
from fleetmend.deploy.tokens import Reference
from fleetmend.deploy.view import View, mapping, text_of

_MUST_AGREE = ("FLEETMEND_PROJECT", "FLEETMEND_SUFFIX")


class OtherInstallation(ValueError):
    """A recording was made in an installation that the graph does not describe."""


@dataclass(frozen=True, slots=True)
class World:
    """A graph with the names that its resources had when the calls were recorded."""

    view: View
    place: Place
    names: Mapping[str, str]

    def resolve(self, reference: Reference) -> str:
        """What a token stood for."""
        node = self.view.node(reference.urn)
        last = reference.property.rpartition(".")[2]
        if node is None:
            return "x"
        if reference.urn.split("::")[2].startswith("invoke:"):
            fixed = {"accountId": self.place.account, "partition": self.place.partition}
            if "getRegion" in node.type or last == "region":
                return self.place.region
            return fixed.get(last.partition("[")[0], "x")
        kind = KINDS.get(node.type)
        if kind and (last in ARN_OUTPUTS or (last == "id" and kind.id == "arn")):
            return self.arn(node)
        if kind and (last in NAME_OUTPUTS or (last == "id" and kind.id == "name")):
            return self.name(node)
        if last == "url" or (kind and last == "id" and kind.id == "url"):
            region, account = self.place.region, self.place.account
            return f"https://sqs.{region}.amazonaws.com/{account}/{self.name(node)}"
        given = node.inputs.get(last)
        return self.filled(given) if isinstance(given, str) else self.name(node)

    def filled(self, text: str) -> str:
        """`text` with every token replaced by what it stood for."""
        return fill(text, self.resolve)

    def name(self, node: Node) -> str:
        """The name of a resource: recorded, given by the program, or a stand-in of its own."""
        if node.urn in self.names:
            return self.names[node.urn]
        kind = KINDS.get(node.type)
        given = node.inputs.get(kind.name) if kind and kind.name else None
        if isinstance(given, str) and given:
            return self.filled(given)
        return hashlib.sha256(node.urn.encode()).hexdigest()[:17]

    def arn(self, node: Node) -> str:
        """The ARN of a resource."""
        kind = KINDS.get(node.type)
        known = resource_type(kind.service, kind.resource) if kind else None
        if known is None:
            return f"arn:aws:x:{self.place.region}:{self.place.account}:{self.name(node)}"
        if node.type == "aws:lambda/alias:Alias":
            function = self.view.referred(node.inputs.get("functionName"), FUNCTION)
            owner = self.name(function) if function else "x"
            return build(known, f"{owner}|{self.name(node)}", self.place)
        return build(known, self.name(node), self.place)

    def of_arn(self, arn: str, kind: str) -> Node | None:
        """The resource of this type and ARN."""
        return next((node for node in self.view.of_type(kind) if self.arn(node) == arn), None)

    def key(self, value: object) -> Node | None:
        """The key that an input means: the key itself, or the one behind an alias."""
        found = self.view.referred(value if isinstance(value, str) else None, *_KEYS)
        if found is not None and found.type == _KEYS[1]:
            return self.view.referred(found.inputs.get("targetKeyId"), _KEYS[0])
        return found


_KEYS = ("aws:kms/key:Key", "aws:kms/alias:Alias")


def world(view: View, function: Node, recording: Recording) -> World:
    """The world that a recording was made in.

    Raises:
        OtherInstallation: The recording's project or suffix is not the graph's.
    """
    variables = mapping(mapping(function.inputs.get("environment")).get("variables"))
    names: dict[str, str] = {}
    for variable, value in variables.items():
        recorded = recording.environment.get(variable)
        if recorded is None or not isinstance(value, str):
            continue
        reference = tokens.parse(value)
        if reference is not None:
            names[reference.urn] = re.split(r"[:/]", recorded)[-1]
        elif variable in _MUST_AGREE and value != recorded:
            message = f"{variable} is {value} in the graph and {recorded} in the recording"
            raise OtherInstallation(message)
    return World(view, Place(region=recording.region, account=recording.account), names)


def function_of(view: View, concern: str) -> Node | None:
    """The function that serves a concern, by its own environment or its name."""
    for node in view.of_type(FUNCTION):
        variables = mapping(mapping(node.inputs.get("environment")).get("variables"))
        if variables.get("POWERTOOLS_SERVICE_NAME") == concern or text_of(node, "name") == concern:
            return node
    return None

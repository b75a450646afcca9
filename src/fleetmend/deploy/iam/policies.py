"""The policies that stand in a graph: identity, trust and resource policies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fleetmend.core.graph import Node
from fleetmend.deploy import tokens
from fleetmend.deploy.iam import document
from fleetmend.deploy.iam.document import Condition, MalformedPolicy, Statement
from fleetmend.deploy.tokens import Json
from fleetmend.deploy.view import View, listing, mapping, text_of

_DATA_SOURCE = "aws:iam/getPolicyDocument:getPolicyDocument"


class PolicyKind(StrEnum):
    """Whose rights a policy states."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: the node and input it stands in, and what it is attached to.

    `target` is the role of an identity policy, or the resource that a resource policy guards;
    None where the graph does not say. `fault` tells why a text is no policy document.
    """

    node: Node
    input: str
    kind: PolicyKind
    target: Node | None
    statements: tuple[Statement, ...]
    fault: str = ""


_SOURCES: tuple[tuple[str, str, PolicyKind, str], ...] = (
    ("aws:iam/role:Role", "assumeRolePolicy", PolicyKind.TRUST, ""),
    ("aws:iam/rolePolicy:RolePolicy", "policy", PolicyKind.IDENTITY, "role"),
    ("aws:iam/policy:Policy", "policy", PolicyKind.IDENTITY, ""),
    ("aws:iam/userPolicy:UserPolicy", "policy", PolicyKind.IDENTITY, "user"),
    ("aws:iam/groupPolicy:GroupPolicy", "policy", PolicyKind.IDENTITY, "group"),
    ("aws:backup/vaultPolicy:VaultPolicy", "policy", PolicyKind.RESOURCE, "backupVaultName"),
    (
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        "policyDocument",
        PolicyKind.RESOURCE,
        "",
    ),
    ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy", PolicyKind.RESOURCE, "eventBusName"),
    ("aws:kms/key:Key", "policy", PolicyKind.RESOURCE, ""),
    ("aws:kms/keyPolicy:KeyPolicy", "policy", PolicyKind.RESOURCE, "keyId"),
    ("aws:s3/bucketPolicy:BucketPolicy", "policy", PolicyKind.RESOURCE, "bucket"),
    ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy", PolicyKind.RESOURCE, "secretArn"),
    ("aws:sns/topic:Topic", "policy", PolicyKind.RESOURCE, ""),
    ("aws:sns/topicPolicy:TopicPolicy", "policy", PolicyKind.RESOURCE, "arn"),
    ("aws:sqs/queue:Queue", "policy", PolicyKind.RESOURCE, ""),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy", PolicyKind.RESOURCE, "queueUrl"),
)
"""Pulumi type, the input with the document, its kind, and the input that says what it is for."""


def policies(view: View) -> Iterator[Policy]:
    """Every policy of the graph that is known before deployment."""
    for kind, name, role, target in _SOURCES:
        for node in view.of_type(kind):
            about = view.referred(node.inputs.get(target)) if target else node
            yield from _read(view, node, name, node.inputs.get(name), role, about)
    for role_node in view.of_type("aws:iam/role:Role"):
        for place, inline in enumerate(listing(role_node.inputs.get("inlinePolicies"))):
            yield from _read(
                view,
                role_node,
                f"inlinePolicies[{place}]",
                mapping(inline).get("policy"),
                PolicyKind.IDENTITY,
                role_node,
            )
    for node in view.of_type("aws:lambda/permission:Permission"):
        target_node = view.referred(node.inputs.get("function"))
        yield Policy(node, "", PolicyKind.RESOURCE, target_node, (_permission(node),))


def of_role(view: View, role: Node) -> tuple[Policy, ...]:
    """The identity policies that a role has, attached managed ones of this graph included."""
    attached = {
        found.urn
        for node in view.pointing_at(
            role, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role"
        )
        if (found := view.referred(node.inputs.get("policyArn"))) is not None
    }
    return tuple(
        policy
        for policy in policies(view)
        if policy.kind is PolicyKind.IDENTITY
        and (
            (policy.target is not None and policy.target.urn == role.urn)
            or policy.node.urn in attached
        )
    )


def _read(
    view: View, node: Node, name: str, value: Json, kind: PolicyKind, target: Node | None
) -> Iterator[Policy]:
    try:
        found = _statements(view, value)
    except MalformedPolicy as error:
        yield Policy(node, name, kind, target, (), str(error))
        return
    if found is not None:
        yield Policy(node, name, kind, target, found)


def _statements(view: View, value: Json) -> tuple[Statement, ...] | None:
    """The statements in an input; None where there are none, or only the cloud knows them."""
    if isinstance(value, dict):
        return document.statements(value)
    if not isinstance(value, str) or not value:
        return None
    reference = tokens.parse(value)
    if reference is None:
        return document.parse(value)
    source = view.node(reference.urn)
    if source is None:
        return None
    if source.type == _DATA_SOURCE:
        return document.statements(_from_data_source(source))
    given = source.inputs.get(reference.property)
    return _statements(view, given) if isinstance(given, str) and given != value else None


def _from_data_source(node: Node) -> dict[str, Any]:
    """The document that the data source `getPolicyDocument` makes of its arguments."""
    found: list[dict[str, Any]] = []
    for item in listing(node.inputs.get("statements")):
        given = mapping(item)
        statement: dict[str, Any] = {"Effect": given.get("effect") or "Allow"}
        for key, name in (
            ("Sid", "sid"),
            ("Action", "actions"),
            ("NotAction", "notActions"),
            ("Resource", "resources"),
            ("NotResource", "notResources"),
        ):
            if given.get(name):
                statement[key] = given[name]
        principals: dict[str, list[Any]] = {}
        for principal in listing(given.get("principals")):
            kind = str(mapping(principal).get("type"))
            principals.setdefault(kind, []).extend(listing(mapping(principal).get("identifiers")))
        if principals:
            statement["Principal"] = "*" if principals == {"*": ["*"]} else principals
        tests: dict[str, dict[str, Any]] = {}
        for condition in listing(given.get("conditions")):
            test = mapping(condition)
            tests.setdefault(str(test["test"]), {})[str(test["variable"])] = test["values"]
        if tests:
            statement["Condition"] = tests
        found.append(statement)
    return {"Statement": found}


def _permission(node: Node) -> Statement:
    """What a Lambda permission says, as the statement that Lambda makes of it."""
    principal = text_of(node, "principal")
    kind = "Service" if "." in principal else "AWS"
    conditions: list[Condition] = []
    for name, operator, key in (
        ("sourceArn", "ArnLike", "aws:SourceArn"),
        ("sourceAccount", "StringEquals", "aws:SourceAccount"),
        ("principalOrgId", "StringEquals", "aws:PrincipalOrgID"),
    ):
        if text_of(node, name):
            conditions.append(Condition(operator, key, (text_of(node, name),)))
    principals: Mapping[str, tuple[str, ...]] = {kind: (principal,)}
    return Statement(
        effect="Allow",
        actions=(text_of(node, "action"),),
        resources=(text_of(node, "function"),),
        principals=principals,
        conditions=tuple(conditions),
        text=f"{text_of(node, 'action')} for {principal}",
    )

"""Rules on what a policy says at all: known actions, supported keys and types, real ARNs."""

import re
from collections.abc import Iterator, Mapping

from fleetmend.core.graph import Node
from fleetmend.deploy import tokens
from fleetmend.deploy.check.common import Said, plain_actions, said
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.iam import authorization, globs
from fleetmend.deploy.iam.arns import is_arn, segments, types_of
from fleetmend.deploy.iam.authorization import Action
from fleetmend.deploy.iam.policies import PolicyKind, policies
from fleetmend.deploy.tokens import Json
from fleetmend.deploy.view import View

_ARN_OPERATORS = ("arnequals", "arnlike", "arnnotequals", "arnnotlike")
_ACCOUNT = re.compile(r"\d{12}")
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{16,}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
_OTHER_SERVICE = "x"

_ARN_INPUTS = {
    "aws:cloudwatch/logGroup:LogGroup": ("kmsKeyId",),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        "alarmActions",
        "okActions",
        "insufficientDataActions",
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ("alarmActions", "okActions"),
    "aws:lambda/function:Function": ("role",),
    "aws:sns/topicSubscription:TopicSubscription": ("topic",),
}
"""Inputs that take an ARN although their name does not say so."""


@rule("iam-malformed")
def malformed(view: View) -> Iterator[Fault]:
    """A policy document is no policy document.

    IAM refuses it when it is applied, halfway through a deployment.

    Remedy: make the document with json_dumps from a mapping with Version and Statement.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    for policy in policies(view):
        if policy.fault:
            yield Fault(policy.node, f"{policy.input}: {policy.fault}")


@rule("iam-unknown-action")
def unknown_action(view: View) -> Iterator[Fault]:
    """A policy names an action that AWS does not have.

    IAM takes it without a word, and it grants nothing: the call it was written for is denied at
    run time. Names of API operations are not always names of actions (ListObjectsV2 is allowed by
    s3:ListBucket, HeadObject by s3:GetObject).

    Remedy: look the operation up in the service authorization reference.

    See: https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    for found in said(view):
        for name in found.statement.actions:
            if name != "*" and not authorization.expand(name):
                yield Fault(found.policy.node, f"there is no action {name}", found.statement.text)


@rule("iam-unsupported-condition")
def unsupported_condition(view: View) -> Iterator[Fault]:
    """A condition tests a key that the action does not know.

    The key is then absent from the request: an Allow under it never holds, and the call is denied
    (ec2:DescribeInstances under a tag condition, whether spelt `ec2:ResourceTag` or
    `aws:ResourceTag`, denies every describe); a Deny under it may deny everything or nothing.

    Remedy: take the action into a statement of its own with a condition that it supports.

    See: https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    for found in said(view):
        for known in plain_actions(found.statement):
            types = _types(view, found, known.service)
            for condition in found.statement.conditions:
                key = condition.key
                if found.kind is not PolicyKind.IDENTITY and (
                    key.lower() in authorization.SERVICE_CALL_KEYS
                ):
                    continue
                if not authorization.supports(known, key, types):
                    message = f"{known.full} does not support {key}"
                    yield Fault(found.policy.node, message, found.statement.text)


@rule("iam-unsupported-resource")
def unsupported_resource(view: View) -> Iterator[Fault]:
    """An action stands beside resources of a type that it does not act on.

    Such a grant never matches: s3:GetObject acts on objects (`bucket-arn/prefix/*`), s3:ListBucket
    on the bucket, and most EC2 describes on no resource at all, which is written `*`.

    Remedy: give each kind of action the ARNs of the type it supports, in a statement of its own.

    See: https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    for found in said(view):
        texts = {text: view.filled(text) for text in found.statement.resources}
        judged = {t: f for t, f in texts.items() if _can_be_judged(f)}
        if len(judged) < len(texts) or not texts:
            continue
        actions = list(plain_actions(found.statement))
        messages = list(_actions_without(actions, judged))
        # A wildcard may well cover an action on the resource: nothing can be said then.
        if not messages and len(actions) == len(found.statement.actions):
            messages = list(_resources_without(actions, judged))
        for message in messages:
            yield Fault(found.policy.node, message, found.statement.text)


def _actions_without(actions: list[Action], texts: Mapping[str, str]) -> Iterator[str]:
    for known in actions:
        if not any(_acts_on(known, text) for text in texts.values()):
            wanted = ", ".join(known.resource_types) or 'no resource; write "*"'
            yield f"{known.full} acts on {wanted}"


def _resources_without(actions: list[Action], texts: Mapping[str, str]) -> Iterator[str]:
    for shown, text in texts.items():
        if not any(_acts_on(known, text) for known in actions):
            yield f"no action of the statement acts on {shown}"


def _acts_on(known: Action, text: str) -> bool:
    return bool({*types_of(text, known.service)} & {*known.resource_types})


@rule("iam-not-an-arn")
def not_an_arn(view: View) -> Iterator[Fault]:
    """A name stands where an ARN belongs.

    IAM accepts some names without a word and matches nothing; services refuse others when they are
    applied.

    Remedy: use the output `arn` of the resource, for objects `arn` followed by `/prefix/*`.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    for found in said(view):
        for message in _in_statement(view, found):
            yield Fault(found.policy.node, message, found.statement.text)
    for node in view.nodes:
        for path, text in _arn_inputs(node):
            if text and not is_arn(view.filled(text)):
                yield Fault(node, f"{path} takes an ARN", text)


def _in_statement(view: View, found: Said) -> Iterator[str]:
    lambda_permission = not found.policy.input
    for resource in () if lambda_permission else found.statement.resources:
        if not is_arn(view.filled(resource)):
            yield f"the resource {resource} is no ARN"
    for kind, names in found.statement.principals.items():
        for name in names:
            if not _is_principal(kind, view.filled(name)):
                yield f"{name} is no {kind} principal"
    for condition in found.statement.conditions:
        operator = condition.operator.lower().rpartition(":")[2].removesuffix("ifexists")
        if operator in _ARN_OPERATORS or condition.key.lower() == "aws:sourcearn":
            for value in condition.values:
                if not view.filled(value).startswith(("arn:", "*")):
                    yield f"{condition.key} is compared with {value}, which is no ARN"


def _is_principal(kind: str, name: str) -> bool:
    match kind:
        case "Service":
            return _SERVICE.fullmatch(name) is not None
        case "AWS":
            return (
                name == "*"
                or name.startswith("arn:")
                or _ACCOUNT.fullmatch(name) is not None
                or _UNIQUE_ID.fullmatch(name) is not None
            )
        case _:
            return True


def _arn_inputs(node: Node) -> Iterator[tuple[str, str]]:
    """Inputs that take ARNs, with their paths: those whose names say so, and a few more."""
    extra = _ARN_INPUTS.get(node.type, ())
    for path, text in _leaves(dict(node.inputs), ""):
        last = re.sub(r"\[\d+\]", "", path).rpartition(".")[2]
        if last.lower().endswith(("arn", "arns")) or last in extra:
            yield path, text


def _leaves(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in {"variables", "tags", "tagsAll", "dimensions"}:
                yield from _leaves(item, tokens.join(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")


def _types(view: View, found: Said, service: str) -> tuple[str, ...] | None:
    """The resource types that a statement is about; None where it may be any."""
    resources = found.statement.resources
    if not resources or "*" in resources:
        return None
    filled = [view.filled(text) for text in resources]
    if not all(_can_be_judged(text) for text in filled):
        return None
    return tuple({key for text in filled for key in types_of(text, service)})


def _can_be_judged(text: str) -> bool:
    if text == "*" or not is_arn(text):
        return False
    service = segments(text)["service"]
    return service != _OTHER_SERVICE and not globs.has_wildcard(service)

"""Rules on `*`: it stands only where AWS offers nothing narrower."""

import re
from collections.abc import Iterator

from fleetmend.deploy.check.common import Said, allowed, is_own_account_root, known_actions
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.iam import authorization, globs
from fleetmend.deploy.iam.arns import ARN, segments, types_of
from fleetmend.deploy.iam.authorization import Action
from fleetmend.deploy.iam.policies import PolicyKind
from fleetmend.deploy.view import View, listing, text_of

WITHOUT_RESOURCES = {
    "cloudwatch:PutMetricData": "its resource type is for OpenTelemetry data sets; metrics have "
    "none, and cloudwatch:namespace limits them",
    "ssm:UpdateInstanceInformation": "the agent calls it before SSM knows the managed instance",
}
"""Actions that AWS lists with a resource type which does not cover our use, and why."""

_ALL_OF_A_TYPE = re.compile(r"[*?:/]+")
_OWN = (PolicyKind.IDENTITY,)


@rule("iam-wildcard-action")
def wildcard_action(view: View) -> Iterator[Fault]:
    """A policy allows actions by a wildcard.

    The grant grows by itself with every action that AWS adds, and nobody has ever used all that it
    covers. A key policy that hands its key to the own account is left out: that is AWS's default,
    without which a key can become unmanageable.

    Remedy: name the actions, one by one; `fleetmend check` shows which ones the scenarios use.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege
    """
    for found in allowed(view):
        wild = [name for name in found.statement.actions if globs.has_wildcard(name)]
        key_owner = found.kind is PolicyKind.RESOURCE and is_own_account_root(found.statement)
        if wild and not (key_owner and wild == ["kms:*"]):
            yield Fault(found.policy.node, f"allows {', '.join(wild)}", found.statement.text)


@rule("iam-not-action")
def not_action(view: View) -> Iterator[Fault]:
    """A policy allows everything but something.

    Allow with NotAction, NotResource or NotPrincipal covers whatever is not named, today and in
    future.

    Remedy: allow by Action, Resource and Principal; keep the Not… elements for Deny.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html
    """
    for found in allowed(view):
        statement = found.statement
        if statement.not_actions or statement.not_resources or statement.not_principals:
            yield Fault(found.policy.node, "allows by what it leaves out", statement.text)


@rule("iam-wildcard-resource")
def wildcard_resource(view: View) -> Iterator[Fault]:
    """`Resource: "*"` stands beside an action that can be limited to resources.

    The action then reaches every resource of the account, those of other installations too.

    Remedy: name the ARNs; where ids are not known beforehand, the type's ARN of this account and
    region under a tag condition.

    See: https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    for found in allowed(view, *_OWN):
        if "*" not in found.statement.resources:
            continue
        wide = [a.full for a in known_actions(found.statement) if _has_resources(a)]
        if wide or found.statement.actions == ("*",):
            named = ", ".join(wide[:5]) or "every action"
            yield Fault(found.policy.node, f"{named} on all resources", found.statement.text)


@rule("iam-unconditioned-wildcard")
def unconditioned(view: View) -> Iterator[Fault]:
    """`Resource: "*"` stands without the tightest condition that the action knows.

    An action without resource types can often still be limited, for example EC2's describes by
    `ec2:Region` and PutMetricData by `cloudwatch:namespace`.

    Remedy: add a condition on one of the keys named in the message.

    See: https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    for found in allowed(view, *_OWN):
        if "*" not in found.statement.resources:
            continue
        keys = found.statement.condition_keys() | {""}
        for known in known_actions(found.statement):
            own = () if _has_resources(known) else _own_keys(known)
            limited = any(authorization.key_fits(key, own_key) for key in keys for own_key in own)
            if own and not limited and "aws:requestedregion" not in keys:
                message = f"{known.full} on all resources without {' or '.join(own[:4])}"
                yield Fault(found.policy.node, message, found.statement.text)


@rule("iam-wide-arn")
def wide_arn(view: View) -> Iterator[Fault]:
    """An ARN leaves open what could be said: any region, any account, or all of a type.

    Nothing here needs another region or account, and all resources of a type are as good as
    `Resource: "*"`. All of a type under a condition that the action supports, such as a tag, is
    fine: that is how instances that do not exist yet are named.

    Remedy: write the installation's region and account into the ARN; name the resource, or add a
    condition on its tags.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    for found in allowed(view, *_OWN):
        for resource in found.statement.resources:
            text = view.filled(resource)
            if text == "*" or not ARN.fullmatch(text):
                continue
            reason = _open_part(found, text)
            if reason:
                yield Fault(found.policy.node, f"{reason}: {resource}", found.statement.text)


@rule("iam-name-prefix", Severity.WARNING)
def name_prefix(view: View) -> Iterator[Fault]:
    """An ARN ends in a name's beginning and `*`.

    The environment's suffix comes last in a name, so `…-dev*` also means `…-dev2`: a name pattern
    does not separate two installations.

    Remedy: name the exact ARN, end the pattern at a delimiter (`/*`, `:*`), or add a condition on
    the `Environment` tag.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    for found in allowed(view, *_OWN):
        for resource in found.statement.resources:
            text = view.filled(resource)
            if re.search(r"[A-Za-z0-9]\*", text) and not _narrowed(found, text):
                yield Fault(
                    found.policy.node,
                    f"matches other installations: {resource}",
                    found.statement.text,
                )


@rule("iam-managed-policy", Severity.WARNING)
def managed_policy(view: View) -> Iterator[Fault]:
    """A role carries a policy that AWS manages.

    AWS's managed policies fit every account, so they are wider than any one needs (several grant
    `ssm:GetParameter` or `PutMetricData` on everything), and AWS changes them when it likes.
    Administrator and full-access policies are errors.

    Remedy: attach a policy of your own with the actions and ARNs that are used.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-use-aws-defined-policies
    """
    for kind, inputs in _ATTACHMENTS:
        for node in view.of_type(kind):
            for name in inputs:
                for arn in listing(node.inputs.get(name)):
                    if isinstance(arn, str) and ":iam::aws:policy/" in view.filled(arn):
                        full = re.search(r"Administrator|PowerUser|FullAccess|IAMFull", arn)
                        yield Fault(
                            node,
                            f"attaches {arn.rpartition('/')[2]}",
                            text_of(node, name) or [arn],
                            severity=Severity.ERROR if full else None,
                        )


_ATTACHMENTS = (
    ("aws:iam/role:Role", ("managedPolicyArns",)),
    ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", ("policyArn",)),
    ("aws:iam/policyAttachment:PolicyAttachment", ("policyArn",)),
    ("aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive", ("policyArns",)),
)


def _own_keys(known: Action) -> tuple[str, ...]:
    """The keys that tell something about the request itself, not about who sent it through whom.

    A key of another service (xray's `logs:LogGeneratingResourceArns`) is there only when that
    service makes the call.
    """
    own = (f"{known.service}:", "aws:")
    return tuple(key for key in known.supported_keys(()) if key.lower().startswith(own))


def _has_resources(known: Action) -> bool:
    return bool(known.resource_types) and known.full not in WITHOUT_RESOURCES


def _open_part(found: Said, text: str) -> str:
    """What an ARN leaves open, as the beginning of a message; empty where nothing."""
    cut = segments(text)
    for part in ("region", "account"):
        if globs.has_wildcard(cut[part]):
            return f"any {part}"
    if globs.has_wildcard(cut["service"]):
        return "any service"
    if _is_all_of_type(cut["service"], text) and not _narrowed(found, text):
        return "all resources of a type, without a condition on them"
    return ""


def _is_all_of_type(service: str, text: str) -> bool:
    resource = segments(text)["resource"]
    for key in types_of(text, service):
        kind = authorization.resource_type(service, key)
        fixed = segments(kind.arn)["resource"].partition("${")[0] if kind else ""
        rest = resource.removeprefix(fixed)
        if _ALL_OF_A_TYPE.fullmatch(rest) and "*" in rest:
            return True
    return False


def _narrowed(found: Said, text: str) -> bool:
    """Whether a condition limits each action of the statement on this ARN."""
    keys = [c.key for c in found.statement.conditions]
    actions = list(known_actions(found.statement))
    return bool(actions) and all(
        any(
            authorization.supports(known, key, types_of(text, known.service))
            and key.lower() not in authorization.GLOBAL_KEYS
            for key in keys
        )
        for known in actions
    )

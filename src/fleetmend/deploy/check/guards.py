"""Rules on conditions without which a grant can be turned against its owner."""

from collections.abc import Iterator, Mapping

from fleetmend.deploy.check.common import Said, allowed, known_actions
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.iam import globs
from fleetmend.deploy.iam.policies import PolicyKind
from fleetmend.deploy.view import View

TRUST_WITHOUT_SOURCE: Mapping[str, str] = {
    "lambda.amazonaws.com": "Lambda sends no source keys when it assumes an execution role",
    "ec2.amazonaws.com": "EC2 sends no source keys when it assumes an instance profile's role",
    "backup.amazonaws.com": "AWS Backup documents no source keys for its service role "
    "(AWS Backup Developer Guide, IAM service roles)",
}
"""Services that cannot be tied to a source in a trust policy, and why. A role reaches them only
by iam:PassRole, which stays within the account."""

SOURCE_KEYS = frozenset(
    {
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:principalorgid",
        "aws:principalaccount",
        "kms:calleraccount",
        "kms:viaservice",
    }
)
"""Keys that tie an AWS service's call to whom it is made for."""

LOGS_CONTEXT = "kms:encryptioncontext:aws:logs:arn"
"""CloudWatch Logs names its log group by the encryption context instead."""

GUARDS: Mapping[str, tuple[str, str]] = {
    "iam:PassRole": ("iam:PassedToService", "the role could be given to any service"),
    "kms:CreateGrant": (
        "kms:GrantIsForAWSResource",
        "the right to use the key could be handed to anyone",
    ),
    "ec2:ModifyInstanceAttribute": (
        "ec2:Attribute",
        "user data could be rewritten, which runs as root at the next boot",
    ),
    "ec2:CreateTags": (
        "ec2:CreateAction|aws:ResourceTag/|ec2:ResourceTag/|aws:TagKeys|aws:RequestTag/",
        "any instance could be tagged into the scope of any other grant",
    ),
    "kms:Decrypt": (
        "kms:ViaService|kms:EncryptionContext",
        "everything under the key could be read directly",
    ),
    "kms:GenerateDataKey": (
        "kms:ViaService|kms:EncryptionContext",
        "the key could be used directly",
    ),
}
"""Actions, one of the keys that must guard them (a trailing / or no more than a beginning is
enough), and what could be done without."""


@rule("iam-trust-source")
def trust_source(view: View) -> Iterator[Fault]:
    """A role trusts an AWS service without saying for whom it acts.

    The service could be made to use the role on behalf of a stranger (the confused deputy). Lambda,
    EC2 and AWS Backup send no source keys when they assume a role and are left out.

    Remedy: add `aws:SourceAccount`, and `aws:SourceArn` where the source's ARN is known.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    for found in allowed(view, PolicyKind.TRUST):
        services = _services(found)
        open_ones = [name for name in services if name not in TRUST_WITHOUT_SOURCE]
        if open_ones and not found.statement.condition_keys() & SOURCE_KEYS:
            message = f"trusts {', '.join(open_ones)} on anybody's behalf"
            yield Fault(found.policy.node, message, found.statement.text)


@rule("iam-policy-source")
def policy_source(view: View) -> Iterator[Fault]:
    """A queue, topic, key, bucket or function admits an AWS service on anybody's behalf.

    Anyone who can make that service call it, from any account, gets in (the confused deputy).

    Remedy: add conditions on `aws:SourceArn` and `aws:SourceAccount`; for CloudWatch Logs on the
    key's encryption context.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    for found in allowed(view, PolicyKind.RESOURCE):
        services = _services(found)
        keys = found.statement.condition_keys()
        if services and not keys & SOURCE_KEYS and LOGS_CONTEXT not in keys:
            message = f"admits {', '.join(services)} on anybody's behalf"
            yield Fault(found.policy.node, message, found.statement.text)


@rule("iam-public-policy")
def public_policy(view: View) -> Iterator[Fault]:
    """A policy admits everybody.

    Principal `*` in an Allow means anonymous callers and every AWS account.

    Remedy: name the principals, or add a condition on `aws:PrincipalAccount`,
    `aws:PrincipalOrgID`, `aws:SourceAccount` or `aws:SourceArn`.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    for found in allowed(view, PolicyKind.TRUST, PolicyKind.RESOURCE):
        everybody = any("*" in names for names in found.statement.principals.values())
        endpoint = found.policy.node.type.startswith("aws:ec2/vpcEndpoint")
        if everybody and not endpoint and not found.statement.condition_keys() & SOURCE_KEYS:
            yield Fault(found.policy.node, "admits everybody", found.statement.text)


@rule("iam-unguarded")
def unguarded(view: View) -> Iterator[Fault]:
    """A far-reaching action is allowed without the condition that tames it.

    PassRole, CreateGrant, ModifyInstanceAttribute, CreateTags and the use of keys each open a way
    to more rights than were meant.

    Remedy: add a condition on the key named in the message.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    for found in allowed(view, PolicyKind.IDENTITY):
        for known in known_actions(found.statement):
            if known.full not in GUARDS:
                continue
            guard, otherwise = GUARDS[known.full]
            wanted = tuple(key.lower() for key in guard.split("|"))
            if not any(key.startswith(wanted) for key in found.statement.condition_keys()):
                first = guard.split("|", maxsplit=1)[0]
                message = f"{known.full} without {first}: {otherwise}"
                yield Fault(found.policy.node, message, found.statement.text)


@rule("iam-create-log-group", Severity.WARNING)
def create_log_group(view: View) -> Iterator[Fault]:
    """A role may create log groups.

    A function that creates its own log group makes one without retention and without a key, which
    then outlives the installation.

    Remedy: declare the log group, let the function depend on it, and drop the grant.

    See: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    for found in allowed(view, PolicyKind.IDENTITY):
        names = [n for n in found.statement.actions if n != "*" and not globs.has_wildcard(n)]
        if "logs:createloggroup" in {name.lower() for name in names}:
            yield Fault(found.policy.node, "may create log groups", found.statement.text)


def _services(found: Said) -> tuple[str, ...]:
    return found.statement.principals.get("Service", ())

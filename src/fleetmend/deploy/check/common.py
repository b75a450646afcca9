"""What several rules ask of policies."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetmend.deploy.iam import authorization, globs
from fleetmend.deploy.iam.authorization import Action
from fleetmend.deploy.iam.document import Statement
from fleetmend.deploy.iam.policies import Policy, PolicyKind, policies
from fleetmend.deploy.view import View


@dataclass(frozen=True, slots=True)
class Said:
    """One statement and the policy it stands in."""

    policy: Policy
    statement: Statement

    @property
    def kind(self) -> PolicyKind:
        """The kind of its policy."""
        return self.policy.kind


def said(view: View, *kinds: PolicyKind) -> Iterator[Said]:
    """All statements of policies of these kinds (of all, where none is named)."""
    for policy in policies(view):
        if not kinds or policy.kind in kinds:
            for statement in policy.statements:
                yield Said(policy, statement)


def allowed(view: View, *kinds: PolicyKind) -> Iterator[Said]:
    """The statements that allow something."""
    return (found for found in said(view, *kinds) if found.statement.allows)


def known_actions(statement: Statement) -> Iterator[Action]:
    """The actions of a statement that AWS knows, names with wildcards spelt out; not `*`."""
    for name in statement.actions:
        for full in authorization.expand(name) if name != "*" else ():
            found = authorization.action(full)
            if found is not None:
                yield found


def plain_actions(statement: Statement) -> Iterator[Action]:
    """The actions that stand in a statement without wildcards, as far as AWS knows them."""
    for name in statement.actions:
        found = None if globs.has_wildcard(name) else authorization.action(name)
        if found is not None:
            yield found


def is_own_account_root(statement: Statement) -> bool:
    """Whether a key policy's statement hands the key to its account.

    That is AWS's default key policy; without it a key can become unmanageable.
    See https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    names = statement.principals.get("AWS", ())
    return set(statement.principals) == {"AWS"} and all(name.endswith(":root") for name in names)

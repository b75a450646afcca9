"""A role that a function takes for what its own role may not do."""

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.identity import InstallationArgs, tagging
from fleetmend.components.policies import Statement


def taken_role(
    parent: pulumi.Resource,
    name: str,
    installation: InstallationArgs,
    *,
    called: str,
    description: str,
    trust: Statement,
    policy: str,
    grants: list[Statement],
) -> aws.iam.Role:
    """The role, with what it may do.

    Args:
        parent: the component it belongs to.
        name: the component's own name.
        installation: whose role it is.
        called: the role's name in AWS.
        description: what it is for, for people who find it in the console.
        trust: who may take it, without the action.
        policy: the name of its policy.
        grants: the policy's statements.
    """
    child = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        f"{name}-role",
        name=called,
        description=description,
        assume_role_policy=policies.document(
            {"Effect": "Allow", "Action": "sts:AssumeRole", **trust}
        ),
        max_session_duration=3600,
        tags=tagging(installation).tags("iam-role", called),
        opts=child,
    )
    aws.iam.RolePolicy(
        f"{name}-may",
        name=policy,
        role=role.name,
        policy=policies.document(*grants),
        opts=child,
    )
    return role

"""The role that may give a stopped instance another type; there only where asked for.

ModifyInstanceAttribute can rewrite user data, which root runs at the next start. So the right is
no grant of recovery's role but that of another one, narrowed to the type, which only recovery's
function can take.
"""

from typing import TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Naming, partition
from fleetmend.components.policies import Statement
from fleetmend.core.decisions.recovery import CONCERN
from fleetmend.core.instance_types import ORIGINAL


class TypeRoleArgs(TypedDict):
    """What `TypeRole` needs to know."""

    installation: InstallationArgs
    """Whose role it is."""
    account_id: pulumi.Input[str]
    """The account whose instances it changes."""
    taker_arn: pulumi.Input[str]
    """The role of recovery's function, which alone may take this one."""
    tag_key: str
    """The key of the tag without which no instance is changed."""
    tag_value: str
    """The value that tag must have."""


class TypeRole(pulumi.ComponentResource):
    """A role that changes instance types, and marks which type there was; nothing else.

    Example:
        TypeRole("types", {"installation": me, "account_id": account,
                           "taker_arn": recovery.role_arn,
                           "tag_key": "Auto-Recover", "tag_value": "true"})
    """

    role_arn: pulumi.Output[str]
    """The role's ARN."""

    def __init__(
        self, name: str, args: TypeRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:TypeRole", name, {}, opts)
        called = _role_name(naming(args["installation"]))
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=called,
            description="Recovery gives instances without capacity another type with it",
            assume_role_policy=policies.document(
                {
                    "Sid": "RecoveryTakes",
                    "Effect": "Allow",
                    "Principal": {"AWS": args["taker_arn"]},
                    "Action": "sts:AssumeRole",
                }
            ),
            max_session_duration=3600,
            tags=tagging(args["installation"]).tags("iam-role", called),
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-may",
            name="change-types",
            role=role.name,
            policy=policies.document(*grants(args)),
            opts=child,
        )
        self.role_arn = role.arn
        self.register_outputs({"roleArn": self.role_arn})


def grants(args: TypeRoleArgs) -> list[Statement]:
    """What the role may do: the type of tagged instances, and one tag on them.

    `ec2:Attribute` names the parameter of ModifyInstanceAttribute that is set (Service
    Authorization Reference, "Actions, resources, and condition keys for Amazon EC2").
    """
    names = naming(args["installation"])
    instances = [names.arn("ec2", args["account_id"], "instance/*")]
    tagged = {f"ec2:ResourceTag/{args['tag_key']}": args["tag_value"]}
    return [
        policies.allow(
            "ChangesTypes",
            ["ec2:ModifyInstanceAttribute"],
            instances,
            {"StringEquals": {**tagged, "ec2:Attribute": "InstanceType"}},
        ),
        policies.allow(
            "MarksOriginals",
            ["ec2:CreateTags"],
            instances,
            {
                "StringEquals": tagged,
                "ForAllValues:StringEquals": {"aws:TagKeys": [ORIGINAL]},
                # Without it a request with no keys at all would pass (IAM User Guide, "Set
                # operators").
                "Null": {"aws:TagKeys": "false"},
            },
        ),
    ]


def role_arn(names: Naming, account_id: pulumi.Input[str]) -> pulumi.Output[str]:
    """The role's ARN, known before it is made: recovery's function is told, and then trusted."""
    head = f"arn:{partition(names.region)}:iam::"
    return pulumi.Output.concat(head, account_id, f":role/{_role_name(names)}")


def _role_name(names: Naming) -> str:
    return names.role(f"{CONCERN}-types")

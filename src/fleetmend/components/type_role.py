"""The role that may give a stopped instance another type; there only where asked for.

ModifyInstanceAttribute can rewrite user data, which root runs at the next start. So the right is
no grant of recovery's role but that of another one, narrowed to the type, which only recovery's
function can take.
"""

from typing import TypedDict

import pulumi

from fleetmend.components import policies
from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.naming import Naming, partition
from fleetmend.components.policies import Statement
from fleetmend.components.taken import taken_role
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
        role = taken_role(
            self,
            name,
            args["installation"],
            called=_role_name(naming(args["installation"])),
            description="Recovery gives instances without capacity another type with it",
            trust={"Sid": "RecoveryTakes", "Principal": {"AWS": args["taker_arn"]}},
            policy="change-types",
            grants=grants(args),
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

"""A spoke: the role by which compliance looks into one account, and does nothing else there."""

from typing import TypedDict

import pulumi

from fleetmend.components import policies
from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.naming import Naming
from fleetmend.components.taken import taken_role
from fleetmend.core.compliance import CONCERN

DESCRIBES = (
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSnapshots",
    "ec2:DescribeImages",
)
"""One for each kind that a rule can be about."""


class SpokeArgs(TypedDict):
    """What `Spoke` needs to know."""

    installation: InstallationArgs
    """Whose scan it lets in: project and suffix make the role's name, the same in every account."""
    hub_role_arn: pulumi.Input[str]
    """The scanning function's role."""
    external_id: str
    """What that function says when it comes."""
    regions: list[str]
    """Where it may look."""


class Spoke(pulumi.ComponentResource):
    """A role that only reads, only for one function of one installation, only in some regions.

    Example:
        Spoke("spoke", {"installation": me, "hub_role_arn": "arn:aws:iam::111111111111:role/…",
                        "external_id": "fleetmend-prod", "regions": ["eu-west-1"]})
    """

    role_arn: pulumi.Output[str]
    """The role's ARN."""

    def __init__(
        self, name: str, args: SpokeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Spoke", name, {}, opts)
        said = {"StringEquals": {"sts:ExternalId": args["external_id"]}}
        there = {"StringEquals": {"ec2:Region": sorted(args["regions"])}}
        role = taken_role(
            self,
            name,
            args["installation"],
            called=role_name(naming(args["installation"])),
            description="Compliance looks at tags with it, and changes nothing",
            trust={
                "Sid": "HubLooks",
                "Principal": {"AWS": args["hub_role_arn"]},
                "Condition": said,
            },
            policy="look",
            grants=[policies.allow("Looks", DESCRIBES, ["*"], there)],
        )
        self.role_arn = role.arn
        self.register_outputs({"roleArn": self.role_arn})


def role_name(names: Naming) -> str:
    """The role's name, the same in every account."""
    return names.role(f"{CONCERN}-scan")

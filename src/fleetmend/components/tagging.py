"""Tags: the same six on everything that can carry one, plus the user's own.

Provider default tags do not reach what an Auto Scaling group launches, so components set tags
themselves: on the resource, on the group with propagate-at-launch, and in the launch template's
tag specifications.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

OWN_KEYS = frozenset({"Project", "Application", "Environment", "ManagedBy", "ResourceType", "Name"})
"""The keys that Fleetmend sets; a user's tags may not take them."""

MANAGED_BY = "fleetmend"


@dataclass(frozen=True, slots=True)
class Tagging:
    """Makes the tags of one installation.

    `suffix` is the value of `Environment`: it is what tells two installations apart, also in
    the conditions of IAM statements. `extra` are the user's own tags.
    """

    project: str
    application: str
    suffix: str
    extra: Mapping[str, str] = field(default_factory=dict[str, str])

    def tags(self, resource_type: str, name: str) -> dict[str, str]:
        """The tags of one resource, such as `tags("vpc", "fleetmend-vpc-dev")`."""
        return {**self.common, "ResourceType": resource_type, "Name": name}

    @property
    def common(self) -> dict[str, str]:
        """The tags that say whose a resource is, without what and which it is."""
        return {
            **self.extra,
            "Project": self.project,
            "Application": self.application,
            "Environment": self.suffix,
            "ManagedBy": MANAGED_BY,
        }

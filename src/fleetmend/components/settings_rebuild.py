"""The settings of rebuilding: off unless asked for."""

from fleetmend.components.settings_groups import Group
from fleetmend.components.settings_policy import RebuildFields, further
from fleetmend.components.settings_types import (
    ImageOwners,
    RoleArns,
    TagKey,
    VpcIds,
    setting,
    switch,
)


class RebuildSettings(Group):
    """Rebuild: what is made again, and from which tag on."""

    deploy_rebuild: bool = switch(
        "Install the function that keeps blueprints of tagged instances, rebuilds those that were "
        "terminated, and cares for drifted volumes and interfaces. It brings a role that may "
        "launch instances; without it nothing in the installation may.",
        on=False,
    )
    rebuild_tag_key: TagKey = setting(
        "Auto-Rebuild",
        "Instances with this tag are rebuilt.",
        valid="1 to 128 letters, digits, spaces and . : / = + - @ _, not beginning with aws:",
    )
    rebuild_tag_value: str = setting(
        "true",
        "The value that tag must have.",
        valid="1 to 256 letters, digits, spaces and . : / = + - @ _",
        pattern=r"^[\w\s.:/=+\-@]+$",
        max_length=256,
    )
    rebuild_role_arns: RoleArns = setting(
        [],
        "Roles of instance profiles that rebuilt instances may be given. One that is not listed "
        "cannot be handed on, and its instances are not rebuilt.",
        valid="ARNs of IAM roles with commas between them, each once",
    )
    rebuild_vpc_ids: VpcIds = setting(
        [],
        "VPCs that instances may be rebuilt in, beside the installation's own.",
        valid="ids of VPCs with commas between them, each once",
    )
    rebuild_image_owners: ImageOwners = setting(
        ["amazon"],
        "Whose images instances may be rebuilt from, beside this account's.",
        valid="amazon, aws-marketplace or account ids, with commas between them, each once",
    )
    rebuild_terminated: str = setting(
        "rebuild",
        "What becomes of a tagged instance that was terminated and not held.",
        valid="rebuild or alert",
        pattern=r"^(rebuild|alert)$",
    )
    rebuild_drift: str = setting(
        "alert",
        "What becomes of volumes, interfaces and elastic addresses that an instance has lost.",
        valid="alert, reattach, or restore (from the newest snapshot, where it is gone)",
        pattern=r"^(alert|reattach|restore)$",
    )
    rebuild_policy: RebuildFields = further(
        "rebuild", "docs/rebuild.md", '{"most_at_once": 10, "source": "image"}'
    )

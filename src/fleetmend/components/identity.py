"""Which installation a component belongs to: the one argument all components share."""

from typing import NotRequired, TypedDict

from fleetmend.components.naming import Naming
from fleetmend.components.tagging import Tagging


class InstallationArgs(TypedDict):
    """Whose resource it is: gives every component its names and tags."""

    project: str
    """The first word of every name, for example `fleetmend`."""
    suffix: str
    """The environment suffix, such as `dev` or `pr123`: isolates one installation."""
    region: str
    """The AWS region; the component's provider must be one for the same region."""
    application: NotRequired[str]
    """The `Application` tag; the project where it is left out."""
    tags: NotRequired[dict[str, str]]
    """Tags of your own, put on everything."""


def naming(installation: InstallationArgs) -> Naming:
    """The names of this installation."""
    return Naming(installation["project"], installation["suffix"], installation["region"])


def tagging(installation: InstallationArgs) -> Tagging:
    """The tags of this installation."""
    return Tagging(
        installation["project"],
        installation.get("application", installation["project"]),
        installation["suffix"],
        installation.get("tags", {}),
    )

"""Which installation a command talks to: the running lab's, or one in an account."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetmend.cli.failures import wrong
from fleetmend.cli.output import note
from fleetmend.core.events import GROUPS, INSTANCES

if TYPE_CHECKING:
    from fleetmend.aws.installation import Installation

CONCERNS = ("recovery", "rebuild", "health", "remediation")
"""The concerns there are controllers for, with a queue that people can ask."""

SWITCHED = (*CONCERNS, "compliance")
"""The concerns that have a mode."""


@dataclass(frozen=True, slots=True)
class Target:
    """An installation and how it was found. `names` maps ids to the lab's fleet names."""

    installation: "Installation"
    lab: bool
    names: Mapping[str, str]

    def called(self, subject: str) -> str:
        """An instance as people know it: its id, with its name in the lab."""
        name = self.names.get(subject)
        return f"{subject} ({name})" if name else subject

    def subject(self, given: str) -> str:
        """The id of what the user named; in the lab a fleet name will do."""
        ids = {name: subject for subject, name in self.names.items()}
        return ids.get(given, given)

    def told_of(self, concern: str, given: str) -> str:
        """The same, as the subject of a message: the controller could not read another name.

        Raises:
            Failure: it is no name of a subject of this concern.
        """
        subject = self.subject(given)
        kinds = GROUPS if concern == "health" else INSTANCES
        if not kinds.pattern.fullmatch(subject):
            known = ", ".join(sorted(self.names.values())) or "fleetmend status lists what is down"
            raise wrong(f"{given!r} is not {kinds.meaning}", f"give one: {known}")
        return subject

    def speaker(self, by: str | None) -> str:
        """Who speaks: as given, in the lab the user, in an account the AWS identity."""
        if by:
            return by
        return f"{getpass.getuser()} (lab)" if self.lab else self.installation.caller()


def find(*, environment: str | None, project: str, region: str | None, lab: bool | None) -> Target:
    """The installation meant by the options, with a word about which one it is.

    A lab that runs is taken unless an environment is named or `--no-lab` is given: to act in
    the lab by mistake harms nobody.

    Raises:
        Failure: no lab runs and no environment is named, or there is no such installation.
    """
    from fleetmend.aws.installation import Installation, connect  # noqa: PLC0415 -- boto3
    from fleetmend.lab.emulator import state  # noqa: PLC0415

    if lab is True and environment:
        raise wrong("--lab and --environment exclude each other", "leave one of them out")
    running = state.find() if lab is not False and not environment else None
    if running:
        os.environ.update(running.environment)
        note("talking to the lab (--environment SUFFIX talks to an account)")
        installed = Installation.find(
            connect(running.region),
            project=running.installed["project"],
            suffix=running.installed["suffix"],
            region=running.region,
        )
        names = {identity: name for name, identity in running.fleet.items()}
        return Target(installed, lab=True, names=names)
    if lab:
        raise wrong("no lab is running", "start one: fleetmend lab up")
    suffix = environment or os.environ.get("ENVIRONMENT_SUFFIX")
    if not suffix:
        raise wrong(
            "which installation? No lab is running and no environment is named",
            "give --environment SUFFIX, set ENVIRONMENT_SUFFIX, or start a lab: fleetmend lab up",
        )
    if not region:
        raise wrong("no region is given", "give --region, or set AWS_REGION")
    installed = Installation.find(connect(region), project=project, suffix=suffix, region=region)
    return Target(installed, lab=False, names={})


def region(given: str | None, *, lab: bool | None) -> str:
    """The region meant by the options, where no installation is needed.

    A lab that runs is taken unless `--no-lab` is given.

    Raises:
        Failure: no lab runs and no region is named.
    """
    from fleetmend.lab.emulator import state  # noqa: PLC0415 -- boto3

    running = state.find() if lab is not False else None
    if running:
        os.environ.update(running.environment)
        note("talking to the lab (--no-lab talks to an account)")
        return running.region
    if lab:
        raise wrong("no lab is running", "start one: fleetmend lab up")
    if not given:
        raise wrong("no region is given", "give --region, or set AWS_REGION")
    return given


def concern(given: str, known: tuple[str, ...] = CONCERNS) -> str:
    """The concern, if it is one of those known."""
    if given not in known:
        raise wrong(f"{given!r} is no concern", f"there are: {', '.join(known)}")
    return given

"""Plan, bring up and take down the infrastructure, with the engine that is there.

Pulumi is the normal way; where its command is missing, the export is handed to Terraform or
OpenTofu. Both speak in lines: each method is a generator of sentences for a person.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture

EngineName = Literal["auto", "pulumi", "terraform", "tofu"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be deployed.

    Attributes:
        program: The Pulumi program.
        config: Its configuration; keys without a namespace get the project's.
        folder: Where the export and Terraform's state lie. Keep it: it is the state.
        project: Pulumi's project.
        stack: Pulumi's stack.
        secret_keys: Keys of `config` that are secret.
        environment: Variables for the engine beside those of this process.
        endpoints: Service → URL, where AWS is an emulator. Terraform only.
    """

    program: Callable[[], None]
    config: Mapping[str, str]
    folder: Path
    project: str = "fleetmend"
    stack: str = "dev"
    secret_keys: Collection[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])

    def captured(self) -> Graph:
        """The resource graph of the program.

        Raises:
            ProgramError: It cannot be captured.
        """
        return capture(
            self.program,
            config=self.config,
            project=self.project,
            stack=self.stack,
            secret_keys=self.secret_keys,
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """How many resources a plan would change, or a run has changed."""

    add: int = 0
    change: int = 0
    remove: int = 0

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove)

    def __str__(self) -> str:
        return f"{self.add} to add, {self.change} to change, {self.remove} to remove"


class EngineError(Exception):
    """The engine failed. `exists` is what is there now; `remedy` how to go on or back."""

    def __init__(self, message: str, *, remedy: str = "", exists: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.exists = exists


class Engine(Protocol):
    """One of the engines. Read a generator to its end; then `changes` says what came of it."""

    name: str
    changes: Changes

    def plan(self) -> Iterator[str]:
        """What `up` would do.

        Raises:
            EngineError: It could not be found out.
        """
        ...

    def up(self) -> Iterator[str]:
        """Make it so.

        Raises:
            EngineError: Part of it failed; the error says what exists and what to do.
        """
        ...

    def down(self) -> Iterator[str]:
        """Remove everything; the last lines list what remains, and why.

        Raises:
            EngineError: Part of it failed.
        """
        ...

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs after `up`.

        Raises:
            EngineError: Nothing is deployed.
        """
        ...


def choose(
    deployment: Deployment,
    *,
    prefer: EngineName = "auto",
    find: Callable[[str], str | None] = shutil.which,
) -> Engine:
    """The engine to use: the preferred one, or the first that is installed.

    Raises:
        EngineError: None is installed, or not the one that was asked for.
    """
    # Imported late: Pulumi's automation API takes a second that Terraform users need not wait.
    from fleetmend.deploy.engine_pulumi import Pulumi  # noqa: PLC0415
    from fleetmend.deploy.engine_terraform import Terraform  # noqa: PLC0415

    names = ("pulumi", "terraform", "tofu") if prefer == "auto" else (prefer,)
    for name in names:
        command = find(name)
        if command is None or (name == "pulumi" and deployment.endpoints):
            continue
        return Pulumi(deployment) if name == "pulumi" else Terraform(deployment, command)
    wanted = "Pulumi, Terraform or OpenTofu" if prefer == "auto" else prefer
    raise EngineError(
        f"{wanted} is not installed",
        remedy="Install Pulumi (https://www.pulumi.com/docs/install/) or Terraform 1.11, "
        "or write the Terraform configuration with `fleetmend export terraform DIR` and apply it "
        "where Terraform is.",
    )


def remains(graph: Graph) -> list[str]:
    """What stays for a while after everything was removed, by the law of the service.

    Keys: https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html; secrets:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html
    """
    lines: list[str] = []
    for node in graph.of_type("aws:kms/key:Key"):
        days = node.inputs.get("deletionWindowInDays", 30)
        lines.append(
            f"key {node.name}: AWS deletes it after {days} days; until then it can be kept"
        )
    for node in graph.of_type("aws:secretsmanager/secret:Secret"):
        days = node.inputs.get("recoveryWindowInDays", 30)
        if days:
            lines.append(f"secret {node.name}: AWS deletes it after {days} days; its name is taken")
    lines += [
        f"{node.name}: kept on purpose (skipDestroy)"
        for node in graph.nodes
        if node.inputs.get("skipDestroy")
    ]
    return lines

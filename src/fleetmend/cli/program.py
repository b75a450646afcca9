"""Which Pulumi program a command is about, and with what configuration."""

import os
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fleetmend.cli.failures import wrong

if TYPE_CHECKING:
    from fleetmend.core.graph import Graph

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A Pulumi stack file, such as infra/Pulumi.dev.yaml.",
        show_default=False,
    ),
]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting (docs/settings.md); may be repeated, and goes before the file.",
        show_default=False,
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--program",
        metavar="FILE",
        help="Another Pulumi program in Python than the whole installation.",
        show_default=False,
    ),
]

_NAMESPACE = "fleetmend:"


@dataclass(frozen=True, slots=True)
class Program:
    """A program ready to be captured or deployed. `stack` is the environment suffix."""

    declare: Callable[[], None]
    config: Mapping[str, str]
    stack: str

    def captured(self) -> "Graph":
        """Its resource graph.

        Raises:
            CaptureError: what it declares is not sound.
            SettingsError: the configuration is not.
        """
        from fleetmend.deploy.capture import capture  # noqa: PLC0415 -- Pulumi takes a second

        return capture(self.declare, config=self.config, stack=self.stack)


def read(config: Path | None, given: list[str] | None, source: Path | None) -> Program:
    """The program and its configuration; environment variables count too (docs/settings.md).

    Raises:
        Failure: a file or a `--set` cannot be used.
        SettingsError: the settings are wrong: every mistake at once.
    """
    values = {**(_stack_file(config) if config else {}), **_assignments(given or [])}
    if source is not None:
        if not source.is_file():
            raise wrong(f"{source} is no file", "give a Pulumi program written in Python")
        path = str(source)
        stack = values.get("environmentSuffix", "dev")
        return Program(lambda: _run(path), values, stack)

    from fleetmend.components.installation import install  # noqa: PLC0415
    from fleetmend.components.settings import Settings  # noqa: PLC0415

    settings = Settings.from_sources(values, os.environ)
    return Program(lambda: install(settings), values, settings.suffix)


def _run(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


def _assignments(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise wrong(f"--set {text!r} is no assignment", "write --set KEY=VALUE")
        values[key.removeprefix(_NAMESPACE)] = value
    return values


def _stack_file(file: Path) -> dict[str, str]:
    """The configuration in a Pulumi stack file, as Pulumi would hand it to the program."""
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        loaded = cast("Any", YAML(typ="safe", pure=True)).load(file.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise wrong(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    whole = cast("dict[str, object]", loaded) if isinstance(loaded, dict) else {}
    found = whole.get("config")
    if not isinstance(found, dict):
        raise wrong(f"{file} has no `config` mapping", "give a stack file: Pulumi.<stack>.yaml")
    values: dict[str, str] = {}
    for key, value in cast("dict[str, object]", found).items():
        if isinstance(value, dict):
            raise wrong(
                f"{file}: {key} is encrypted, and only Pulumi can decrypt it",
                f"give it by its variable or by --set {key.removeprefix(_NAMESPACE)}=…",
            )
        text = str(value).lower() if isinstance(value, bool) else str(value)
        values[key.removeprefix(_NAMESPACE)] = text
    return values

"""Which Pulumi program a command is about, and with what configuration."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fleetmend.cli.failures import wrong
from fleetmend.cli.output import note

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

_PROJECT = "fleetmend"
_STACK = "dev"


@dataclass(frozen=True, slots=True)
class Program:
    """A program ready to be captured or deployed.

    `stack` is the environment suffix, or what the stack file of another program is called.
    `secrets` are the keys of `config` whose values nobody may see. `production` is not known of
    another program.
    """

    declare: Callable[[], None]
    config: Mapping[str, str]
    stack: str
    secrets: frozenset[str]
    project: str = _PROJECT
    production: bool | None = None

    def captured(self) -> "Graph":
        """Its resource graph.

        Raises:
            CaptureError: what it declares is not sound.
            SettingsError: the configuration is not.
        """
        from fleetmend.deploy.capture import capture  # noqa: PLC0415 -- Pulumi takes a second

        return capture(
            self.declare,
            config=self.config,
            project=self.project,
            stack=self.stack,
            secret_keys=self.secrets,
        )


def read(
    config: Path | None, given: list[str] | None, source: Path | None, *, judging: bool = False
) -> Program:
    """The program and its configuration; environment variables count too (docs/settings.md).

    Args:
        config: a Pulumi stack file.
        given: assignments that go before the file.
        source: another program than the installation.
        judging: nothing is made from it, so that values only Pulumi can decrypt may be left out.

    Raises:
        Failure: a file or a `--set` cannot be used.
        SettingsError: the settings are wrong: every mistake at once.
    """
    from fleetmend.components.settings import HIDDEN, Settings  # noqa: PLC0415

    project = _project_of(source) if source else _PROJECT
    plain, encrypted = _stack_file(config, project) if config else ({}, ())
    values = {**plain, **_assignments(given or [], project)}
    secrets = frozenset({*HIDDEN, *encrypted} & values.keys())
    _tell_encrypted([key for key in encrypted if not _is_given(key, values)], judging=judging)
    if source is not None:
        path, stack = str(source), values.get("environmentSuffix") or _stack_of(config)
        return Program(lambda: _run(path), values, stack, secrets, project)

    from fleetmend.components.installation import install  # noqa: PLC0415

    settings = Settings.from_sources(values, os.environ)
    return Program(
        lambda: install(settings), values, settings.suffix, secrets, production=settings.is_prod
    )


def _is_given(key: str, values: Mapping[str, str]) -> bool:
    return key in values or any(os.environ.get(name) for name in _variables(key))


def _variables(key: str) -> tuple[str, ...]:
    from fleetmend.components.settings import keys  # noqa: PLC0415

    return next((known.variables for known in keys() if known.name == key), ())


def _tell_encrypted(missing: list[str], *, judging: bool) -> None:
    """Values that only Pulumi can decrypt: left out of a judgement, asked for otherwise."""
    if not missing:
        return
    shown = ", ".join(missing)
    if judging:
        note(f"encrypted in the stack file, and left out of the judgement: {shown}")
        return
    variables = ", ".join(name for key in missing for name in _variables(key)[:1])
    raise wrong(
        f"encrypted in the stack file, and only Pulumi can decrypt it: {shown}",
        f"give it by its variable ({variables}), or deploy with `pulumi up` in infra/",
    )


def _run(path: str) -> None:
    from fleetmend.deploy.programs import run  # noqa: PLC0415 -- Pulumi takes a second

    run(path)


def _project_of(source: Path) -> str:
    """The project of another program, from the `Pulumi.yaml` beside it; ours where none is."""
    if not source.is_file():
        raise wrong(f"{source} is no file", "give a Pulumi program written in Python")
    file = source.parent / "Pulumi.yaml"
    if not file.is_file():
        return _PROJECT
    name = _mapping(file).get("name")
    if not isinstance(name, str) or not name:
        raise wrong(f"{file} has no `name`", "give the project one")
    return name


def _stack_of(config: Path | None) -> str:
    """The stack that a file is of: `dev` for `Pulumi.dev.yaml`, and where there is none."""
    found = re.fullmatch(r"Pulumi\.(.+)\.ya?ml", config.name) if config else None
    return found[1] if found else _STACK


def _assignments(given: list[str], project: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise wrong(f"--set {text!r} is no assignment", "write --set KEY=VALUE")
        values[key.removeprefix(f"{project}:")] = value
    return values


def _mapping(file: Path) -> dict[str, object]:
    """The YAML mapping in a file; an empty one where it holds something else."""
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        loaded = cast("Any", YAML(typ="safe", pure=True)).load(file.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise wrong(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    return cast("dict[str, object]", loaded) if isinstance(loaded, dict) else {}


def _stack_file(file: Path, project: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """What a Pulumi stack file sets, and the keys whose values are encrypted in it."""
    found = _mapping(file).get("config")
    if not isinstance(found, dict):
        raise wrong(f"{file} has no `config` mapping", "give a stack file: Pulumi.<stack>.yaml")
    values: dict[str, str] = {}
    encrypted: list[str] = []
    for full, value in cast("dict[str, object]", found).items():
        key = full.removeprefix(f"{project}:")
        if isinstance(value, dict):
            encrypted.append(key)
        else:
            values[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return values, tuple(encrypted)

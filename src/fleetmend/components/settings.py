"""All settings of an installation: read, checked, and every mistake told at once.

Settings come from the Pulumi stack's configuration (`fleetmend:vpcCidr` in
`Pulumi.<stack>.yaml`) and, where that says nothing, from the environment (`FLEETMEND_VPC_CIDR`;
a few have a plain name too, such as `AWS_REGION`). The stack's configuration wins: it is written
down, while an `AWS_REGION` may have come from a shell's profile. An empty variable counts as
absent, as CI systems leave them.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self, cast

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Naming
from fleetmend.components.settings_compliance import ComplianceSettings
from fleetmend.components.settings_groups import (
    BalancerSettings,
    ComputeSettings,
    InstallationSettings,
    NetworkSettings,
)
from fleetmend.components.settings_rebuild import RebuildSettings
from fleetmend.components.settings_remediation import RemediationSettings
from fleetmend.components.settings_rules import RULES
from fleetmend.components.settings_service import (
    AlertSettings,
    ControllerSettings,
    HealthSettings,
    RecoverySettings,
    SecretsSettings,
    StorageSettings,
)
from fleetmend.components.settings_types import Environment
from fleetmend.components.tagging import Tagging
from fleetmend.core import acl, ranges

ENV_PREFIX = "FLEETMEND_"
NAMESPACE = "fleetmend:"
STAND_INS = {"environmentSuffix": "x", "region": "xx-none-1"}
"""What rules are given in place of a required setting that is wrong; they do not read it."""
HIDDEN = frozenset({"alertEmails", "alertWebhooks", "userDataExtra"})
"""Keys whose values are never shown: addresses and tokens, and text that may hold one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the key, its value as given (hidden where secret), and what is valid.

    `source` says where the value came from: `stack configuration`, a variable, or `default`.
    """

    key: str
    value: str
    reason: str
    valid: str
    source: str = ""

    def __str__(self) -> str:
        place = f" ({self.source})" if self.source else ""
        valid = f"; valid: {self.valid}" if self.valid else ""
        return f"{self.key} = {self.value}{place}: {self.reason}{valid}"


class SettingsError(ValueError):
    """The settings are wrong; `problems` holds every mistake."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n".join([f"{count} wrong:", *(f"  {p}" for p in problems)]))


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: where it stands in the model and how it is called from outside."""

    name: str
    group: str
    field: str
    info: FieldInfo

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables it is read from, first found first."""
        extra = cast("dict[str, str]", self.info.json_schema_extra)
        own = ENV_PREFIX + self.field.upper()
        return (own, extra["env"]) if extra["env"] else (own,)

    @property
    def valid(self) -> str:
        """The valid form, for people."""
        return cast("dict[str, str]", self.info.json_schema_extra)["valid"]


class Settings(BaseModel):
    """Every setting, grouped. Make one with `from_sources` or, in a program, `from_pulumi`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    installation: InstallationSettings
    network: NetworkSettings
    compute: ComputeSettings
    balancer: BalancerSettings
    storage: StorageSettings
    secrets: SecretsSettings
    alerts: AlertSettings
    controller: ControllerSettings
    recovery: RecoverySettings
    rebuild: RebuildSettings
    compliance: ComplianceSettings
    remediation: RemediationSettings
    health: HealthSettings

    @classmethod
    def from_sources(cls, config: Mapping[str, str], environ: Mapping[str, str]) -> Self:
        """Settings from a stack's configuration and, after it, the environment.

        Args:
            config: Text by key, with or without `fleetmend:` in front; keys of other
                namespaces, such as `aws:region`, are none of ours.
            environ: The environment variables.

        Raises:
            SettingsError: Something is wrong; it names every mistake.
        """
        given, problems = _collect(config, environ)
        values = {name: value.text for name, value in given.items()}
        try:
            settings = cls.model_validate(_nest(values))
            wrong = frozenset[str]()
        except ValidationError as error:
            found = _field_problems(error, given)
            problems += found
            wrong = frozenset(problem.key for problem in found)
            right = {name: text for name, text in values.items() if name not in wrong}
            settings = cls.model_validate(_nest({**STAND_INS, **right}))
        problems += _rule_problems(settings, wrong, given)
        if problems:
            place = {key.name: index for index, key in enumerate(keys())}
            raise SettingsError(tuple(sorted(problems, key=lambda p: place.get(p.key, -1))))
        return settings

    @classmethod
    def from_pulumi(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Settings of the running Pulumi program.

        Raises:
            SettingsError: Something is wrong; it names every mistake.
        """
        everything = {**get_config_env(), **CONFIG.get()}
        spaces = (f"{pulumi.get_project()}:", NAMESPACE)  # the later wins
        found = {
            name.removeprefix(space): text
            for space in spaces
            for name, text in everything.items()
            if name.startswith(space)
        }
        return cls.from_sources(found, environ)

    @property
    def project(self) -> str:
        """The first word of every name."""
        return self.installation.project

    @property
    def suffix(self) -> str:
        """The environment suffix."""
        return self.installation.environment_suffix

    @property
    def region(self) -> str:
        """The installation's region."""
        return self.installation.region

    @property
    def is_prod(self) -> bool:
        """Whether it is a production installation."""
        return self.installation.environment is Environment.PROD

    @property
    def log_retention_days(self) -> int:
        """How long logs are kept: as set, or 30 days in prod and 14 elsewhere."""
        days = self.controller.log_retention_days
        return days if days is not None else (30 if self.is_prod else 14)

    @property
    def flow_log_retention_days(self) -> int:
        """How long flow logs are kept: as set, or as long as other logs."""
        days = self.network.flow_log_retention_days
        return days if days is not None else self.log_retention_days

    @property
    def kms_deletion_days(self) -> int:
        """How long a deleted key can be brought back: as set, or 30 in prod and 7 elsewhere."""
        days = self.secrets.kms_deletion_days
        return days if days is not None else (30 if self.is_prod else 7)

    @property
    def secret_recovery_days(self) -> int:
        """How long a deleted secret can be brought back: as set, or 30 in prod and 0 elsewhere."""
        days = self.secrets.secret_recovery_days
        return days if days is not None else (30 if self.is_prod else 0)

    @property
    def authorized(self) -> list[ranges.Range]:
        """Who may reach the application."""
        return [ranges.parse(text) for text in self.network.authorized_ip_ranges]

    @property
    def publicly_reached(self) -> bool:
        """Whether somebody outside private address space may reach the application."""
        return not all(ranges.is_private(block) for block in self.authorized)

    @property
    def open_to_world(self) -> list[ranges.Range]:
        """The ranges by which everybody may reach the application; nothing where not."""
        return ranges.open_to_world(self.authorized)

    @property
    def balancer_place(self) -> acl.Balancer:
        """Where clients find the application."""
        if not self.balancer.deploy_balancer:
            return acl.Balancer.NONE
        return acl.Balancer.PUBLIC if self.publicly_reached else acl.Balancer.INTERNAL

    @property
    def identity(self) -> InstallationArgs:
        """What every component is told about whose it is."""
        return {
            "project": self.project,
            "suffix": self.suffix,
            "region": self.region,
            "application": self.installation.application or self.project,
            "tags": dict(self.installation.tags),
        }

    @property
    def naming(self) -> Naming:
        """The installation's names."""
        return naming(self.identity)

    @property
    def tagging(self) -> Tagging:
        """The installation's tags."""
        return tagging(self.identity)


def keys() -> Iterator[Key]:
    """Every setting there is, in the order of the reference page."""
    for group, info in Settings.model_fields.items():
        model = cast("type[BaseModel]", info.annotation)
        for field, inner in model.model_fields.items():
            yield Key(to_camel(field), group, field, inner)


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    source: str


def _collect(
    config: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[dict[str, _Value], list[Problem]]:
    """What is given for each key, and a problem for every key that there is not."""
    known = {key.name: key for key in keys()}
    given: dict[str, _Value] = {}
    problems: list[Problem] = []
    for full, text in config.items():
        name = full.removeprefix(NAMESPACE)
        if name in known:
            given[name] = _Value(text, "stack configuration")
        elif ":" not in name:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/settings.md lists them all"
            problems.append(Problem(name, "(hidden)", "there is no such setting", hint))
    for key in known.values():
        for variable in key.variables:
            if key.name not in given and environ.get(variable, "") != "":
                given[key.name] = _Value(environ[variable], f"variable {variable}")
    return given, problems


def _nest(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Values by flat key, handed to the groups they belong to."""
    nested: dict[str, dict[str, object]] = {name: {} for name in Settings.model_fields}
    for key in keys():
        if key.name in values:
            nested[key.group][key.field] = values[key.name]
    return nested


def _field_problems(error: ValidationError, given: Mapping[str, _Value]) -> list[Problem]:
    by_place = {(key.group, key.field): key for key in keys()}
    found: list[Problem] = []
    for detail in error.errors(include_url=False, include_input=False):
        group, field, *rest = detail["loc"]
        key = by_place[str(group), str(field)]
        item = f"item {rest[0] + 1}: " if rest and isinstance(rest[0], int) else ""
        reason = REASONS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
        found.append(_problem(key, item + reason, given))
    return found


def _rule_problems(
    settings: Settings, wrong: frozenset[str], given: Mapping[str, _Value]
) -> list[Problem]:
    by_name = {key.name: key for key in keys()}
    return [
        _problem(by_name[name], reason, given)
        for rule in RULES
        if not rule.reads & wrong
        for name, reason in rule.find(settings)
    ]


REASONS = {
    "missing": "must be given",
    "string_pattern_mismatch": "not of the valid form",
    "enum": "no such choice",
    "int_parsing": "not a whole number",
    "int_from_float": "not a whole number",
    "bool_parsing": "neither true nor false",
    "greater_than_equal": "too small",
    "less_than_equal": "too large",
    "string_too_long": "too long",
    "string_too_short": "too short",
}
"""What pydantic's error types are to a reader, where its own message speaks of patterns."""


def _problem(key: Key, reason: str, given: Mapping[str, _Value]) -> Problem:
    value = given.get(key.name)
    if value is None:
        default = key.info.get_default(call_default_factory=True)
        shown = "(not set)" if key.info.is_required() or default is None else f"{default!s}"
        return Problem(key.name, shown, reason, key.valid)
    shown = "(hidden)" if key.name in HIDDEN else repr(value.text[:120])
    return Problem(key.name, shown, reason, key.valid, value.source)

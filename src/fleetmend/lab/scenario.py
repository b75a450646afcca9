"""The scenario file: what a fleet looks like, what happens to it, what must come of it.

The contract is spec 07's. A file that cannot be used is refused with every mistake at once,
each with file, line and key. Nothing here knows the worlds that play it.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Literal, cast

from pydantic import ConfigDict, Field, ValidationError

from fleetmend.components.marked import (
    FileUnusable,
    Marked,
    Path,
    hint,
    parse,
    read_text,
    validated,
)
from fleetmend.core.model import Selector
from fleetmend.core.rules import Rules
from fleetmend.lab.entries import mappings, one_word
from fleetmend.lab.makeup import Part, Parts
from fleetmend.lab.vocabulary import (
    POLICIES,
    ComplianceOverrides,
    End,
    HealthOverrides,
    Policy,
    PolicyOverrides,
    RebuildOverrides,
    RemediationOverrides,
    RulesInForce,
)
from fleetmend.lab.words import (
    EXPECTATIONS,
    FROM_FILE,
    VERBS,
    Expectation,
    Verb,
    Word,
    roles,
    seconds,
)

__all__ = ["Instances", "Scenario", "ScenarioError", "Step", "load", "loads"]

AFTERMATH = 1800.0
"""Seconds a scenario goes on after its last entry when it does not say `end`."""

FASTEST = 200
"""Scenario seconds per real second: beyond it a run takes longer than the promises it must keep."""


class ScenarioError(FileUnusable):
    """A scenario that cannot be used: every mistake found, with file, line and key."""


class Instances(Part):
    """Instances that share a name; the k-th is called `name-k`."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="the fleet name")
    count: int = Field(default=1, ge=1, le=200_000, description="how many")
    tags: dict[str, str] = Field(
        default_factory=dict[str, str],
        description='their tags; a value `"+2h"` is that long from the start, as ISO time',
    )
    type: str = Field(default="t3.micro", description="instance type")
    zone: str | None = Field(default=None, description="the zone of all; spread if left out")
    zones: int = Field(default=2, ge=1, le=6, description="over how many zones they are spread")
    lifecycle: Literal["normal", "spot"] = Field(default="normal", description="how it is bought")
    state: Literal["running", "stopped"] = Field(default="running", description="at the start")
    operator: str = Field(default="", description="the service provider that runs them, if any")
    root: bool = Field(default=True, description="whether the root volume is attached")
    protected: bool = Field(default=False, description="whether EC2 protects them from stops")
    parts: Parts = Field(default=Parts(), description="what they are made of")
    branch: str = Field(
        default="", description="`account/region` they are in; the installation's if left out"
    )


class Group(Part):
    """An Auto Scaling group; its k-th instance is called `name-k`."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="the group's name")
    min: int = Field(default=0, ge=0, description="smallest size")
    desired: int = Field(ge=0, le=1000, description="size at the start")
    max: int = Field(default=1000, ge=0, description="largest size")
    zones: int = Field(default=2, ge=1, le=6, description="over how many zones it spans")
    tags: dict[str, str] = Field(default_factory=dict[str, str], description="passed on to all")
    balanced: bool = Field(default=False, description="whether a balancer checks its instances")
    type: str = Field(default="t3.micro", description="instance type")


class Fleet(Part):
    """All there is in the account and region."""

    instances: tuple[Instances, ...] = Field(default=(), description="instances by name")
    groups: tuple[Group, ...] = Field(default=(), description="Auto Scaling groups")
    vpc_tags: dict[str, str] = Field(default={}, description="the tags of their VPC")
    creator: str = Field(default="", description="who launched them, as CloudTrail says")


class Installed(Part):
    """Settings of the installation, as an operator would set them before the start."""

    recovery: PolicyOverrides = Field(
        default_factory=dict[str, Any],
        description="recovery's settings by name; durations as `5m`",
    )
    rebuild: RebuildOverrides = Field(
        default_factory=dict[str, Any],
        description="rebuild's settings by name",
    )
    health: HealthOverrides = Field(
        default_factory=dict[str, Any], description="health's settings by name"
    )
    remediation: RemediationOverrides = Field(
        default_factory=dict[str, Any], description="remediation's settings by name"
    )
    compliance: ComplianceOverrides = Field(
        default_factory=dict[str, Any], description="compliance's settings by name"
    )
    mode: Literal["off", "observe", "act"] = Field(default="act", description="the kill switch")


@dataclass(frozen=True)
class Step:
    """One timeline entry: `at` in seconds of scenario time, and what happens."""

    at: float
    verb: Verb


@dataclass(frozen=True)
class Member:
    """One instance of the fleet at the start, spelled out."""

    name: str
    type: str
    zone: str
    tags: Mapping[str, str]
    lifecycle: str = "normal"
    state: str = "running"
    group: str = ""
    operator: str = ""
    root: bool = True
    protected: bool = False
    parts: Parts = dataclasses.field(default_factory=Parts)
    branch: str = ""


class Scenario(Part):
    """A scenario ready to be played. Build it in code, or `load` it from a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str = Field(min_length=1, description="one line for people")
    concern: Literal["recovery", "rebuild", "health", "remediation", "compliance"] = Field(
        default="recovery", description="whose controller is at work"
    )
    seed: int = Field(default=1, ge=0, description="everything random comes from it")
    region: str = Field(
        default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="the AWS region"
    )
    fleet: Fleet = Field(description="what there is at the start")
    rules: RulesInForce = Field(
        default=Rules(()), description="the tag rules in force, as in a rules file"
    )
    settings: Installed = Field(default=Installed(), description="the installation's settings")
    worlds: tuple[Literal["sim", "emulator"], ...] = Field(
        default=("sim", "emulator"), description="where it can be played"
    )
    speed: float = Field(
        default=60.0,
        gt=0,
        le=FASTEST,
        description="over the wire: scenario seconds per real second at most, to be played truly",
    )
    timeline: tuple[Step, ...] = Field(default=(), description="what happens, and when")
    expect: tuple[Expectation, ...] = Field(default=(), description="what must come of it")

    @property
    def overrides(self) -> Mapping[str, Any]:
        """The settings of the controller at work."""
        return cast("Mapping[str, Any]", getattr(self.settings, self.concern))

    @property
    def policy(self) -> type[Policy]:
        """The kind of policy that the controller at work has."""
        return POLICIES[self.concern]

    @property
    def selector(self) -> Selector:
        """The tag that puts an instance in scope of the controller at work."""
        given = self.overrides.get("selector")
        default: Selector = getattr(self.policy(), "selector", Selector())
        return Selector(**given) if given else default

    @property
    def end(self) -> float:
        """When it is over, in seconds of scenario time."""
        ends = [step.at for step in self.timeline if isinstance(step.verb, End)]
        return ends[0] if ends else max((s.at for s in self.timeline), default=0.0) + AFTERMATH

    def members(self) -> Iterator[Member]:
        """Every instance at the start, in the file's order, groups last."""
        for part in self.fleet.instances:
            for k in range(part.count):
                zone = part.zone or self.zone(k % part.zones)
                yield Member(
                    f"{part.name}-{k + 1}",
                    part.type,
                    zone,
                    part.tags,
                    part.lifecycle,
                    part.state,
                    operator=part.operator,
                    root=part.root,
                    protected=part.protected,
                    parts=part.parts,
                    branch=part.branch,
                )
        for group in self.fleet.groups:
            for k in range(group.desired):
                zone = self.zone(k % group.zones)
                name = f"{group.name}-{k + 1}"
                yield Member(name, group.type, zone, group.tags, group=group.name)

    def zone(self, k: int) -> str:
        """The k-th zone of the region, from 0."""
        return f"{self.region}{'abcdef'[k]}"

    def expand(self, subject: str) -> tuple[str, ...]:
        """The instance names a subject stands for; empty when the fleet has no such name."""
        for part in (*self.fleet.instances, *self.fleet.groups):
            size = part.count if isinstance(part, Instances) else part.desired
            if subject == part.name:
                return tuple(f"{part.name}-{k + 1}" for k in range(size))
            name, _, number = subject.rpartition("-")
            if name == part.name and number.isdecimal() and 1 <= int(number) <= size:
                return (subject,)
        return ()


def load(file: File) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: with every mistake found, an unreadable file included.
    """
    return loads(read_text(file, ScenarioError), str(file))


def loads(text: str, file: str = "<text>") -> Scenario:
    """Read a scenario from text; `file` is the name used in messages.

    Raises:
        ScenarioError: with every mistake found.
    """
    marked = parse(text, file, ScenarioError)
    if not isinstance(marked.value, dict):
        marked.complain((), "a scenario is a mapping with `name`, `fleet`, `timeline`, `expect`")
        raise marked.refused()
    head = dict(cast("dict[str, Any]", marked.value))
    timeline = list(_steps(marked, head.pop("timeline", None)))
    expect = list(_expectations(marked, head.pop("expect", None)))
    scenario = validated(marked, Scenario, head, (), context=FROM_FILE)
    shown = scenario or _just_fleet(head)
    if shown is not None:
        _check_fleet(marked, shown)
        _check_names(marked, shown, [(path, step.verb) for path, step in timeline])
        _check_names(marked, shown, expect)
    steps = sorted((step for _, step in timeline), key=lambda step: step.at)
    ends = [step.at for step in steps if isinstance(step.verb, End)]
    for path, step in timeline:
        if ends and step.at > ends[0]:
            marked.complain(path, "comes after the end")
    if marked.problems or scenario is None:
        raise marked.refused()
    return scenario.model_copy(
        update={"timeline": tuple(steps), "expect": tuple(word for _, word in expect)}
    )


def _just_fleet(head: Mapping[str, Any]) -> Scenario | None:
    """A scenario with the fleet alone, so that one mistake above hides none below."""
    try:
        return Scenario(name="-", fleet=Fleet.model_validate(head.get("fleet"), by_name=False))
    except ValidationError:
        return None


def _steps(marked: Marked, value: object) -> Iterator[tuple[Path, Step]]:
    """The timeline; entries that are wrong are complained about and left out."""
    for k, entry in mappings(marked, value, "timeline"):
        path: Path = ("timeline", k)
        rest = dict(entry)
        at = _offset(marked, path, rest)
        verb = one_word(marked, path, rest, VERBS, "verb")
        if verb is not None and at is not None:
            yield path, Step(at, cast("Verb", verb))


def _offset(marked: Marked, path: Path, entry: dict[str, Any]) -> float | None:
    if "at" not in entry:
        marked.complain(path, "without `at`: when does it happen? Write at: 10s")
        return None
    try:
        return seconds(entry.pop("at"))
    except ValueError as error:
        marked.complain((*path, "at"), str(error))
        return None


def _expectations(marked: Marked, value: object) -> Iterator[tuple[Path, Expectation]]:
    """What is expected; entries that are wrong are complained about and left out."""
    for k, entry in mappings(marked, value, "expect"):
        word = one_word(marked, ("expect", k), dict(entry), EXPECTATIONS, "expectation")
        if word is not None:
            yield ("expect", k), cast("Expectation", word)


def _check_fleet(marked: Marked, scenario: Scenario) -> None:
    """Names that are twice or could be read two ways, sizes and zones that cannot be."""
    seen: set[str] = set()
    parts = [("instances", k, p) for k, p in enumerate(scenario.fleet.instances)]
    groups = [("groups", k, p) for k, p in enumerate(scenario.fleet.groups)]
    names = {part.name for _, _, part in (*parts, *groups)}
    for key, k, part in (*parts, *groups):
        path: Path = ("fleet", key, k)
        stem, _, number = part.name.rpartition("-")
        if part.name in seen:
            marked.complain((*path, "name"), f"the name {part.name!r} is there twice")
        elif number.isdecimal() and stem in names:
            marked.complain(
                (*path, "name"), f"could be number {number} of {stem!r}: choose another"
            )
        seen.add(part.name)
    for _, k, part in parts:
        zone = part.zone
        if zone is not None and not _is_zone(scenario, zone):
            marked.complain(("fleet", "instances", k, "zone"), _bad_zone(scenario, zone))
    for _, k, group in groups:
        if not group.min <= group.desired <= group.max:
            marked.complain(("fleet", "groups", k), "min ≤ desired ≤ max does not hold")


def _is_zone(scenario: Scenario, zone: str) -> bool:
    return zone in {scenario.zone(k) for k in range(6)}


def _bad_zone(scenario: Scenario, zone: str) -> str:
    return f"{zone!r} is no zone of {scenario.region}: write {scenario.zone(0)}"


def _check_names(marked: Marked, scenario: Scenario, words: Iterable[tuple[Path, Word]]) -> None:
    """Every subject and zone that words name exists."""
    names = [part.name for part in (*scenario.fleet.instances, *scenario.fleet.groups)]
    for path, word in words:
        for field, info in type(word).model_fields.items():
            value = getattr(word, field)
            marks = roles(info.annotation, info.metadata)
            place = (*path, word.word if field == word.short else (info.alias or field))
            if "subject" in marks and value is not None and not scenario.expand(value):
                marked.complain(place, f"no {value!r} in the fleet{hint(str(value), names)}")
            if "zone" in marks and value is not None and not _is_zone(scenario, value):
                marked.complain(place, _bad_zone(scenario, value))

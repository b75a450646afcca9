"""The rules file: tag rules as people write them, checked with file and line, made into core's.

A file that is wrong anywhere is refused as a whole, with every mistake named, so that the rules
which are in force stay in force (docs/compliance.md shows the form).
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path as File
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from fleetmend.components.marked import (
    FileUnusable,
    Marked,
    Path,
    hint,
    parse,
    read_text,
    validated,
)
from fleetmend.core.rules import Remedy, Rule, Rules, Severity, encode

KINDS = ("instance", "volume", "interface", "snapshot", "image")
"""What a rule can ask a tag of."""

MOST_RULES = 200

_GRACE = re.compile(r"([1-9]\d{0,3})([dh])")

Kind = Literal["instance", "volume", "interface", "snapshot", "image"]
Source = Literal["group", "vpc", "creator"]


class RulesError(FileUnusable):
    """A rules file that cannot be used: every mistake found, with file, line and key."""


def _key(value: str) -> str:
    """A tag's key (EC2 User Guide, "Tag restrictions")."""
    if not 1 <= len(value) <= 128:
        raise ValueError("a tag's key has 1 to 128 characters")
    if value.lower().startswith("aws:"):
        raise ValueError("keys that begin with aws: belong to AWS, which nobody can set")
    return value


def _value(value: str) -> str:
    if len(value) > 256:
        raise ValueError("a tag's value has 256 characters at most")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from None
    return value


def _grace(value: object) -> object:
    """A grace in hours or days: whoever is told at night reads it in the morning."""
    match = _GRACE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no length such as 7d or 12h")
    return timedelta(**{"d": {"days": int(match[1])}, "h": {"hours": int(match[1])}}[match[2]])


def _listed(value: object) -> object:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("something stands in it twice")
    return values


Key = Annotated[str, AfterValidator(_key)]
Value = Annotated[str, AfterValidator(_value)]
Values = Annotated[
    list[Value], BeforeValidator(_listed), AfterValidator(_unique), Field(min_length=1)
]


class RuleEntry(BaseModel):
    """One rule of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="what findings call it")
    tag: Key = Field(description="the key that must be there")
    severity: Literal["error", "warning", "info"] = Field(
        default="error", description="how much a violation matters"
    )
    applies_to: Annotated[
        list[Kind], BeforeValidator(_listed), AfterValidator(_unique), Field(min_length=1)
    ] = Field(default=["instance"], description="kinds of resources")
    when: dict[Key, Values] = Field(
        default_factory=dict[str, list[str]],
        description="only resources whose own tags have one of these values; `*` is any",
    )
    allowed: Values | None = Field(default=None, description="the values that will do")
    pattern: Annotated[str, AfterValidator(_pattern)] = Field(
        default="", description="a regular expression that the whole value matches"
    )
    default: Value = Field(default="", description="what to fill in where it is missing")
    sources: Annotated[list[Source], BeforeValidator(_listed), AfterValidator(_unique)] = Field(
        default=[], alias="from", description="where to take a missing value from"
    )

    remedies: Annotated[
        list[Literal["fill", "notify", "stop"]],
        BeforeValidator(_listed),
        AfterValidator(_unique),
    ] = Field(default=[], alias="remedy", description="what remediation may do about a violation")
    stop_after: Annotated[timedelta, BeforeValidator(_grace)] | None = Field(
        default=None, description="how long an owner has, once told, before the instance is stopped"
    )

    def rule(self) -> Rule:
        """The rule as the core judges by it."""
        return Rule(
            name=self.name,
            key=self.tag,
            severity=Severity(self.severity),
            kinds=tuple(self.applies_to),
            when={key: tuple(values) for key, values in self.when.items()},
            allowed=tuple(self.allowed or ()),
            pattern=self.pattern,
            default=self.default,
            sources=tuple(self.sources),
            remedies=tuple(map(Remedy, self.remedies)),
            grace=self.stop_after or timedelta(),
        )


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    owner_tag: Key = "Owner"


def load(file: File) -> Rules:
    """Read a rules file.

    Raises:
        RulesError: with every mistake found, an unreadable file included.
    """
    return loads(read_text(file, RulesError), str(file))


def compiled(file: File) -> str:
    """The rules in a file as the JSON that a function reads.

    Raises:
        RulesError: with every mistake found, an unreadable file included.
    """
    return encode(load(file)).decode()


def loads(text: str, file: str = "<text>") -> Rules:
    """Read rules from text; `file` is the name used in messages.

    Raises:
        RulesError: with every mistake found.
    """
    marked = parse(text, file, RulesError)
    if not isinstance(marked.value, dict):
        marked.complain((), "rules are a mapping with `rules` and perhaps `owner_tag`")
        raise marked.refused()
    head = dict(cast("dict[str, Any]", marked.value))
    entries = head.pop("rules", None)
    for key in sorted(head.keys() - {"owner_tag"}):
        del head[key]
        marked.complain((key,), f"unknown key{hint(key, ('owner_tag', 'rules'))}")
    top = validated(marked, _Head, head, ())
    found = dict(_entries(marked, entries))
    _judge(marked, found)
    if marked.problems or top is None:
        raise marked.refused()
    rules = Rules(tuple(entry.rule() for entry in found.values()), owner_key=top.owner_tag)
    version = hashlib.sha256(encode(rules)).hexdigest()[:12]
    return Rules(rules.rules, version, rules.owner_key)


def _entries(marked: Marked, value: object) -> Iterator[tuple[Path, RuleEntry]]:
    """The rules that can be read; what is wrong with the others is complained about."""
    if not isinstance(value, list) or not value:
        marked.complain(("rules",), "must be a list of at least one rule")
        return
    items = cast("list[object]", value)
    if len(items) > MOST_RULES:
        marked.complain(("rules",), f"{len(items)} rules; {MOST_RULES} is the most")
        return
    for k, item in enumerate(items):
        path: Path = ("rules", k)
        if not isinstance(item, dict):
            marked.complain(path, "must be a mapping, such as {name: owner, tag: Owner}")
            continue
        entry = validated(marked, RuleEntry, cast("dict[str, Any]", item), path)
        if entry is not None:
            yield path, entry


def _judge(marked: Marked, entries: dict[Path, RuleEntry]) -> None:
    """What each entry alone cannot know, and what contradicts itself within one."""
    seen: set[str] = set()
    for path, entry in entries.items():
        rule = entry.rule()
        if entry.name in seen:
            marked.complain((*path, "name"), f"there is a rule {entry.name!r} already")
        seen.add(entry.name)
        if rule.pattern and rule.allowed:
            marked.complain((*path, "pattern"), "with `allowed` it says the same twice: keep one")
        elif "" in rule.allowed:
            marked.complain((*path, "allowed"), "an empty value never satisfies a rule")
        elif rule.default and not rule.accepts(rule.default):
            marked.complain((*path, "default"), f"{rule.default!r} is not what the rule accepts")
        for key, text in _misfits(rule):
            marked.complain((*path, key), text)


def _misfits(rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule's remedies lack: key, and what to write."""
    stops = Remedy.STOP in rule.remedies
    if rule.remedies and "instance" not in rule.kinds:
        yield "remedy", "only instances are remedied: add `instance` to `applies_to`"
    if Remedy.FILL in rule.remedies and not (rule.default or rule.sources):
        yield "remedy", "`fill` needs a value: give `default`, `from` or both"
    if stops and not rule.grace:
        yield "remedy", "`stop` needs a grace: give `stop_after`, such as 7d"
    if rule.grace and not stops:
        yield "stop_after", "nothing is stopped: add `stop` to `remedy`, or leave it out"

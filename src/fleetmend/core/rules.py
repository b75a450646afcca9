"""Tag rules, and what a resource does against them: pure, so that a scan is only a fold.

People write rules in YAML, which the tools validate with file and line; what reaches a function
is the canonical JSON made here. A rule asks for one key on the resources it selects.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Protocol, cast

SCHEMA = 1


class Severity(StrEnum):
    """How much a violation matters; `error` alone makes a command exit with 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Problem(StrEnum):
    """What is wrong with a tag. A near miss is somebody's typing, not somebody's neglect."""

    MISSING = "missing"
    NEAR_KEY = "near-key"  # `environment` for `Environment`
    NEAR_VALUE = "near-value"  # `prod ` for `prod`
    NOT_ALLOWED = "not-allowed"
    EMPTY = "empty"


class Remedy(StrEnum):
    """What may be done about a violation of a rule; nothing where the rule names none."""

    FILL = "fill"  # a tag that is missing gets the rule's value; one that is there is never changed
    NOTIFY = "notify"  # its owner is told
    STOP = "stop"  # its owner is told, and once the grace is over the instance is stopped


class RulesUnreadable(ValueError):
    """The bytes are not compiled rules; the message names the place."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One required tag.

    `kinds` are resource kinds (`instance`, `volume`, ...). `when` selects by the resource's own
    tags: every key must have one of the listed values; `*` is any value. `allowed` and `pattern`
    bound the value (a pattern matches the whole value); with neither, any value but an empty one
    will do. `default` and `sources` are where remediation may take a missing value from.
    `remedies` are what it may do at all, and `grace` is how long an owner has before a stop.
    """

    name: str
    key: str
    severity: Severity = Severity.ERROR
    kinds: tuple[str, ...] = ("instance",)
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    default: str = ""
    sources: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    grace: timedelta = timedelta()

    def selects(self, kind: str, tags: Mapping[str, str]) -> bool:
        """Whether the rule is about this resource."""
        return kind in self.kinds and all(
            key in tags and ("*" in values or tags[key] in values)
            for key, values in self.when.items()
        )

    def accepts(self, value: str) -> bool:
        """Whether the value is one of those the rule asks for."""
        if self.allowed and value not in self.allowed:
            return False
        if self.pattern and not _compiled(self.pattern).fullmatch(value):
            return False
        return bool(value)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force. `owner_key` is the tag that says whose a resource is."""

    rules: tuple[Rule, ...]
    version: str = ""
    owner_key: str = "Owner"


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one resource breaks.

    `found` is the near miss or the value at fault, `expected` what would do, for people.
    """

    rule: str
    key: str
    severity: Severity
    problem: Problem
    found: str = ""
    expected: str = ""


def judge(rules: Rules, kind: str, tags: Mapping[str, str]) -> tuple[Violation, ...]:
    """Every violation of one resource, in the order of the rules.

    It depends on this resource alone: not on the order of pages, and on no other resource.
    """
    found = (_judge(rule, tags) for rule in rules.rules if rule.selects(kind, tags))
    return tuple(violation for violation in found if violation)


def _judge(rule: Rule, tags: Mapping[str, str]) -> Violation | None:
    def violation(problem: Problem, found: str = "") -> Violation:
        return Violation(rule.name, rule.key, rule.severity, problem, found, _expected(rule))

    if rule.key not in tags:
        near = sorted(key for key in tags if _plain(key) == _plain(rule.key))
        return violation(Problem.NEAR_KEY, near[0]) if near else violation(Problem.MISSING)
    value = tags[rule.key]
    if rule.accepts(value):
        return None
    if not value.strip():
        return violation(Problem.EMPTY, value)
    near_value = any(_plain(value) == _plain(allowed) for allowed in rule.allowed) or (
        bool(rule.pattern) and not rule.allowed and rule.accepts(value.strip())
    )
    return violation(Problem.NEAR_VALUE if near_value else Problem.NOT_ALLOWED, value)


class Fault(Protocol):
    """What a violation and a finding have in common."""

    @property
    def key(self) -> str:
        """The key that should be there."""
        ...

    @property
    def problem(self) -> Problem:
        """What is wrong with it."""
        ...

    @property
    def found(self) -> str:
        """The near miss, or the value at fault."""
        ...

    @property
    def expected(self) -> str:
        """What would do."""
        ...


def told(fault: Fault) -> str:
    """What is wrong with a tag, as a sentence."""
    match fault.problem:
        case Problem.MISSING:
            return f"no tag {fault.key}"
        case Problem.NEAR_KEY:
            return f"{fault.found!r} instead of {fault.key!r}"
        case Problem.NEAR_VALUE:
            return f"{fault.key}={fault.found!r} is nearly {fault.expected}"
        case Problem.EMPTY:
            return f"{fault.key} is empty; {fault.expected} would do"
        case Problem.NOT_ALLOWED:
            return f"{fault.key}={fault.found!r} is not {fault.expected}"


def _expected(rule: Rule) -> str:
    if rule.allowed:
        return "one of " + ", ".join(rule.allowed)
    return f"matching {rule.pattern}" if rule.pattern else "any value"


def _plain(text: str) -> str:
    """What is left of a word when case, blanks, dashes, width and invisible signs are taken off."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(
        sign for sign in folded if sign not in "-_ ." and unicodedata.category(sign)[0] not in "CZ"
    )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def encode(rules: Rules) -> bytes:
    """Canonical JSON: the same rules have the same bytes."""
    body = {
        "schema": SCHEMA,
        "version": rules.version,
        "owner_key": rules.owner_key,
        "rules": [
            {
                "name": rule.name,
                "key": rule.key,
                "severity": rule.severity.value,
                "kinds": list(rule.kinds),
                "when": {key: list(values) for key, values in rule.when.items()},
                "allowed": list(rule.allowed),
                "pattern": rule.pattern,
                "default": rule.default,
                "sources": list(rule.sources),
                **_remedies(rule),
            }
            for rule in rules.rules
        ],
    }
    return (json.dumps(body, sort_keys=True, indent=1) + "\n").encode()


def _remedies(rule: Rule) -> dict[str, object]:
    """Left out where there are none, so that rules without any keep the bytes they had."""
    if not rule.remedies:
        return {}
    listed = [remedy.value for remedy in rule.remedies]
    return {"remedies": listed, "grace": rule.grace.total_seconds()}


def decode(body: bytes) -> Rules:
    """The rules in `body`.

    Raises:
        RulesUnreadable: anything but rules that `encode` wrote; the last good ones stay in force.
    """
    try:
        loaded = _object(json.loads(body))
        schema = loaded["schema"]
        listed = cast("list[object]", loaded["rules"])
        rules = tuple(_rule(_object(rule), f"rules[{n}]") for n, rule in enumerate(listed))
        read = Rules(rules, _text(loaded, "version"), _text(loaded, "owner_key"))
    except RulesUnreadable:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RulesUnreadable(f"{type(error).__name__}: {error}") from error
    if schema != SCHEMA:
        raise RulesUnreadable(f"schema {schema!r}; this release reads {SCHEMA}")
    return read


def _rule(body: Mapping[str, object], place: str) -> Rule:
    try:
        pattern = _text(body, "pattern")
        re.compile(pattern)
        return Rule(
            name=_text(body, "name"),
            key=_text(body, "key"),
            severity=Severity(_text(body, "severity")),
            kinds=_texts(body["kinds"]),
            when={key: _texts(values) for key, values in _object(body["when"]).items()},
            allowed=_texts(body["allowed"]),
            pattern=pattern,
            default=_text(body, "default"),
            sources=_texts(body["sources"]),
            remedies=tuple(map(Remedy, _texts(body.get("remedies", [])))),
            grace=_seconds(body.get("grace", 0)),
        )
    except (KeyError, OverflowError, TypeError, ValueError, re.error) as error:
        raise RulesUnreadable(f"{place}: {type(error).__name__}: {error}") from error


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return cast("Mapping[str, object]", value)


def _text(body: Mapping[str, object], key: str) -> str:
    value = body[key]
    if not isinstance(value, str):
        raise TypeError(f"{key}: {value!r} is not text")
    return value


def _seconds(value: object) -> timedelta:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
        raise TypeError(f"grace: {value!r} is no number of seconds")
    return timedelta(seconds=value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    items = cast("Iterable[object]", value)
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(cast("list[object]", value)):
        raise TypeError(f"{value!r} holds something that is not text")
    return texts

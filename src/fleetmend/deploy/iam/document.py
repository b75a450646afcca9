"""Policy documents as data, with the graph's tokens left in them.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast


class MalformedPolicy(ValueError):
    """The text is no policy document; the message says where and what would be valid."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One test: `operator` such as `StringEquals`, a key, and the values of which one must fit."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Lists are tuples even where the document had a single text.

    `principals` maps `Service`, `AWS`, `Federated` or `CanonicalUser` to names; `*` alone is
    `{"AWS": ("*",)}`. `text` is the statement as it stood, as JSON on one line.
    """

    effect: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    not_principals: bool = False
    conditions: tuple[Condition, ...] = ()
    sid: str = ""
    text: str = ""

    @property
    def allows(self) -> bool:
        """Whether the effect is Allow."""
        return self.effect == "Allow"

    def condition_keys(self) -> frozenset[str]:
        """The keys of its conditions, in lower case: IAM does not mind case there."""
        return frozenset(condition.key.lower() for condition in self.conditions)


def parse(text: str) -> tuple[Statement, ...]:
    """The statements of a policy document.

    Raises:
        MalformedPolicy: It is not JSON, or not of the form that IAM's grammar asks for.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedPolicy(f"not JSON: line {error.lineno}: {error.msg}") from None
    return statements(document)


def statements(document: object) -> tuple[Statement, ...]:
    """The statements of a policy document that is parsed already.

    Raises:
        MalformedPolicy: It is not of the form that IAM's grammar asks for.
    """
    if not isinstance(document, dict):
        raise MalformedPolicy("a policy document is a JSON object with Version and Statement")
    whole = cast("dict[str, Any]", document)
    found: object = whole.get("Statement")
    items = cast("list[object]", found) if isinstance(found, list) else [found]
    return tuple(_statement(item, place) for place, item in enumerate(items))


def _statement(item: object, place: int) -> Statement:
    if not isinstance(item, dict):
        raise MalformedPolicy(f"Statement[{place}] is not an object")
    raw = cast("dict[str, Any]", item)
    effect = raw.get("Effect")
    if effect not in {"Allow", "Deny"}:
        raise MalformedPolicy(f"Statement[{place}].Effect is {effect!r}: Allow or Deny")

    def texts(key: str) -> tuple[str, ...]:
        return _texts(raw.get(key), f"Statement[{place}].{key}")

    return Statement(
        effect=effect,
        actions=texts("Action"),
        not_actions=texts("NotAction"),
        resources=texts("Resource"),
        not_resources=texts("NotResource"),
        principals=_principals(raw.get("Principal"), place),
        not_principals="NotPrincipal" in raw,
        conditions=_conditions(raw.get("Condition"), place),
        sid=str(raw.get("Sid", "")),
        text=json.dumps(raw, sort_keys=True),
    )


def _texts(value: object, place: str) -> tuple[str, ...]:
    if value is None:
        return ()
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    if not all(isinstance(item, str | bool | int | float) for item in items):
        raise MalformedPolicy(f"{place} is neither a text nor a list of texts")
    return tuple(json.dumps(i) if isinstance(i, bool) else str(i) for i in items)


def _principals(value: object, place: int) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    if value == "*":
        return {"AWS": ("*",)}
    if not isinstance(value, dict):
        raise MalformedPolicy(f"Statement[{place}].Principal is neither '*' nor an object")
    kinds = cast("dict[str, object]", value)
    return {k: _texts(v, f"Statement[{place}].Principal.{k}") for k, v in kinds.items()}


def _conditions(value: object, place: int) -> tuple[Condition, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise MalformedPolicy(f"Statement[{place}].Condition is not an object")
    found: list[Condition] = []
    for operator, tests in cast("dict[str, object]", value).items():
        if not isinstance(tests, dict):
            raise MalformedPolicy(f"Statement[{place}].Condition.{operator} is not an object")
        for key, values in cast("dict[str, object]", tests).items():
            where = f"Statement[{place}].Condition.{operator}.{key}"
            found.append(Condition(operator, key, _texts(values, where)))
    return tuple(found)

"""The registry of rules: a function that looks for one kind of fault, and its docstring.

A docstring is part of a rule, because the reference page is made of it: the first line says what
is wrong, a paragraph says why it matters, `Remedy:` what to do, and `See:` names the document of
AWS (or of another authority) that it rests on.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetmend.core.graph import Node
from fleetmend.deploy import tokens
from fleetmend.deploy.check.finding import Finding, Severity
from fleetmend.deploy.tokens import Json, Reference
from fleetmend.deploy.view import View


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule yields: which resource, what is wrong with it, and the value at fault."""

    node: Node
    message: str
    value: Json = ""
    remedy: str = ""
    """Only where the rule's own remedy does not say it."""
    severity: Severity | None = None
    """Only where it differs from the rule's."""


Judge = Callable[[View], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `summary`, `why`, `remedy` and `see` come from the function's docstring."""

    id: str
    severity: Severity
    judge: Judge
    summary: str
    why: str
    remedy: str
    see: str

    @property
    def theme(self) -> str:
        """The first word of its id."""
        return self.id.partition("-")[0]

    def findings(self, view: View) -> Iterator[Finding]:
        """What the rule finds in a graph."""
        for fault in self.judge(view):
            yield Finding(
                urn=fault.node.urn,
                rule=self.id,
                message=readable(fault.message),
                value=readable(fault.value),
                remedy=fault.remedy or self.remedy,
                severity=fault.severity or self.severity,
                resource=fault.node.name,
            )


RULES: dict[str, Rule] = {}
"""All rules by id; filled as the modules of this package are imported."""


def rule(id_: str, severity: Severity = Severity.ERROR) -> Callable[[Judge], Judge]:
    """Register a function as a rule.

    Raises:
        ValueError: The id is taken, or the docstring lacks a part.
    """

    def register(judge: Judge) -> Judge:
        if id_ in RULES:
            raise ValueError(f"two rules are called {id_}")
        RULES[id_] = Rule(id_, severity, judge, **_parts(id_, judge.__doc__ or ""))
        return judge

    return register


def _parts(id_: str, text: str) -> dict[str, str]:
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text.strip())]
    found = {"summary": blocks[0], "why": "", "remedy": "", "see": ""}
    for block in blocks[1:]:
        label, _, rest = block.partition(": ")
        key = {"Remedy": "remedy", "See": "see"}.get(label)
        if key:
            found[key] = rest
        else:
            found["why"] = f"{found['why']} {block}".strip()
    missing = [key for key, value in found.items() if not value]
    if missing:
        raise ValueError(f"the rule {id_} has no {', '.join(missing)} in its docstring")
    return found


def readable(value: Json) -> str:
    """A value for people: tokens become `${name.output}`, everything but texts is JSON."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)

    def short(reference: Reference) -> str:
        return f"${{{reference.urn.rpartition('::')[2]}.{reference.property}}}"

    return "".join(p if isinstance(p, str) else short(p) for p in tokens.split(text))

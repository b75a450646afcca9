"""IAM's own evaluation: does a statement apply to a request, and what follows.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fleetmend.deploy.iam import globs
from fleetmend.deploy.iam.document import Condition, Statement
from fleetmend.deploy.privilege.need import Context, Need


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource that one statement allows; `place` says where that stands.

    Splitting a statement so far shows which parts of it nobody used.
    """

    place: str
    sid: str
    action: str
    resource: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a need is met, by which grants, and if not, why not."""

    allowed: bool
    grants: tuple[Grant, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement whose tokens are filled in, with the grants it amounts to."""

    statement: Statement
    grants: tuple[Grant, ...]


def evaluate(rules: Iterable[Rule], need: Need) -> Verdict:
    """What the rules say of one need: an explicit Deny wins, and silence is a denial."""
    used: list[Grant] = []
    near: list[str] = []
    for rule in rules:
        statement = rule.statement
        if not _covers(statement, need):
            continue
        failed = [c for c in statement.conditions if not holds(c, need.context)]
        if failed:
            if statement.allows:
                near.append(f"{statement.sid or 'a statement'} asks for {_worded(failed[0])}")
            continue
        if not statement.allows:
            return Verdict(allowed=False, why=f"{statement.sid or 'a statement'} denies it")
        used += [grant for grant in rule.grants if _is_for(grant, need)]
    if used:
        return Verdict(allowed=True, grants=tuple(used))
    return Verdict(allowed=False, why="; ".join(near) or "no statement allows it")


def _covers(statement: Statement, need: Need) -> bool:
    actions = (globs.matches(a, need.action, ignore_case=True) for a in statement.actions)
    if statement.actions and not any(actions):
        return False
    others = (globs.matches(a, need.action, ignore_case=True) for a in statement.not_actions)
    if any(others):
        return False
    if statement.resources and not any(
        globs.matches(r, need.resource) for r in statement.resources
    ):
        return False
    return not any(globs.matches(r, need.resource) for r in statement.not_resources)


def _is_for(grant: Grant, need: Need) -> bool:
    return globs.matches(grant.action, need.action, ignore_case=True) and globs.matches(
        grant.resource, need.resource
    )


def holds(condition: Condition, context: Context) -> bool:
    """Whether a condition holds for a request."""
    operator = condition.operator.lower()
    many, _, rest = operator.rpartition(":")
    optional = rest.endswith("ifexists")
    operator = rest.removesuffix("ifexists")
    given = context.get(condition.key.lower())
    if operator == "null":
        wants_absent = condition.values[:1] == ("true",)
        return (given is None) == wants_absent
    negated = "not" in operator
    if given is None:
        return optional or negated or many == "forallvalues"
    test = _TESTS.get(operator.replace("not", "", 1) if negated else operator)
    if test is None:
        raise ValueError(f"the condition operator {condition.operator} is not known here")
    hits = [any(test(wanted, value) for wanted in condition.values) for value in given]
    if negated:
        return not any(hits)
    return all(hits) if many == "forallvalues" else any(hits)


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, value: compare(float(value), float(wanted))


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, value: wanted == value,
    "stringequalsignorecase": lambda wanted, value: wanted.lower() == value.lower(),
    "stringlike": globs.matches,
    "arnequals": globs.matches,
    "arnlike": globs.matches,
    "bool": lambda wanted, value: wanted.lower() == value.lower(),
    "numericequals": _number(lambda value, wanted: value == wanted),
    "numericlessthan": _number(lambda value, wanted: value < wanted),
    "numericlessthanequals": _number(lambda value, wanted: value <= wanted),
    "numericgreaterthan": _number(lambda value, wanted: value > wanted),
    "numericgreaterthanequals": _number(lambda value, wanted: value >= wanted),
}


def _worded(condition: Condition) -> str:
    return f"{condition.key} {condition.operator} {' or '.join(condition.values)}"

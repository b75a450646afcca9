"""Compliance: what resources do against the rules, counted and compared with the day before.

Pure, and a fold: every resource is judged alone, so the result does not depend on the order of
pages, and no more than the findings is kept.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from fleetmend.core.model import Mode
from fleetmend.core.rules import Problem, Rules, Severity, judge

CONCERN = "compliance"

NOBODY = "(nobody)"
"""Whose a resource is when no tag says so."""


MOST_LANES = 16
"""There are no more: lanes are told apart by the last digit of an id."""


@dataclass(frozen=True, slots=True)
class CompliancePolicy:
    """What is scanned; read at the beginning of each run. None means the function's own.

    `digest` is the day of the week for a digest, such as `mon`, or `never`.
    `lanes` is into how many parts a region of more than a page is split, which are read at once.
    Each holds a page, and at 300 ms a page sends some 3 calls a second of the 20 that EC2 refills
    (EC2 Developer Guide, "Request throttling").
    """

    mode: Mode = Mode.ACT
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    digest: str = "never"
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource with its tags. `fields` are what was asked for beside them."""

    kind: str
    id: str
    tags: Mapping[str, str]
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Batch:
    """Some resources of one kind. `token` is where the next ones begin; empty at the end."""

    resources: list[Resource]
    token: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that one resource breaks. `since` is the day when it was first seen to."""

    kind: str
    id: str
    rule: str
    key: str
    severity: Severity
    problem: Problem
    found: str
    expected: str
    owner: str
    since: date

    @property
    def name(self) -> str:
        """What makes it the same finding on another day."""
        return f"{self.kind}/{self.id}/{self.rule}"


@dataclass(slots=True)
class Tally:
    """What was judged, in numbers. `violating` counts resources, the others findings."""

    judged: int = 0
    violating: int = 0
    by_rule: Counter[str] = field(default_factory=Counter[str])
    by_owner: Counter[str] = field(default_factory=Counter[str])
    by_severity: Counter[str] = field(default_factory=Counter[str])

    @property
    def rate(self) -> float:
        """The share of resources that break no rule, from 0 to 1; 1 where there is nothing."""
        return 1.0 - self.violating / self.judged if self.judged else 1.0

    def add(self, other: "Tally") -> None:
        """Count what another part of the same run has counted."""
        self.judged += other.judged
        self.violating += other.violating
        self.by_rule.update(other.by_rule)
        self.by_owner.update(other.by_owner)
        self.by_severity.update(other.by_severity)


@dataclass(frozen=True, slots=True)
class Change:
    """What is broken since the last report, and what no longer is; names of findings."""

    broken: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.broken or self.fixed)


def examine(
    rules: Rules, resources: Iterable[Resource], tally: Tally, today: date
) -> list[Finding]:
    """Judge some resources, and count them in `tally`."""
    found: list[Finding] = []
    for resource in resources:
        tally.judged += 1
        violations = judge(rules, resource.kind, resource.tags)
        if not violations:
            continue
        tally.violating += 1
        owner = resource.tags.get(rules.owner_key) or NOBODY
        for violation in violations:
            tally.by_rule[violation.rule] += 1
            tally.by_severity[violation.severity.value] += 1
            found.append(
                Finding(
                    resource.kind,
                    resource.id,
                    violation.rule,
                    violation.key,
                    violation.severity,
                    violation.problem,
                    violation.found,
                    violation.expected,
                    owner,
                    today,
                )
            )
        tally.by_owner[owner] += len(violations)
    return found


def kinds(rules: Rules) -> tuple[str, ...]:
    """The kinds of resources that some rule is about; instances first."""
    wanted = {kind for rule in rules.rules for kind in rule.kinds}
    return tuple(sorted(wanted, key=lambda kind: (kind != "instance", kind)))


def aged(finding: Finding, before: Mapping[str, date]) -> Finding:
    """The finding with the day when it was first seen, as the last report knows it."""
    since = before.get(finding.name)
    return replace(finding, since=since) if since and since < finding.since else finding


def changed(before: Iterable[str], now: Iterable[str]) -> Change:
    """What differs between the findings of two reports, each in order."""
    old, new = set(before), set(now)
    return Change(tuple(sorted(new - old)), tuple(sorted(old - new)))

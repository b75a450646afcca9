"""Faults that were accepted beside their resource, and acceptances that no longer meet one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fleetmend.components.accept import ACCEPT_TYPE
from fleetmend.deploy.check.finding import Finding, Severity
from fleetmend.deploy.check.registry import RULES, Fault, rule
from fleetmend.deploy.view import View, text_of

FOREIGN = re.compile(r"CKV2?_[A-Z]+_\d+|PARLIAMENT_[A-Z_]+")
"""Checks of Checkov and Parliament: accepted the same way, judged by the test that runs them."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One acceptance: `target` is the URN it stands beside."""

    urn: str
    target: str
    rule: str
    reason: str


def acceptances(view: View) -> tuple[Acceptance, ...]:
    """All acceptances of a graph, those of foreign judges included."""
    return tuple(
        Acceptance(node.urn, node.parent, text_of(node, "rule"), text_of(node, "reason"))
        for node in view.of_type(ACCEPT_TYPE)
    )


def settle(view: View, found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, with the accepted ones as `info`, and the acceptances that met none."""
    accepted = {(item.target, item.rule): item for item in acceptances(view)}
    used: set[str] = set()
    for finding in found:
        keys = ((urn, finding.rule) for urn in (finding.urn, *_ancestors(view, finding.urn)))
        item = next((accepted[key] for key in keys if key in accepted), None)
        if item is None:
            yield finding
            continue
        used.add(item.urn)
        yield replace(finding, severity=Severity.INFO, accepted=item.reason)
    for item in accepted.values():
        if item.urn not in used and item.rule in RULES:
            yield _unmet(view, item)


@rule("accept-unknown")
def unknown(view: View) -> Iterator[Fault]:
    """An acceptance names a rule that does not exist.

    It accepts nothing; most likely the rule is misspelt or was renamed, and the fault it was meant
    for stands unexplained.

    Remedy: name a rule of docs/checks.md, or a check of Checkov such as CKV_AWS_18.

    See: docs/checks.md
    """
    for item in acceptances(view):
        node = view.node(item.target)
        if node and item.rule not in RULES and not FOREIGN.fullmatch(item.rule):
            yield Fault(node, f"accepts {item.rule}, and there is no such rule", item.reason)


@rule("accept-unmet", Severity.WARNING)
def unmet(view: View) -> Iterator[Fault]:
    """An acceptance meets no fault.

    The fault it was written for is gone; left standing, it would hide the next one.

    Remedy: remove the acceptance.

    See: docs/checks.md
    """
    # Whether one is met is known only when all rules have run: `settle` makes these findings.
    del view
    return iter(())


def _unmet(view: View, item: Acceptance) -> Finding:
    node = view.node(item.target)
    of_rule = RULES["accept-unmet"]
    return Finding(
        urn=item.target,
        rule=of_rule.id,
        message=f"accepts {item.rule}, but there is no such fault",
        value=item.reason,
        remedy=of_rule.remedy,
        severity=of_rule.severity,
        resource=node.name if node else item.target,
    )


def _ancestors(view: View, urn: str) -> Iterator[str]:
    node = view.node(urn)
    while node is not None and node.parent:
        yield node.parent
        node = view.node(node.parent)

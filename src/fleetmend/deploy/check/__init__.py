"""Judge a resource graph before anything exists.

Each rule is a function in one of the modules here, by theme; docs/checks.md lists them all. A
fault that is meant is accepted beside the resource with its reason: `fleetmend.components.accept`.
"""

from fleetmend.core.graph import Graph
from fleetmend.deploy.check import themes
from fleetmend.deploy.check.acceptance import settle
from fleetmend.deploy.check.finding import Finding, Severity
from fleetmend.deploy.check.registry import RULES, Rule
from fleetmend.deploy.view import View

__all__ = ["RULES", "Finding", "Rule", "Severity", "check", "themes"]


def check(graph: Graph) -> tuple[Finding, ...]:
    """Everything the rules find, sorted by resource and rule.

    Faults that were accepted beside their resource come as `info` with the reason; an acceptance
    that meets no fault is a finding itself, so that none outlives its cause.

    Raises:
        fleetmend.deploy.iam.authorization.MissingData: The extra `judges` is not installed.
    """
    view = View(graph)
    found = {finding for rule in RULES.values() for finding in rule.findings(view)}
    return tuple(sorted(settle(view, found)))

"""Rules on least privilege: what functions call in the scenarios against what they may.

The calls are recorded (docs/security.md says how) and shipped; only Fleetmend's own functions are
judged, because only theirs are known.
"""

from collections.abc import Iterator

from fleetmend.core.graph import Node
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.privilege.judge import Report, judge
from fleetmend.deploy.privilege.shipped import for_graph
from fleetmend.deploy.privilege.world import function_of
from fleetmend.deploy.view import View


@rule("iam-denied-call")
def denied_call(view: View) -> Iterator[Fault]:
    """A function would be denied a call that it makes.

    Each call recorded in the scenarios is evaluated against the function's own policies, with the
    tags and names that its subject really had, and so is what Lambda does with the function's role
    (logs, queue, failed calls).

    Remedy: grant the action on the resource named in the message; look at conditions first.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    for function, report in _reports(view):
        for found in report.denied:
            yield Fault(function, f"{found.by} needs {found.action}: {found.why}", found.resource)


@rule("iam-unused-grant")
def unused_grant(view: View) -> Iterator[Fault]:
    """A function may do something that it never does.

    No scenario uses the grant, and nobody has written down why it is there
    (`deploy/privilege/accepted.py`).

    Remedy: take the action or the resource out of the statement.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege
    """
    for function, report in _reports(view):
        for grant in report.unused:
            what = f"never uses {grant.action} ({grant.sid or grant.place})"
            yield Fault(function, what, grant.resource)


def _reports(view: View) -> Iterator[tuple[Node, Report]]:
    for report in judge(view.graph, for_graph(view.graph)):
        function = function_of(view, report.function)
        if function is not None:
            yield function, report

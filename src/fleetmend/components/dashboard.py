"""The dashboard and the log queries: what to look at first, by the installation's own names."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.alarms import function_dimensions
from fleetmend.components.bridge import CONCERN as BRIDGE
from fleetmend.components.controller_names import (
    dead_letters_name,
    function_name,
    log_group_name,
    queue_name,
    undelivered_name,
)
from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.keys import topic_name
from fleetmend.components.naming import Limit, Naming
from fleetmend.core.compliance import CONCERN as COMPLIANCE
from fleetmend.core.remediation import CONCERN as REMEDIATION

HOUR = 3600

WIDTH, HEIGHT = 24, 6
"""CloudWatch's grid is 24 columns wide."""

Dimensions = dict[str, pulumi.Input[str]]
Metric = tuple[str, str, Dimensions, str]
"""Namespace, metric, dimensions, statistic."""

CHANGES = ("FillsAccepted", "StopsAccepted", "UndosAccepted", "FillsRefused", "StopsRefused")
"""The metrics of what remediation changed, as its function names them."""

QUERIES = {
    "failures": "fields @timestamp, level, message, subject, why | filter level in "
    "['ERROR', 'CRITICAL'] or @message like /Task timed out/ | sort @timestamp desc | limit 100",
    "subject": "fields @timestamp, message, result, code, why | filter subject = 'i-…' "
    "| sort @timestamp asc | limit 200",
    "slow-runs": "filter @type = 'REPORT' | stats max(@duration), avg(@duration), "
    "max(@maxMemoryUsed / 1000000) by bin(15m)",
}
"""CloudWatch Logs Insights queries, by the word that ends their name."""


class DashboardArgs(TypedDict):
    """What `Dashboard` needs to know."""

    installation: InstallationArgs
    """Whose dashboard it is."""
    concerns: list[str]
    """The concerns that have a function with a queue, such as `recovery`."""
    alarm_arns: pulumi.Input[list[str]]
    """The alarms whose states it shows."""
    bridge: NotRequired[bool]
    """Whether there is a bridge, whose counts of subscribers are shown."""
    compliance: NotRequired[bool]
    """Whether compliance is installed, whose rate and violations are shown."""
    group_name: NotRequired[pulumi.Input[str]]
    """An Auto Scaling group to show."""


RUNS = (
    "fields @timestamp, complete, judged, violating, rate, broken, fixed "
    "| filter message = 'a run ended' | sort @timestamp desc | limit 50"
)
"""What the runs of compliance came to, from the function's log."""


class Dashboard(pulumi.ComponentResource):
    """One dashboard for the installation, and saved queries over its functions' logs.

    Example:
        Dashboard("dashboard", {"installation": me, "concerns": ["recovery"],
                                "alarm_arns": recovery.alarm_arns})
    """

    url: pulumi.Output[str]
    """Where to look."""
    name: pulumi.Output[str]
    """The dashboard's name."""

    def __init__(
        self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Dashboard", name, {}, opts)
        names = naming(args["installation"])
        child = pulumi.ResourceOptions(parent=self)
        called = names.name("dashboard", limit=Limit.GROUP)
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=called,
            dashboard_body=pulumi.Output.json_dumps({"widgets": widgets(names, args)}),
            opts=child,
        )
        for concern, queries in _queries(args).items():
            for word, query in queries.items():
                aws.cloudwatch.QueryDefinition(
                    f"{name}-query-{concern}-{word}",
                    name=f"{names.project}/{names.suffix}/{concern}-{word}",
                    log_group_names=[log_group_name(names, concern)],
                    query_string=query,
                    opts=child,
                )
        self.name = dashboard.dashboard_name
        home = f"https://{names.region}.console.aws.amazon.com/cloudwatch/home"
        self.url = pulumi.Output.concat(
            f"{home}?region={names.region}#dashboards/dashboard/", self.name
        )
        self.register_outputs({"url": self.url})


def _queries(args: DashboardArgs) -> dict[str, dict[str, str]]:
    """The saved queries by concern and word."""
    known = dict.fromkeys(args["concerns"], QUERIES)
    if args.get("compliance", False):
        without = {word: query for word, query in QUERIES.items() if word != "subject"}
        known[COMPLIANCE] = {**without, "runs": RUNS}
    return known


def widgets(names: Naming, args: DashboardArgs) -> list[dict[str, Any]]:
    """All widgets, from the top: alarms, each concern, who is told, the group."""
    rows = [[_alarms(args["alarm_arns"])]]
    for concern in args["concerns"]:
        rows += [
            _function_row(names, concern),
            _queue_row(names, concern),
            _log_row(names, concern),
        ]
        if concern == REMEDIATION:
            rows.append([_changes(names)])
    if args.get("compliance", False):
        rows += [_compliance_row(names), _compliance_logs(names)]
    rows.append(_topic_row(names, with_bridge=args.get("bridge", False)))
    if "group_name" in args:
        rows.append(_group_row(names, args["group_name"]))
    placed: list[dict[str, Any]] = []
    for y, row in enumerate(rows):
        width = WIDTH // len(row)
        placed += [
            {"x": x * width, "y": y * HEIGHT, "width": width, "height": HEIGHT, **widget}
            for x, widget in enumerate(row)
        ]
    return placed


def _function_row(names: Naming, concern: str) -> list[dict[str, Any]]:
    function: Dimensions = {"FunctionName": function_name(names, concern)}
    own, space = function_dimensions(concern), names.namespace
    return [
        _graph(
            names,
            f"{concern}: runs",
            [
                ("AWS/Lambda", "Invocations", function, "Sum"),
                ("AWS/Lambda", "Errors", function, "Sum"),
                ("AWS/Lambda", "Throttles", function, "Sum"),
            ],
        ),
        _graph(names, f"{concern}: duration", [("AWS/Lambda", "Duration", function, "Maximum")]),
        _graph(
            names,
            f"{concern}: work done",
            [
                (space, "OldestLookSeconds", own, "Maximum"),
                (space, "SubjectsServed", own, "Sum"),
                (space, "SubjectsFailed", own, "Sum"),
            ],
        ),
    ]


def _queue_row(names: Naming, concern: str) -> list[dict[str, Any]]:
    def queue(called: str) -> Dimensions:
        return {"QueueName": called}

    visible = "ApproximateNumberOfMessagesVisible"
    waiting = queue(queue_name(names, concern))
    return [
        _graph(
            names,
            f"{concern}: waiting",
            [
                ("AWS/SQS", visible, waiting, "Maximum"),
                ("AWS/SQS", "ApproximateAgeOfOldestMessage", waiting, "Maximum"),
            ],
        ),
        _graph(
            names,
            f"{concern}: dead letters",
            [
                ("AWS/SQS", visible, queue(dead_letters_name(names, concern)), "Maximum"),
                ("AWS/SQS", visible, queue(undelivered_name(names, concern)), "Maximum"),
            ],
        ),
    ]


def _log_row(names: Naming, concern: str) -> list[dict[str, Any]]:
    return [_log(names, f"{concern}: failures", concern, QUERIES["failures"])]


def _log(names: Naming, title: str, concern: str, query: str) -> dict[str, Any]:
    properties = {
        "title": title,
        "region": names.region,
        "view": "table",
        "query": f"SOURCE '{log_group_name(names, concern)}' | {query}",
    }
    return {"type": "log", "properties": properties}


def _changes(names: Naming) -> dict[str, Any]:
    """What remediation did to instances, and what AWS did not let it do."""
    own, space = function_dimensions(REMEDIATION), names.namespace
    done = [(space, name, own, "Sum") for name in CHANGES]
    return _graph(names, "remediation: changes", done, HOUR)


def _compliance_row(names: Naming) -> list[dict[str, Any]]:
    own, space = function_dimensions(COMPLIANCE), names.namespace
    # The rules are many and change; a search names the dimensions and finds whichever there are.
    search = f"SEARCH('{{{space},concern,rule}} MetricName=\"Violations\"', 'Maximum')"
    violations = _graph(names, "compliance: violations by rule", [], 24 * HOUR)
    violations["properties"]["metrics"] = [[{"expression": search, "id": "rules", "label": ""}]]
    return [
        _graph(
            names,
            "compliance: rate",
            [(space, "ComplianceRate", own, "Minimum")],
            24 * HOUR,
        ),
        violations,
        _graph(
            names,
            "compliance: changes",
            [
                (space, "FindingsNew", own, "Sum"),
                (space, "FindingsGone", own, "Sum"),
                (space, "BranchesFailed", own, "Maximum"),
            ],
            24 * HOUR,
        ),
    ]


def _compliance_logs(names: Naming) -> list[dict[str, Any]]:
    return [
        _log(names, "compliance: runs", COMPLIANCE, RUNS),
        _log(names, "compliance: failures", COMPLIANCE, QUERIES["failures"]),
    ]


def _topic_row(names: Naming, *, with_bridge: bool) -> list[dict[str, Any]]:
    topic: Dimensions = {"TopicName": topic_name(names)}
    row = [
        _graph(
            names,
            "alerts",
            [
                ("AWS/SNS", "NumberOfMessagesPublished", topic, "Sum"),
                ("AWS/SNS", "NumberOfNotificationsDelivered", topic, "Sum"),
                ("AWS/SNS", "NumberOfNotificationsFailed", topic, "Sum"),
            ],
        )
    ]
    if with_bridge:
        own, space = function_dimensions(BRIDGE), names.namespace
        row.append(
            _graph(
                names,
                "subscribers",
                [
                    (space, "SubscriptionsConfirmed", own, "Minimum"),
                    (space, "SubscriptionsPending", own, "Maximum"),
                    (space, "WebhooksFailed", own, "Sum"),
                ],
            )
        )
    return row


def _group_row(names: Naming, group: pulumi.Input[str]) -> list[dict[str, Any]]:
    own: Dimensions = {"AutoScalingGroupName": group}
    return [
        _graph(
            names,
            "group: instances",
            [
                ("AWS/AutoScaling", "GroupDesiredCapacity", own, "Maximum"),
                ("AWS/AutoScaling", "GroupInServiceInstances", own, "Minimum"),
            ],
        ),
        _graph(names, "group: CPU", [("AWS/EC2", "CPUUtilization", own, "Average")]),
    ]


def _alarms(arns: pulumi.Input[list[str]]) -> dict[str, Any]:
    return {"type": "alarm", "properties": {"title": "Alarms", "alarms": arns}}


def _graph(names: Naming, title: str, metrics: list[Metric], period: int = 60) -> dict[str, Any]:
    """A graph; each line names its dimensions, without which CloudWatch shows another metric."""
    lines: list[list[Any]] = []
    for namespace, metric, dimensions, statistic in metrics:
        flat = [part for pair in sorted(dimensions.items()) for part in pair]
        lines.append([namespace, metric, *flat, {"stat": statistic}])
    properties = {
        "title": title,
        "region": names.region,
        "view": "timeSeries",
        "period": period,
        "metrics": lines,
    }
    return {"type": "metric", "properties": properties}

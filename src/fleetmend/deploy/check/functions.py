"""Rules on functions: logs, order of creation, versions, queues that fit."""

from collections.abc import Iterator

from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.check.topology import number
from fleetmend.deploy.lambdas import (
    FUNCTION,
    MAPPING,
    QUEUE,
    RULE_TARGET,
    SCHEDULE,
    SUBSCRIPTION,
    called,
    is_published,
    log_group_of,
    role_of,
    sources,
)
from fleetmend.deploy.view import View, mapping, text_of

VISIBILITY_FACTOR = 6
DEFAULT_TIMEOUT = 3
DEFAULT_VISIBILITY = 30
ENDED_RUNTIMES = (
    "dotnet5", "dotnet6", "dotnetcore", "go1.x", "java8", "nodejs10", "nodejs12", "nodejs14",
    "nodejs16", "nodejs18", "nodejs4", "nodejs6", "nodejs8", "provided", "python2.7", "python3.6",
    "python3.7", "python3.8", "python3.9", "ruby2", "ruby3.2",
)  # fmt: skip
"""Runtimes past their end, from the Lambda Developer Guide's table "Deprecated runtimes"; those
without a dot or a number at the end stand for all of their kind."""

_POLICIES = {
    "aws:iam/rolePolicy:RolePolicy": "role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role",
    "aws:iam/policyAttachment:PolicyAttachment": "roles",
}


@rule("function-log-group")
def log_group(view: View) -> Iterator[Fault]:
    """A function has no log group of its own.

    Lambda then makes one at the first call: kept for ever, not encrypted with our key, in no state,
    left behind when the installation goes.

    Remedy: declare the log group and bind it by `loggingConfig.logGroup`.

    See: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    for function in view.of_type(FUNCTION):
        if log_group_of(view, function) is None:
            yield Fault(function, "has no declared log group")


@rule("function-log-retention")
def log_retention(view: View) -> Iterator[Fault]:
    """A log group keeps its logs for ever.

    Costs grow without end, and so does what can leak.

    Remedy: set `retentionInDays`.

    See: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html
    """
    for group in view.of_type("aws:cloudwatch/logGroup:LogGroup"):
        if number(group.inputs.get("retentionInDays"), 0) == 0:
            yield Fault(group, "has no retention")


@rule("function-policy-order")
def policy_order(view: View) -> Iterator[Fault]:
    """A function does not wait for its role's policies.

    The schedule or the queue may call it before it has its rights: the first runs fail, and an
    event source mapping is refused because the role cannot read the queue.

    Remedy: let the function depend on each policy of its role (`depends_on`).

    See: https://www.pulumi.com/docs/iac/concepts/resources/options/dependson/
    """
    for function in view.of_type(FUNCTION):
        role = role_of(view, function)
        if role is None:
            continue
        before = view.needs(function)
        for kind, name in _POLICIES.items():
            for policy in view.pointing_at(role, kind, name):
                if policy.urn not in before:
                    yield Fault(function, "may be made before its role's policy", policy.name)


@rule("function-log-order", Severity.WARNING)
def log_order(view: View) -> Iterator[Fault]:
    """A function does not wait for its log group.

    If it is called first, Lambda makes the group, and the deployment fails because it exists.

    Remedy: let the function depend on the log group.

    See: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    for function in view.of_type(FUNCTION):
        group = log_group_of(view, function)
        if group is not None and group.urn not in view.needs(function):
            yield Fault(function, "may be made before its log group", group.name)


@rule("function-visibility")
def visibility(view: View) -> Iterator[Fault]:
    """A queue shows messages again before the function can be done with them.

    They are then handled twice, or become dead letters while the function is throttled.

    Remedy: a visibility time-out of at least six times the function's time-out.

    See: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    for function in view.of_type(FUNCTION):
        timeout = number(function.inputs.get("timeout"), DEFAULT_TIMEOUT)
        for source in sources(view, function):
            queue = view.referred(source.inputs.get("eventSourceArn"), QUEUE)
            if queue is None:
                continue
            hidden = number(queue.inputs.get("visibilityTimeoutSeconds"), DEFAULT_VISIBILITY)
            if hidden < VISIBILITY_FACTOR * timeout:
                message = f"shows messages again after {hidden} s; the function may run {timeout} s"
                yield Fault(queue, message, f"visibilityTimeoutSeconds: {hidden}")


@rule("function-partial-batch", Severity.WARNING)
def partial_batch(view: View) -> Iterator[Fault]:
    """A queue's batch fails as a whole.

    One bad message then brings all others of its batch back, to be handled again.

    Remedy: set `functionResponseTypes` to ReportBatchItemFailures, and answer so.

    See: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    for source in view.of_type(MAPPING):
        types = source.inputs.get("functionResponseTypes")
        from_queue = view.referred(source.inputs.get("eventSourceArn"), QUEUE)
        if from_queue and "ReportBatchItemFailures" not in (types or []):
            yield Fault(source, "does not report single failures")


@rule("function-runtime")
def runtime(view: View) -> Iterator[Fault]:
    """A function's runtime has come to its end.

    AWS no longer mends it, and one day refuses to create or update functions that use it.

    Remedy: move to a supported runtime.

    See: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
    """
    for function in view.of_type(FUNCTION):
        name = text_of(function, "runtime")
        ended = any(name == one or name.startswith(f"{one}.") for one in ENDED_RUNTIMES)
        if ended and name not in {"provided.al2", "provided.al2023"}:
            yield Fault(function, "runs on a runtime that has ended", name)


@rule("function-unpublished", Severity.WARNING)
def unpublished(view: View) -> Iterator[Fault]:
    """Something calls whatever code is newest, not a published version.

    A half-finished update then runs in production, and there is nothing to go back to.

    Remedy: publish versions, and call the function by an alias.

    See: https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
    """
    for kind in (MAPPING, SCHEDULE, RULE_TARGET, SUBSCRIPTION):
        for node in view.of_type(kind):
            names = {MAPPING: "functionName", SUBSCRIPTION: "endpoint"}
            value = node.inputs.get(names.get(kind, "arn"))
            if kind == SCHEDULE:
                value = mapping(node.inputs.get("target")).get("arn")
            function = called(view, value)
            if function is not None and not is_published(view, value):
                yield Fault(node, f"calls {function.name} without a version", value)

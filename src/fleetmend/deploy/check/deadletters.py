"""Rules on dead letters: every way into a function needs its own place for what it could not take.

Queue redrive, a rule target's, a schedule's and an asynchronous call's dead letters are four
different things; one does not do another's work.
"""

from collections.abc import Iterator

from fleetmend.core.graph import Node
from fleetmend.deploy.check.finding import Severity
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.lambdas import (
    FUNCTION,
    MAPPING,
    QUEUE,
    RULE_TARGET,
    SCHEDULE,
    SUBSCRIPTION,
    asynchronous,
    called,
)
from fleetmend.deploy.view import View, mapping, text_of


@rule("function-queue-redrive")
def queue_redrive(view: View) -> Iterator[Fault]:
    """A queue that feeds a function has no dead-letter queue.

    A message that always fails is tried until it expires, and then it is gone without a trace.

    Remedy: give the queue a `redrivePolicy` to a queue of its own.

    See: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    for source in view.of_type(MAPPING):
        queue = view.referred(source.inputs.get("eventSourceArn"), QUEUE)
        if queue is None:
            continue
        apart = view.pointing_at(queue, "aws:sqs/redrivePolicy:RedrivePolicy", "queueUrl")
        if not queue.inputs.get("redrivePolicy") and not apart:
            yield Fault(queue, "has no dead-letter queue")


@rule("function-rule-dead-letter")
def rule_dead_letter(view: View) -> Iterator[Fault]:
    """A rule's target has no dead-letter queue.

    EventBridge drops an event that the target does not take within a day.

    Remedy: set `deadLetterConfig` on the target.

    See: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    for target in view.of_type(RULE_TARGET):
        if not mapping(target.inputs.get("deadLetterConfig")).get("arn"):
            yield Fault(target, "drops events that cannot be delivered")


@rule("function-schedule-dead-letter")
def schedule_dead_letter(view: View) -> Iterator[Fault]:
    """A schedule's target has no dead-letter queue.

    Scheduler drops a call that the target does not take within the retry policy.

    Remedy: set `target.deadLetterConfig` on the schedule.

    See: https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    for schedule in view.of_type(SCHEDULE):
        target = mapping(schedule.inputs.get("target"))
        if not mapping(target.get("deadLetterConfig")).get("arn"):
            yield Fault(schedule, "drops calls that cannot be made")


@rule("function-async-dead-letter")
def async_dead_letter(view: View) -> Iterator[Fault]:
    """A function that is called asynchronously has no place for calls that fail for good.

    Lambda accepts the call, tries three times, and drops it; the caller never learns.

    Remedy: a FunctionEventInvokeConfig with an on-failure destination, or a `deadLetterConfig`.

    See: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    for function in view.of_type(FUNCTION):
        callers = list(asynchronous(view, function))
        own = mapping(function.inputs.get("deadLetterConfig")).get("targetArn")
        if callers and not own and not _has_destination(view, function):
            names = ", ".join(caller.name for caller in callers)
            yield Fault(function, "drops asynchronous calls that fail", f"called by {names}")


@rule("function-subscription-redrive", Severity.WARNING)
def subscription_redrive(view: View) -> Iterator[Fault]:
    """A topic's subscription to a queue or function has no dead-letter queue.

    SNS drops a message that the subscriber refuses, for example after a change of its policy.

    Remedy: set `redrivePolicy` on the subscription.

    See: https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    """
    for node in view.of_type(SUBSCRIPTION):
        machine = text_of(node, "protocol") in {"sqs", "lambda", "firehose"}
        if machine and not node.inputs.get("redrivePolicy"):
            yield Fault(node, "drops messages that cannot be delivered")


def dead_letter_queues(view: View) -> dict[str, Node]:
    """Every queue that takes dead letters of some kind, by URN."""
    found: list[Node | None] = []
    for queue in view.of_type(QUEUE, "aws:sqs/redrivePolicy:RedrivePolicy"):
        found += view.all_referred(queue.inputs.get("redrivePolicy"))
    for node in view.of_type(RULE_TARGET, FUNCTION):
        found += view.all_referred(node.inputs.get("deadLetterConfig"))
    for node in view.of_type(SCHEDULE):
        target = mapping(node.inputs.get("target"))
        found += view.all_referred(target.get("deadLetterConfig"))
    for node in view.of_type(SUBSCRIPTION):
        found += view.all_referred(node.inputs.get("redrivePolicy"))
    for node in view.of_type("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"):
        config = mapping(node.inputs.get("destinationConfig"))
        found += view.all_referred(config.get("onFailure"))
    return {node.urn: node for node in found if node is not None and node.type == QUEUE}


def _has_destination(view: View, function: Node) -> bool:
    kind = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    for node in view.of_type(kind):
        found = called(view, node.inputs.get("functionName"))
        failure = mapping(mapping(node.inputs.get("destinationConfig")).get("onFailure"))
        if found is not None and found.urn == function.urn and failure.get("destination"):
            return True
    return False

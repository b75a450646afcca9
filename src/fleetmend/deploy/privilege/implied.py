"""What AWS does with a function's role without the function's code: logs, queue, failures, traces.

The declaration makes these calls happen, so they are needed though no recording shows them.
"""

from collections.abc import Iterator

from fleetmend.core.graph import Node
from fleetmend.deploy.lambdas import QUEUE, called, log_group_of, sources
from fleetmend.deploy.privilege.need import Need
from fleetmend.deploy.privilege.operations import BOTH, DECRYPTS, encrypts_queue
from fleetmend.deploy.privilege.world import World
from fleetmend.deploy.view import mapping

_POLLS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What an event source mapping does. See
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


def implied(function: Node, world: World) -> Iterator[Need]:
    """What a function's declaration needs of its role."""
    yield from _logs(function, world)
    for source in sources(world.view, function):
        queue = world.view.referred(source.inputs.get("eventSourceArn"), QUEUE)
        if queue is not None:
            arn = world.arn(queue)
            for action in _POLLS:
                yield Need(action, arn, by="Lambda polls the queue")
            for need in encrypts_queue(arn, DECRYPTS, world):
                yield Need(need.action, need.resource, need.context, "Lambda polls the queue")
    if mapping(function.inputs.get("tracingConfig")).get("mode") == "Active":
        for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
            yield Need(action, "*", by="Lambda sends traces")
    yield from _failures(function, world)


def _logs(function: Node, world: World) -> Iterator[Need]:
    group = log_group_of(world.view, function)
    if group is None:
        return
    stream = f"{world.arn(group)}:log-stream:2026/01/01/[1]0123456789abcdef"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        yield Need(action, stream, by="Lambda writes the log")


def _failures(function: Node, world: World) -> Iterator[Need]:
    targets = [mapping(function.inputs.get("deadLetterConfig")).get("targetArn")]
    kind = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    for node in world.view.of_type(kind):
        found = called(world.view, node.inputs.get("functionName"))
        if found is not None and found.urn == function.urn:
            config = mapping(node.inputs.get("destinationConfig"))
            targets += [
                mapping(config.get(outcome)).get("destination")
                for outcome in ("onFailure", "onSuccess")
            ]
    for target in targets:
        queue = world.view.referred(target, QUEUE)
        if queue is not None:
            by = "Lambda sends calls that failed"
            yield Need("sqs:SendMessage", world.arn(queue), by=by)
            for need in encrypts_queue(world.arn(queue), BOTH, world):
                yield Need(need.action, need.resource, need.context, by)

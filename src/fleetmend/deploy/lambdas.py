"""What several rules ask about functions: which one a value means, what calls it."""

from collections.abc import Iterator

from fleetmend.core.graph import Node
from fleetmend.deploy.tokens import Json
from fleetmend.deploy.view import View, listing, mapping, text_of

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
QUEUE = "aws:sqs/queue:Queue"
SCHEDULE = "aws:scheduler/schedule:Schedule"
RULE_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


def called(view: View, value: Json) -> Node | None:
    """The function that a value means, through its alias or not."""
    found = view.referred(value, FUNCTION, ALIAS)
    if found is not None and found.type == ALIAS:
        return view.referred(found.inputs.get("functionName"), FUNCTION)
    return found


def is_published(view: View, value: Json) -> bool:
    """Whether a value means an alias or a version, not whatever is newest."""
    found = view.referred(value, FUNCTION, ALIAS)
    if found is None or found.type == ALIAS:
        return True
    return isinstance(value, str) and "|qualifiedArn>>" in value


def role_of(view: View, function: Node) -> Node | None:
    """The execution role."""
    return view.referred(function.inputs.get("role"), "aws:iam/role:Role")


def log_group_of(view: View, function: Node) -> Node | None:
    """The log group that a function writes to, if the graph declares it."""
    kind = "aws:cloudwatch/logGroup:LogGroup"
    configured = mapping(function.inputs.get("loggingConfig")).get("logGroup")
    if configured:
        return view.referred(configured, kind)
    default = f"/aws/lambda/{text_of(function, 'name')}"
    for group in view.of_type(kind):
        name = text_of(group, "name")
        named_after = view.all_referred(name)
        if name == default or (name.startswith("/aws/lambda/") and function in named_after):
            return group
    return None


def sources(view: View, function: Node) -> Iterator[Node]:
    """The event source mappings of a function."""
    for node in view.of_type(MAPPING):
        found = called(view, node.inputs.get("functionName"))
        if found is not None and found.urn == function.urn:
            yield node


def asynchronous(view: View, function: Node) -> Iterator[Node]:
    """What calls a function without waiting: rules, schedules, topics, buckets."""
    for node in view.of_type(RULE_TARGET):
        if _is(called(view, node.inputs.get("arn")), function):
            yield node
    for node in view.of_type(SCHEDULE):
        if _is(called(view, mapping(node.inputs.get("target")).get("arn")), function):
            yield node
    for node in view.of_type(SUBSCRIPTION):
        if text_of(node, "protocol") == "lambda" and _is(
            called(view, node.inputs.get("endpoint")), function
        ):
            yield node
    for node in view.of_type("aws:s3/bucketNotification:BucketNotification"):
        for item in listing(node.inputs.get("lambdaFunctions")):
            if _is(called(view, mapping(item).get("lambdaFunctionArn")), function):
                yield node


def _is(found: Node | None, function: Node) -> bool:
    return found is not None and found.urn == function.urn

"""What the parts of a controller are called: known before they are made.

Keys name the log groups and rules that may use them, and alarms name functions and queues; with
the names at hand none of them has to wait for the other.
"""

from fleetmend.components.naming import Limit, Naming


def function_name(names: Naming, concern: str) -> str:
    """The function's name."""
    return names.name(concern, limit=Limit.FUNCTION)


def log_group_name(names: Naming, concern: str) -> str:
    """The function's log group, where Lambda and people look for it."""
    return f"/aws/lambda/{function_name(names, concern)}"


def rule_name(names: Naming, concern: str) -> str:
    """The EventBridge rule's name."""
    return names.name(f"{concern}-events", limit=Limit.RULE)


def queue_name(names: Naming, concern: str) -> str:
    """The queue that wakes the function."""
    return names.name(f"{concern}-queue", limit=Limit.QUEUE)


def dead_letters_name(names: Naming, concern: str) -> str:
    """Messages of the queue that kept failing."""
    return names.name(f"{concern}-dead-letters", limit=Limit.QUEUE)


def undelivered_name(names: Naming, concern: str) -> str:
    """Events, schedules and calls that could not be handed over."""
    return names.name(f"{concern}-undelivered", limit=Limit.QUEUE)

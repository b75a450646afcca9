"""One act as it is sent: what AWS answered, or what is not known of it."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import Failure, SdkError, classify
from fleetmend.core.model import Outcome, Result

NOT_SENT = Outcome(Result.NOT_SENT, "NoTime", "too little time was left for the longest call")
"""What comes of an act for which the longest call does not fit the time that is left."""

_GATEWAY = {502, 504}
"""Statuses of something between us and AWS, which may have passed the call on."""


def attempt(
    client: Client, operation: str, send: Callable[[], object]
) -> Failure | Mapping[str, Any]:
    """Send one act and give its answer, or why it failed.

    The SDK resends without telling. When the last try was turned away but the answer to one
    before it was lost, that one may have been obeyed: nothing is known then.

    Args:
        client: the client that sends it.
        operation: the API's name of it, such as `StartInstances`.
        send: sends it.
    """
    with _lost_answers(client, operation) as lost:
        try:
            return cast("Mapping[str, Any]", send())
        except SdkError as error:
            failure = classify(error)
    if failure.outcome.result is Result.THROTTLED and lost:
        return replace(failure, outcome=replace(failure.outcome, result=Result.UNKNOWN))
    return failure


@contextmanager
def _lost_answers(client: Client, operation: str) -> Generator[list[object]]:
    """Collects the tries of one call whose answer was lost."""
    lost: list[object] = []

    def witness(
        exception: Exception | None = None,
        response_dict: Mapping[str, Any] | None = None,
        **_: object,
    ) -> None:
        unheard = exception and classify(exception).outcome.result is Result.UNKNOWN
        if unheard or (response_dict and response_dict.get("status_code") in _GATEWAY):
            lost.append(exception)

    service = client.meta.service_model.service_id.hyphenize()
    event = f"response-received.{service}.{operation}"
    client.meta.events.register(event, witness)
    try:
        yield lost
    finally:
        client.meta.events.unregister(event, witness)

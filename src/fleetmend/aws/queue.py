"""The controller's own queue in SQS: wake-ups, which carry an id and nothing that is believed."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.ports import PortError

BATCH = 10
"""The most messages of one SendMessageBatch (SQS API Reference)."""

LONGEST_DELAY = 900
"""The longest DelaySeconds of SQS."""

_TRIES = 2


class SqsQueue:
    """One standard queue, known by its URL."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url

    def wake(self, looks: Mapping[str, tuple[int, float]]) -> None:
        """See `Queue`. A delay is rounded up, so that a look does not come before its time.

        Raises:
            PortError: some were not taken, after a second try; all others are on the queue.
        """
        entries = [
            {
                "Id": str(number),
                "MessageBody": json.dumps(
                    {"fleetmend": "look", "subject": subject, "revision": revision}
                ),
                "DelaySeconds": min(LONGEST_DELAY, max(0, math.ceil(seconds))),
            }
            for number, (subject, (revision, seconds)) in enumerate(sorted(looks.items()))
        ]
        problems: list[PortError] = []
        for start in range(0, len(entries), BATCH):
            try:
                self._send(entries[start : start + BATCH])
            except PortError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _send(self, entries: Sequence[Mapping[str, Any]]) -> None:
        left, why = list(entries), ""
        for _ in range(_TRIES):
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=left)
            except SdkError as error:
                raise failed(PortError, f"sqs:SendMessage to {self._url}", error) from error
            refused = cast("Sequence[Mapping[str, Any]]", answer.get("Failed") or ())
            if not refused:
                return
            ids = {item.get("Id") for item in refused}
            left = [entry for entry in left if entry["Id"] in ids]
            why = f"{refused[0].get('Code')}: {refused[0].get('Message')}"
        raise PortError(
            f"{len(left)} of {len(entries)} wake-ups were not taken by {self._url}: {why}",
            remedy="nothing is lost, the sweep looks at them; see the queue's quotas if it lasts",
        )


class DeafQueue:
    """For a plan: nothing is to come of it, so nobody is woken."""

    def wake(self, looks: Mapping[str, tuple[int, float]]) -> None:
        """See `Queue`; does nothing."""

"""SQS, and Lambda's poller that turns its messages into runs.

Rules: Amazon SQS Developer Guide ("Delay queues", "Visibility timeout", "Dead-letter queues") and
AWS Lambda Developer Guide ("Using Lambda with Amazon SQS", batch window, partial responses).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from fleetmend.lab.sim.engine import Engine
from fleetmend.lab.sim.installed import Installed
from fleetmend.lab.sim.replies import AwsError

LONGEST_DELAY = 900
LONGEST_BODY = 1024 * 1024


@dataclass
class Message:
    """One message. Times in seconds from the start."""

    id: str
    body: str
    sent: float
    visible_at: float
    receives: int = 0


Invoke = Callable[[dict[str, Any], Callable[[str, Any], None]], None]
"""Start a run on an event; the callback hears how it ended and what it returned."""


@dataclass
class Queue:
    """One queue with its dead letters, and the poller of the function behind it."""

    engine: Engine
    installed: Installed
    invoke: Invoke
    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    dead: list[Message] = field(default_factory=list[Message])
    _sent: int = 0
    _active: int = 0
    _waiting_since: float | None = None

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as SQS would refuse it.
        """
        if params.get("QueueUrl") != self.installed.queue_url:
            raise AwsError("AWS.SimpleQueueService.NonExistentQueue", "no such queue")
        match operation:
            case "SendMessage":
                return self._accept(params)
            case "SendMessageBatch":
                entries = cast("Sequence[Mapping[str, Any]]", params["Entries"])
                if not 1 <= len(entries) <= 10:
                    raise AwsError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
                if len({entry["Id"] for entry in entries}) != len(entries):
                    raise AwsError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
                done = [{"Id": entry["Id"], **self._accept(entry)} for entry in entries]
                return {"Successful": done, "Failed": []}
            case _:
                raise NotImplementedError(f"sqs:{operation} is not simulated")

    def put(self, body: str, delay: float = 0.0) -> Message:
        """A new message, visible after the delay."""
        self._sent += 1
        now = self.engine.now
        message = Message(f"m-{self._sent}", body, now, now + delay)
        self.messages[message.id] = message
        self.engine.after(delay, self._pump)
        return message

    def _accept(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        delay = entry.get("DelaySeconds", 0)
        body = str(entry["MessageBody"])
        if not 0 <= delay <= LONGEST_DELAY:
            raise AwsError("InvalidParameterValue", f"Value {delay} for DelaySeconds is invalid.")
        if len(body.encode()) > LONGEST_BODY:
            raise AwsError("InvalidParameterValue", "One or more parameters are invalid.")
        message = self.put(body, float(delay))
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": message.id, "MD5OfMessageBody": digest}

    def _ready(self) -> list[Message]:
        return [one for one in self.messages.values() if one.visible_at <= self.engine.now]

    def _pump(self) -> None:
        """Take a batch when the window is over, or when it is full, and a run is free."""
        ready = self._ready()
        if not ready or self._active >= self.installed.concurrency:
            return
        now = self.engine.now
        if self._waiting_since is None:
            self._waiting_since = now
            self.engine.after(self.installed.window, self._pump)
        if len(ready) < self.installed.batch and now < self._waiting_since + self.installed.window:
            return
        self._waiting_since = None
        batch = [one for one in ready if self._received(one)][: self.installed.batch]
        if batch:
            self._active += 1
            self.invoke(self._event(batch), lambda how, result: self._over(batch, how, result))
        self._pump()

    def _received(self, message: Message) -> bool:
        """Count the receive; whatever was received too often goes to the dead letters."""
        if message.receives >= self.installed.max_receives:
            self.dead.append(self.messages.pop(message.id))
            return False
        message.receives += 1
        message.visible_at = self.engine.now + self.installed.visibility
        self.engine.after(self.installed.visibility, self._pump)
        return True

    def _over(self, batch: Sequence[Message], how: str, result: object) -> None:
        """Delete what succeeded; the rest comes back when its visibility time is over."""
        self._active -= 1
        if how == "finished":
            answer = cast("Mapping[str, Any]", result or {})
            failed = {one["itemIdentifier"] for one in answer.get("batchItemFailures", ())}
            for message in batch:
                if message.id not in failed:
                    self.messages.pop(message.id, None)
        self.engine.after(0.0, self._pump)

    def _event(self, batch: Sequence[Message]) -> dict[str, Any]:
        return {"Records": [self._record(message) for message in batch]}

    def _record(self, message: Message) -> dict[str, Any]:
        epoch = self.installed.epoch.timestamp()
        return {
            "messageId": message.id,
            "receiptHandle": f"{message.id}/{message.receives}",
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(int((epoch + message.sent) * 1000)),
                "SenderId": "AIDASIM",
                "ApproximateFirstReceiveTimestamp": str(int((epoch + self.engine.now) * 1000)),
            },
            "messageAttributes": {},
            "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.installed.queue_arn,
            "awsRegion": self.installed.region,
        }


def scaled(installed: Installed, number: int, kind: str, group: str, identity: str) -> str:
    """An Auto Scaling event as EventBridge hands it to a queue.

    Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling event reference".
    """
    return json.dumps(
        {
            "version": "0",
            "id": f"{number:08x}-0000-4000-8000-000000000000",
            "detail-type": kind,
            "source": "aws.autoscaling",
            "account": installed.account,
            "region": installed.region,
            "detail": {"AutoScalingGroupName": group, "EC2InstanceId": identity},
        }
    )


def state_change(installed: Installed, number: int, identity: str, state: str, at: str) -> str:
    """An EC2 state-change event as EventBridge hands it to a queue.

    Amazon EC2 User Guide, "State change events for your instances".
    """
    return json.dumps(
        {
            "version": "0",
            "id": f"{number:08x}-0000-4000-8000-000000000000",
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "account": installed.account,
            "time": at,
            "region": installed.region,
            "resources": [
                f"arn:aws:ec2:{installed.region}:{installed.account}:instance/{identity}"
            ],
            "detail": {"instance-id": identity, "state": state},
        }
    )

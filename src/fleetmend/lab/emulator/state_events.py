"""EC2's state-change events: published to MiniStack's EventBridge, or lost, doubled, late."""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from fleetmend.lab.emulator.control import Control
from fleetmend.lab.emulator.processes import ACCOUNT
from fleetmend.lab.emulator.timers import Timers

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventRule:
    """What becomes of events until then (real time since the epoch); no subjects means all."""

    kind: Literal["drop", "duplicate", "delay"]
    until: float
    subjects: tuple[str, ...] = ()
    times: int = 2
    seconds: float = 0.0

    def fits(self, instance: str) -> bool:
        """Whether it is in force for that instance."""
        return time.time() < self.until and (not self.subjects or instance in self.subjects)


class StateEvents:
    """Publishes in order, off the caller's thread.

    The shape is that of the EC2 User Guide, "Automate Amazon EC2 using EventBridge": source
    `aws.ec2`, detail type `EC2 Instance State-change Notification`.
    """

    def __init__(self, eventbridge: Control, region: str, timers: Timers) -> None:
        self._eventbridge = eventbridge
        self._region = region
        self._timers = timers
        self._rules: list[EventRule] = []
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="lab-events")
        self.dropped = 0
        self.failed: list[str] = []

    def rule(self, rule: EventRule) -> None:
        """Put a rule in force."""
        self._rules = [kept for kept in self._rules if time.time() < kept.until] + [rule]

    def publish(self, instance: str, state: str) -> None:
        """Tell EventBridge about one change, as the rules in force have it."""
        fitting = [rule for rule in self._rules if rule.fits(instance)]
        if any(rule.kind == "drop" for rule in fitting):
            self.dropped += 1
            return
        delay = max((rule.seconds for rule in fitting if rule.kind == "delay"), default=0.0)
        copies = max((rule.times for rule in fitting if rule.kind == "duplicate"), default=1)
        for _ in range(copies):
            self._timers.after(delay, lambda: self.send(instance, state))

    def send(self, instance: str, state: str) -> None:
        """Publish one event whatever the rules say; a false one is sent so."""
        entry = {
            "Source": "aws.ec2",
            "DetailType": "EC2 Instance State-change Notification",
            "Detail": json.dumps({"instance-id": instance, "state": state}),
            "Resources": [f"arn:aws:ec2:{self._region}:{ACCOUNT}:instance/{instance}"],
        }
        data: dict[str, object] = {"account": ACCOUNT, "region": self._region, "entry": entry}
        self._sender.submit(self._post, data)

    def _post(self, data: dict[str, object]) -> None:
        try:
            self._eventbridge.post("event", data)
        except OSError as error:
            self.failed.append(str(error))
            _LOGGER.warning("a state-change event could not be published: %s", error)

    def stop(self) -> None:
        """Send nothing more."""
        self._sender.shutdown(wait=False, cancel_futures=True)

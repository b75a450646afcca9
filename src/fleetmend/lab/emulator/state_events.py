"""Events of EC2 and Auto Scaling: published to MiniStack's EventBridge, or lost, doubled, late."""

import json
import logging
import time
from collections.abc import Callable
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

    The shapes are those of the EC2 User Guide, "Automate Amazon EC2 using EventBridge", and of
    the EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling event reference".
    """

    def __init__(self, eventbridge: Control, region: str, timers: Timers) -> None:
        self._eventbridge = eventbridge
        self._region = region
        self._timers = timers
        self._rules: list[EventRule] = []
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="lab-events")
        self.failed: list[str] = []

    def rule(self, rule: EventRule) -> None:
        """Put a rule in force."""
        self._rules = [kept for kept in self._rules if time.time() < kept.until] + [rule]

    def publish(self, instance: str, state: str) -> None:
        """Tell EventBridge about one change of state, as the rules in force have it."""
        self._publish(instance, lambda: self.send(instance, state))

    def scaled(self, group: str, instance: str, kind: str) -> None:
        """Tell EventBridge about the end of a scaling activity, as the rules in force have it."""
        detail = {"AutoScalingGroupName": group, "EC2InstanceId": instance}
        self._publish(instance, lambda: self._send("aws.autoscaling", kind, instance, detail))

    def send(self, instance: str, state: str) -> None:
        """Publish one change of state whatever the rules say; a false one is sent so."""
        kind = "EC2 Instance State-change Notification"
        self._send("aws.ec2", kind, instance, {"instance-id": instance, "state": state})

    def _publish(self, instance: str, send: Callable[[], None]) -> None:
        fitting = [rule for rule in self._rules if rule.fits(instance)]
        if any(rule.kind == "drop" for rule in fitting):
            return
        delay = max((rule.seconds for rule in fitting if rule.kind == "delay"), default=0.0)
        copies = max((rule.times for rule in fitting if rule.kind == "duplicate"), default=1)
        for _ in range(copies):
            self._timers.after(delay, send)

    def _send(self, source: str, kind: str, instance: str, detail: dict[str, str]) -> None:
        entry = {
            "Source": source,
            "DetailType": kind,
            "Detail": json.dumps(detail),
            "Resources": [f"arn:aws:ec2:{self._region}:{ACCOUNT}:instance/{instance}"],
        }
        data: dict[str, object] = {"account": ACCOUNT, "region": self._region, "entry": entry}
        self._sender.submit(self._post, data)

    def _post(self, data: dict[str, object]) -> None:
        try:
            self._eventbridge.post("event", data)
        except OSError as error:
            self.failed.append(str(error))
            _LOGGER.warning("an event could not be published: %s", error)

    def stop(self) -> None:
        """Send nothing more."""
        self._sender.shutdown(wait=False, cancel_futures=True)

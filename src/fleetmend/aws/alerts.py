"""Alerts as SNS messages: a mail for people, JSON for machines, in one Publish.

SNS hands each protocol its own text (SNS Developer Guide, "Publishing messages with
platform-specific payloads"): `email` gets the mail, and everybody else (`email-json`, `sqs`,
`lambda`, `https`) the JSON object of `core/letters.py`. `concern`, `kind` and `subject` are
message attributes too, for subscription filter policies.
"""

import json
import logging
from collections.abc import Callable, Sequence

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core import letters
from fleetmend.core.letters import Sender, Who
from fleetmend.core.model import Alert
from fleetmend.core.ports import DeliveryFailed

_log = logging.getLogger(__name__)


class SnsAlerts:
    """One topic. Every alert is a message of its own; digests are made by the loop.

    `witness` says who is behind what an alert tells, where somebody may be.
    """

    def __init__(
        self,
        client: Client,
        topic_arn: str,
        *,
        concern: str,
        project: str,
        suffix: str,
        witness: Callable[[str, Alert], Who | None] = lambda _, __: None,
    ) -> None:
        self._client = client
        self._witness = witness
        self._topic = topic_arn
        self._concern = concern
        _, _, _, region, account, _ = topic_arn.split(":", 5)
        self._sender = Sender(project, suffix, account, region)

    def deliver(self, subject: str, alerts: Sequence[Alert]) -> dict[str, str]:
        """See `Alerts`. One Publish each; one that fails is logged, left out, and stays owed."""
        delivered: dict[str, str] = {}
        for alert in alerts:
            try:
                delivered[alert.fact] = self.publish(subject, alert)
            except DeliveryFailed as error:
                _log.error("alert stays owed: %s", error, extra={"fact": alert.fact})
        return delivered

    def publish(self, subject: str, alert: Alert) -> str:
        """Send one alert and return SNS's message id.

        Raises:
            DeliveryFailed: SNS did not take it, or its answer was lost.
        """
        who = self._witness(subject, alert)
        letter = letters.letter(self._sender, self._concern, subject, alert, who)
        body = json.dumps(letters.message(letter), sort_keys=True, ensure_ascii=False)
        words = {"concern": self._concern, "kind": alert.kind, "subject": subject}
        try:
            answer = self._client.publish(
                TopicArn=self._topic,
                Subject=letters.subject_line(letter),
                MessageStructure="json",
                Message=json.dumps(
                    {"default": body, "email": letters.mail(letter)}, ensure_ascii=False
                ),
                MessageAttributes={
                    key: {"DataType": "String", "StringValue": value}
                    for key, value in words.items()
                },
            )
        except SdkError as error:
            what = f"sns:Publish of {alert.fact} to {self._topic}"
            raise failed(DeliveryFailed, what, error) from error
        return str(answer.get("MessageId") or "sns")


class LoggedAlerts:
    """For observe mode: what would have been told stands in the log, and nobody is woken."""

    def deliver(self, subject: str, alerts: Sequence[Alert]) -> dict[str, str]:
        """See `Alerts`: every alert counts as delivered, to the log."""
        for alert in alerts:
            _log.info("would alert: %s", alert.text, extra={"fact": alert.fact, "subject": subject})
        return {alert.fact: "log" for alert in alerts}

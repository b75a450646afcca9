"""Alerts as SNS messages: one body for machines and people, a subject line for people.

The body is JSON whose keys are stable; `schema` goes up when one changes its meaning:

- `schema`: 1. `source`: always `fleetmend`. `installation`: project and environment suffix.
- `concern`, `subject`: what it is about. `kind`: `recovered`, `exhausted`, `capacity`, ...
- `fact`: the deduplication key; a fact may come a second time after a crash, and says so by it.
- `text`: the sentence, with what is left to do.

`concern`, `kind` and `subject` are message attributes too, for subscription filter policies.
"""

import json
import logging
from collections.abc import Sequence

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.model import Alert
from fleetmend.core.ports import DeliveryFailed

SCHEMA = 1

_log = logging.getLogger(__name__)

_SUBJECT_LINE = 100
"""SNS Publish: the subject is ASCII, at most 100 characters, without line breaks."""

_TEXT = 40_000
"""Characters of a text; SNS takes 256 KB in all, and one may become six bytes of JSON."""


class SnsAlerts:
    """One topic. Every alert is a message of its own; digests are made by the loop."""

    def __init__(self, client: Client, topic_arn: str, *, concern: str, installation: str) -> None:
        self._client = client
        self._topic = topic_arn
        self._concern = concern
        self._installation = installation

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
        words = {"concern": self._concern, "kind": alert.kind, "subject": subject}
        message = {
            "schema": SCHEMA,
            "source": "fleetmend",
            "installation": self._installation,
            **words,
            "fact": alert.fact,
            "text": alert.text[:_TEXT],
        }
        try:
            answer = self._client.publish(
                TopicArn=self._topic,
                Subject=_subject_line(f"[{self._installation}] {alert.kind}: {subject}"),
                Message=json.dumps(message, sort_keys=True, ensure_ascii=False),
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


def _subject_line(text: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return plain if len(plain) <= _SUBJECT_LINE else plain[: _SUBJECT_LINE - 3] + "..."

"""Alerts in the words of those who take them: Slack and its like, and PagerDuty.

Pure: an SNS notification in, an address and a JSON body out. Neither answers the confirmation
that SNS asks of an HTTPS subscriber, which is why there is a function between.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

PAGERDUTY = "pagerduty:"
"""What a webhook begins with when it is a PagerDuty routing key instead of an address."""

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
"""PagerDuty Events API v2."""

SUMMARY = 1024
"""Longest `payload.summary` of PagerDuty."""

DEDUP_KEY = 255
"""Longest `dedup_key` of PagerDuty."""

SLACK_TEXT = 3000
"""Characters of a message that Slack shows without folding."""

_GOOD = frozenset({"recovered"})
_GRAVE = frozenset({"exhausted", "gone", "unreadable", "ledger-unavailable"})


class NoticeUnreadable(ValueError):
    """It is not an SNS notification; the text names what is missing."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert for people.

    `key` is the same for everything about one trouble, so that the all-clear finds it.
    `severity` is PagerDuty's: critical, error, warning or info. `clear` says that it is over.
    """

    title: str
    text: str
    key: str
    source: str
    severity: str
    clear: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alerts go. `secret` is the whole of it; `name` may be shown in logs."""

    secret: str
    name: str


@dataclass(frozen=True, slots=True)
class Request:
    """One POST. `url` may be a secret, and `body` may hold one."""

    url: str
    body: bytes


def parse_webhooks(text: str) -> list[Webhook]:
    """The webhooks in a parameter's value: a JSON list of addresses and PagerDuty keys.

    Raises:
        ValueError: it is no such list; the text holds nothing of the value.
    """
    try:
        loaded: object = json.loads(text)
    except ValueError:
        raise ValueError("the webhooks are not JSON") from None
    items = cast("list[object]", loaded) if isinstance(loaded, list) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise ValueError("the webhooks are not a JSON list of texts")
    return [_webhook(str(item), number) for number, item in enumerate(items, 1)]


def read_notice(record: Mapping[str, Any]) -> Notice:
    """The alert in one record of an SNS event: Fleetmend's own, an alarm's, or any other text.

    Raises:
        NoticeUnreadable: the record has no SNS message.
    """
    sns = record.get("Sns")
    message = cast("Mapping[str, object]", sns).get("Message") if isinstance(sns, dict) else None
    if not isinstance(message, str):
        raise NoticeUnreadable("a record of the event has no Sns.Message")
    envelope = cast("Mapping[str, object]", sns)
    fields = _fields(message)
    if fields.get("source") == "fleetmend":
        return _own(fields, envelope)
    if "AlarmName" in fields and "NewStateValue" in fields:
        return _alarm(fields)
    title = str(envelope.get("Subject") or "Message")
    return Notice(
        title, message, str(envelope.get("MessageId") or title), "sns", "warning", clear=False
    )


def request(webhook: Webhook, notice: Notice) -> Request:
    """The POST that tells this webhook."""
    if webhook.secret.startswith(PAGERDUTY):
        return Request(PAGERDUTY_URL, _json(_pagerduty(webhook, notice)))
    return Request(webhook.secret, _json({"text": _slack_text(notice)}))


def _webhook(secret: str, number: int) -> Webhook:
    if secret.startswith(PAGERDUTY):
        return Webhook(secret, f"PagerDuty (webhook {number})")
    parts = urlsplit(secret)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"webhook {number} is neither an https address nor a PagerDuty key")
    return Webhook(secret, f"{parts.hostname} (webhook {number})")


def _fields(message: str) -> Mapping[str, object]:
    try:
        loaded: object = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, object]", loaded) if isinstance(loaded, dict) else {}


def _own(fields: Mapping[str, object], envelope: Mapping[str, object]) -> Notice:
    installation, subject = str(fields.get("installation", "")), str(fields.get("subject", ""))
    kind, concern = str(fields.get("kind", "")), str(fields.get("concern", ""))
    severity = "critical" if kind in _GRAVE else "info" if kind in _GOOD else "warning"
    return Notice(
        title=str(envelope.get("Subject") or f"[{installation}] {kind}: {subject}"),
        text=str(fields.get("text", "")),
        key=f"{installation}/{concern}/{subject}",
        source=installation,
        severity=severity,
        clear=kind in _GOOD,
    )


def _alarm(fields: Mapping[str, object]) -> Notice:
    """CloudWatch User Guide, "Alarm notification" in SNS."""
    name, state = str(fields["AlarmName"]), str(fields["NewStateValue"])
    says, why = fields.get("AlarmDescription") or "", fields.get("NewStateReason") or ""
    return Notice(
        title=f"{state}: {name}",
        text=f"{says}\n{why}".strip(),
        key=str(fields.get("AlarmArn") or name),
        source=str(fields.get("Region") or "CloudWatch"),
        severity="info" if state == "OK" else "error",
        clear=state == "OK",
    )


def _slack_text(notice: Notice) -> str:
    """Slack, "Formatting text": these three characters are control characters."""
    text = f"{notice.title}\n{notice.text}"
    if len(text) > SLACK_TEXT:
        text = text[: SLACK_TEXT - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pagerduty(webhook: Webhook, notice: Notice) -> Mapping[str, object]:
    key = notice.key
    event: dict[str, object] = {
        "routing_key": webhook.secret.removeprefix(PAGERDUTY),
        "event_action": "resolve" if notice.clear else "trigger",
        "dedup_key": key[-DEDUP_KEY:],
    }
    if notice.clear:
        return event
    return event | {
        "payload": {
            "summary": notice.title[:SUMMARY],
            "source": notice.source or "fleetmend",
            "severity": notice.severity,
            "custom_details": {"text": notice.text},
        }
    }


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")

"""Alerts in the words of those who take them: Slack and its like, and PagerDuty.

Pure: an SNS notification in, an address and a JSON body out. Neither answers the confirmation
that SNS asks of an HTTPS subscriber, which is why there is a function between.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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

HEADER = 150
"""Longest text of Slack's header block."""

SECTION = 3000
"""Longest text of Slack's section block; also where Slack folds a plain message."""

LARGEST_PART, PART = 2900, 1200
"""Longest text of the first part of an alert and of each other one: Slack refuses messages whose
blocks hold some 12,000 characters together (seen; its documents do not say how many)."""

_SEVERITIES = frozenset({"critical", "error", "warning", "info"})
_PARTS = (
    ("what", "What happened"),
    ("why", "Why"),
    ("who", "Who"),
    ("done", "What was done"),
    ("yours", "What is yours to do"),
)


class NoticeUnreadable(ValueError):
    """It is not an SNS notification; the text names what is missing."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert for people.

    `key` is the same for everything about one trouble, so that the all-clear finds it; `ends` are
    the keys of what is over. `parts` are (title, text), `command` the one that helps. `severity`
    is PagerDuty's: critical, error, warning or info. `at` is when it was sent, in ISO 8601, and
    `details` what machines may want besides.
    """

    title: str
    text: str
    key: str
    source: str
    severity: str
    ends: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    command: str = ""
    at: str = ""
    details: Mapping[str, str] = field(default_factory=dict[str, str])


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
        return _alarm(fields, envelope)
    title = str(envelope.get("Subject") or "Message")
    key = str(envelope.get("MessageId") or title)
    return Notice(title, message, key, "sns", "warning", at=_sent_at(envelope))


def requests(webhook: Webhook, notice: Notice) -> list[Request]:
    """The POSTs that tell this webhook.

    A pager is told of troubles and of their ends. What is only good to know, such as that a
    replacement went well, would wake somebody for nothing.
    """
    if not webhook.secret.startswith(PAGERDUTY):
        return [Request(webhook.secret, _json(_slack(notice)))]
    key = webhook.secret.removeprefix(PAGERDUTY)
    events = [_resolve(key, one) for one in notice.ends]
    if notice.key not in notice.ends and notice.severity != "info":
        events.append(_trigger(key, notice))
    return [Request(PAGERDUTY_URL, _json(event)) for event in events]


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
    def text(key: str) -> str:
        value = fields.get(key)
        return value if isinstance(value, str) else ""

    installation, subject, kind = text("installation"), text("subject"), text("kind")
    ends = fields.get("ends")
    severity = text("severity")
    return Notice(
        title=str(envelope.get("Subject") or f"[{installation}] {kind}: {subject}"),
        text=text("text"),
        key=text("incident") or f"{installation}/{text('concern')}/{subject}",
        source=installation,
        severity=severity if severity in _SEVERITIES else "warning",
        ends=tuple(map(str, cast("list[object]", ends))) if isinstance(ends, list) else (),
        parts=tuple((title, text(key)) for key, title in _PARTS if text(key)),
        command=text("command"),
        at=_sent_at(envelope),
        details={
            key: text(key)
            for key in ("concern", "subject", "kind", "region", "account", "since", "fact")
            if text(key)
        },
    )


def _alarm(fields: Mapping[str, object], envelope: Mapping[str, object]) -> Notice:
    """CloudWatch User Guide, "Alarm notification" in SNS."""
    name, state = str(fields["AlarmName"]), str(fields["NewStateValue"])
    says, why = fields.get("AlarmDescription") or "", fields.get("NewStateReason") or ""
    key = str(fields.get("AlarmArn") or name)
    return Notice(
        title=f"{state}: {name}",
        text=f"{says}\n{why}".strip(),
        key=key,
        source=str(fields.get("Region") or "CloudWatch"),
        severity="info" if state == "OK" else "error",
        ends=(key,) if state == "OK" else (),
        at=_sent_at(envelope),
    )


def _sent_at(envelope: Mapping[str, object]) -> str:
    return str(envelope.get("Timestamp") or "")


def _slack(notice: Notice) -> Mapping[str, object]:
    """Slack, "Reference: blocks". `text` is for notifications, and for receivers without blocks."""
    longest = [LARGEST_PART, *([PART] * len(notice.parts))]
    sections = [
        f"*{title}*\n{_escaped(text, most)}"
        for (title, text), most in zip(notice.parts, longest, strict=False)
    ]
    if notice.command:
        sections.append(f"```{_escaped(notice.command, PART)}```")
    if not sections and notice.text:
        sections = [_escaped(notice.text, SECTION)]
    header = {"type": "plain_text", "text": _cut(notice.title, HEADER) or "Alert"}
    return {
        "text": _escaped(f"{notice.title}\n{notice.text}", SECTION),
        "blocks": [
            {"type": "header", "text": header},
            *(
                {"type": "section", "text": {"type": "mrkdwn", "text": text}}
                for text in sections
                if text.strip()
            ),
        ],
    }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _escaped(text: str, most: int) -> str:
    """Text whose control characters are escaped, and so long at most (Slack, "Formatting text")."""
    words = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    pieces, left = list[str](), most - 1
    for character in text:
        piece = words.get(character, character)
        left -= len(piece)
        if left < 0:
            return "".join([*pieces, "…"])
        pieces.append(piece)
    return "".join(pieces)


def _trigger(routing_key: str, notice: Notice) -> Mapping[str, object]:
    details = dict(notice.parts) or {"text": notice.text}
    payload = {
        "summary": _cut(notice.title, SUMMARY) or "Alert",
        "source": notice.source or "fleetmend",
        "severity": notice.severity,
        "component": notice.details.get("subject", ""),
        "group": notice.details.get("concern", ""),
        "class": notice.details.get("kind", ""),
        "timestamp": notice.at,
        "custom_details": {**details, "command": notice.command, **notice.details},
    }
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": _dedup_key(notice.key),
        "client": "Fleetmend",
        "payload": {name: value for name, value in payload.items() if value},
    }


def _resolve(routing_key: str, key: str) -> Mapping[str, object]:
    return {
        "routing_key": routing_key,
        "event_action": "resolve",
        "dedup_key": _dedup_key(key),
    }


def _dedup_key(key: str) -> str:
    """The key, shortened where PagerDuty takes no more, so that no two become one."""
    if len(key) <= DEDUP_KEY:
        return key or "fleetmend"
    mark = hashlib.sha256(key.encode("utf-8", errors="replace")).hexdigest()[:16]
    return f"{key[: DEDUP_KEY - 17]}-{mark}"


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")

"""What wakes a controller: the patterns that are subscribed, and the messages that come.

A message carries an identity, never a fact that is trusted: whatever it claims about a state is
thrown away here, and AWS is asked instead. What cannot be understood is an error that names the
place, so that the message ends among the dead letters and not in silence.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

STOPPED_PATTERN: Mapping[str, Any] = {
    "source": ["aws.ec2"],
    "detail-type": ["EC2 Instance State-change Notification"],
    "detail": {"state": ["stopped"]},
}
"""Amazon EC2 User Guide, "State change events for your instances"."""

TERMINATED_PATTERN: Mapping[str, Any] = {
    **STOPPED_PATTERN,
    "detail": {"state": ["terminated"]},
}
"""The same event for an instance that is gone."""

DOWN_PATTERN: Mapping[str, Any] = {
    **STOPPED_PATTERN,
    "detail": {"state": ["stopped", "terminated"]},
}
"""Both: what recovery is woken by."""

TURNED_PATTERN: Mapping[str, Any] = {
    **STOPPED_PATTERN,
    "detail": {"state": ["running", "stopped"]},
}
"""Started or stopped by anybody: what remediation has stopped is looked at again then."""

SCALED_PATTERN: Mapping[str, Any] = {
    "source": ["aws.autoscaling"],
    "detail-type": ["EC2 Instance Launch Successful", "EC2 Instance Terminate Successful"],
}
"""Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling event reference"."""

SWEEP = "sweep"
"""The scheduler's whole message is `{"fleetmend": "sweep"}`."""

_LONGEST_TEXT = 1000


class MessageUnreadable(ValueError):
    """The message cannot be understood; the text names the key and what would be valid."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """How a concern's subjects are named.

    `pattern` is what a name looks like, `meaning` says it in words, and `detail` is the key that
    holds it in the detail of an EventBridge event.
    """

    pattern: re.Pattern[str]
    meaning: str
    detail: str


INSTANCES = Subjects(
    re.compile(r"i-[0-9a-f]{8,17}|mass-stop|mass-impaired"),
    "an instance id such as i-0abc…",
    "instance-id",
)

GROUPS = Subjects(
    re.compile(r"[!-9;-~]{1,255}"),
    "the name of an Auto Scaling group such as web",
    "AutoScalingGroupName",
)
"""Amazon EC2 Auto Scaling API Reference, CreateAutoScalingGroup: ASCII from ! to ~ but a colon."""


@dataclass(frozen=True, slots=True)
class Look:
    """Look at this subject. `revision` is the record's when the wake-up was sent, if it was one.

    A wake-up whose record has moved on is dropped: whoever moved it has sent its own.
    """

    subject: str
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A person says: leave it alone until then. `run` names the report they wait for."""

    subject: str
    until: datetime
    by: str
    reason: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A person takes a hold back."""

    subject: str
    by: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """A person says: mended, try again. An empty subject means all that are exhausted."""

    subject: str
    by: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A person asks for a run now; `plan` only decides."""

    run: str
    by: str
    plan: bool = False


@dataclass(frozen=True, slots=True)
class Undo:
    """A person says: take back what a run changed, of one subject or of all it changed.

    One of the two may be empty: all runs of a subject, or all subjects of a run.
    """

    subject: str
    of: str
    by: str
    run: str = ""


Message = Look | Hold | Release | Retry | Undo | Run


def parse(body: str, subjects: Subjects = INSTANCES) -> Message:
    """The message in one queue body, about one of these subjects.

    Raises:
        MessageUnreadable: it is neither an event about such a subject nor one of Fleetmend's own.
    """
    try:
        loaded: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MessageUnreadable(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise MessageUnreadable("not a JSON object")
    fields = cast("Mapping[str, object]", loaded)
    kind = fields.get("fleetmend")
    if kind is None:
        return Look(_event_subject(fields, subjects))
    match kind:
        case "look":
            return Look(_subject(fields, subjects), _revision(fields))
        case "hold":
            until, reason = _time(fields, "until"), _text(fields, "reason")
            return Hold(
                _subject(fields, subjects), until, _text(fields, "by"), reason, _run(fields)
            )
        case "release":
            return Release(_subject(fields, subjects), _text(fields, "by"), _run(fields))
        case "retry":
            subject = "" if fields.get("all") is True else _subject(fields, subjects)
            return Retry(subject, _text(fields, "by"), _run(fields))
        case "undo":
            return _undo(fields, subjects)
        case "run":
            return Run(_text(fields, "run"), _text(fields, "by"), fields.get("plan") is True)
        case _:
            raise MessageUnreadable(
                f"fleetmend: {kind!r} is not one of look, hold, release, retry, undo, run"
            )


def _undo(fields: Mapping[str, object], subjects: Subjects) -> Undo:
    of = _text(fields, "of") if "of" in fields else ""
    subject = _subject(fields, subjects) if "subject" in fields or not of else ""
    return Undo(subject, of, _text(fields, "by"), _run(fields))


def _event_subject(fields: Mapping[str, object], subjects: Subjects) -> str:
    detail = fields.get("detail")
    if not isinstance(detail, dict):
        raise MessageUnreadable("neither a Fleetmend message nor an event: no `detail`")
    return _named(cast("Mapping[str, object]", detail), subjects.detail, subjects)


def _subject(fields: Mapping[str, object], subjects: Subjects) -> str:
    """A subject's name, or that of one of the ledger's own notices (see telling.py)."""
    value = fields.get("subject")
    if isinstance(value, str):
        notice = re.fullmatch(r"digest:[0-9a-f]{1,64}|unreadable:(?P<of>.+)", value)
        if notice and (notice["of"] is None or subjects.pattern.fullmatch(notice["of"])):
            return value
    return _named(fields, "subject", subjects)


def _named(fields: Mapping[str, object], key: str, subjects: Subjects) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not subjects.pattern.fullmatch(value):
        raise MessageUnreadable(f"{key}: {value!r} is not {subjects.meaning}")
    return value


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT:
        raise MessageUnreadable(f"{key}: a text of 1 to {_LONGEST_TEXT} characters is needed")
    return value


def _run(fields: Mapping[str, object]) -> str:
    return _text(fields, "run") if "run" in fields else ""


def _revision(fields: Mapping[str, object]) -> int:
    value = fields.get("revision")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MessageUnreadable(f"revision: {value!r} is not a whole number from 0")
    return value


def _time(fields: Mapping[str, object], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(fields, key))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MessageUnreadable(f"{key}: {error}") from error

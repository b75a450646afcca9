"""A record as the bytes that stand in the ledger, and back.

The body is small JSON with a schema version. Readers accept this version and the one before, so
that two releases can run side by side while functions are being replaced; writers write the
newest. A field that is missing, unknown or of the wrong type makes the whole record unreadable:
guessing at half a record would be acting on doubt.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from fleetmend.core.model import Alert, Attempt, Hold, Intent, IntentState, Record, Result, Status

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

SCHEMA = 2
"""The version written. In version 1 an alert had only `fact`, `kind`, `text` and `delivered`."""

_LONGEST = 256 * 1024


class RecordUnreadable(ValueError):
    """The bytes are not a record; the message names the place (`attempts[2].at`) and why."""


def encode(record: Record) -> bytes:
    """UTF-8 JSON with sorted keys and a final newline, fit for people and DuckDB."""
    body = {
        "schema": SCHEMA,
        "concern": record.concern,
        "subject": record.subject,
        "revision": record.revision,
        "nonce": record.nonce,
        "written_at": _text(record.written_at),
        "status": record.status.value,
        "reason": record.reason,
        "note": record.note,
        "opened_at": _text(record.opened_at),
        "next_look_at": _text(record.next_look_at),
        "intent": record.intent and _intent(record.intent),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
        "alerts": [_alert(alert) for alert in record.alerts],
        "hold": record.hold
        and {
            "until": _text(record.hold.until),
            "by": record.hold.by,
            "reason": record.hold.reason,
        },
        "detail": dict(record.detail),
    }
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def decode(body: bytes) -> Record:
    """The record in `body`.

    Raises:
        RecordUnreadable: anything but a complete record of a known schema.
    """
    if len(body) > _LONGEST:
        raise RecordUnreadable(f"{len(body)} bytes; a record has at most {_LONGEST}")
    try:
        loaded: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RecordUnreadable(f"not JSON: {error}") from error
    return _whole(loaded, "record", _read_record)


def _intent(intent: Intent) -> dict[str, Any]:
    return {
        "id": intent.id,
        "action": intent.action,
        "state": intent.state.value,
        "planned_at": _text(intent.planned_at),
        "until": _text(intent.until),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": _text(attempt.at),
        "result": attempt.result.value,
        "code": attempt.code,
        "message": attempt.message,
        # Left out where it is empty, so that what an earlier release knew reads as it always did.
        **({"act": attempt.act} if attempt.act else {}),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "fact": alert.fact,
        "kind": alert.kind,
        "text": alert.text,
        "why": alert.why,
        "done": alert.done,
        "since": _text(alert.since),
        "ends": list(alert.ends),
        "delivered": alert.delivered,
    }


def _text(moment: datetime | None) -> str | None:
    return moment and moment.astimezone(UTC).isoformat(timespec="microseconds")


def _time(value: object, place: str) -> datetime:
    if not isinstance(value, str):
        raise RecordUnreadable(f"{place}: {value!r} is not a time")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise RecordUnreadable(f"{place}: {error}") from error
    if moment.tzinfo is None:
        raise RecordUnreadable(f"{place}: {value!r} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise RecordUnreadable(f"{place}: {error}") from error


class _Reader:
    """Takes fields out of a JSON object one by one, so that what is left over shows."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise RecordUnreadable(f"{place}: not an object")
        self._left = dict(cast("Mapping[str, object]", value))
        self._place = place

    def _pop(self, key: str) -> tuple[object, str]:
        place = f"{self._place}.{key}"
        if key not in self._left:
            raise RecordUnreadable(f"{place}: missing")
        return self._left.pop(key), place

    def text(self, key: str, default: str | None = None) -> str:
        if default is not None and key not in self._left:
            return default
        value, place = self._pop(key)
        if not isinstance(value, str):
            raise RecordUnreadable(f"{place}: {value!r} is not text")
        return value

    def number(self, key: str) -> int:
        value, place = self._pop(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RecordUnreadable(f"{place}: {value!r} is not a whole number")
        return value

    def word(self, key: str, kind: type[E]) -> E:
        value, place = self._pop(key)
        try:
            return kind(value)
        except ValueError as error:
            raise RecordUnreadable(f"{place}: {error}") from error

    def time(self, key: str) -> datetime:
        return _time(*self._pop(key))

    def mapping(self, key: str) -> dict[str, object]:
        value, place = self._pop(key)
        if not isinstance(value, dict):
            raise RecordUnreadable(f"{place}: not an object")
        return cast("dict[str, object]", value)

    def maybe(self, key: str, read: Callable[[object, str], T]) -> T | None:
        value, place = self._pop(key)
        return None if value is None else read(value, place)

    def each(self, key: str, read: Callable[["_Reader"], T]) -> tuple[T, ...]:
        value, place = self._pop(key)
        if not isinstance(value, list):
            raise RecordUnreadable(f"{place}: not a list")
        items = enumerate(cast("list[object]", value))
        return tuple(_whole(item, f"{place}[{n}]", read) for n, item in items)

    def texts(self, key: str) -> tuple[str, ...]:
        value, place = self._pop(key)
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in items):
            raise RecordUnreadable(f"{place}: {value!r} is not a list of texts")
        return tuple(map(str, items))

    def done(self) -> None:
        if self._left:
            raise RecordUnreadable(f"{self._place}: unknown fields {sorted(self._left)}")


def _whole(value: object, place: str, read: Callable[[_Reader], T]) -> T:
    reader = _Reader(value, place)
    result = read(reader)
    reader.done()
    return result


def _read_record(reader: _Reader) -> Record:
    schema = reader.number("schema")
    if schema not in {SCHEMA, SCHEMA - 1}:
        known = f"{SCHEMA - 1} and {SCHEMA}"
        raise RecordUnreadable(f"record.schema: {schema}; this release reads {known}")
    read_alert = _read_alert if schema == SCHEMA else _read_short_alert
    return Record(
        concern=reader.text("concern"),
        subject=reader.text("subject"),
        revision=reader.number("revision"),
        nonce=reader.text("nonce"),
        written_at=reader.maybe("written_at", _time),
        status=reader.word("status", Status),
        reason=reader.text("reason"),
        note=reader.text("note"),
        opened_at=reader.maybe("opened_at", _time),
        next_look_at=reader.maybe("next_look_at", _time),
        intent=reader.maybe("intent", _read_intent),
        attempts=reader.each("attempts", _read_attempt),
        alerts=reader.each("alerts", read_alert),
        hold=reader.maybe("hold", _read_hold),
        detail=reader.mapping("detail"),
    )


def _read_intent(value: object, place: str) -> Intent:
    return _whole(
        value,
        place,
        lambda reader: Intent(
            id=reader.text("id"),
            action=reader.text("action"),
            state=reader.word("state", IntentState),
            planned_at=reader.time("planned_at"),
            until=reader.time("until"),
        ),
    )


def _read_hold(value: object, place: str) -> Hold:
    return _whole(
        value,
        place,
        lambda reader: Hold(
            until=reader.time("until"), by=reader.text("by"), reason=reader.text("reason")
        ),
    )


def _read_attempt(reader: _Reader) -> Attempt:
    return Attempt(
        at=reader.time("at"),
        result=reader.word("result", Result),
        code=reader.text("code"),
        message=reader.text("message"),
        act=reader.text("act", ""),
    )


def _read_short_alert(reader: _Reader) -> Alert:
    return Alert(
        fact=reader.text("fact"),
        kind=reader.text("kind"),
        text=reader.text("text"),
        delivered=reader.text("delivered"),
    )


def _read_alert(reader: _Reader) -> Alert:
    return replace(
        _read_short_alert(reader),
        why=reader.text("why"),
        done=reader.text("done"),
        since=reader.maybe("since", _time),
        ends=reader.texts("ends"),
    )

"""What the gateways do wrong on demand: errors, throttling, lost and late answers, crashes."""

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from xml.sax.saxutils import escape

from fleetmend.lab.emulator.calls import LAB, WireCall
from fleetmend.lab.sim.replies import LOST_WORDS, STATUS, THROTTLED

Kind = Literal["error", "throttle", "lost", "slow", "pause", "crash-before", "crash-after"]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that shall go wrong.

    `service` and `operation` may be `*`. `subjects` are instance ids; empty means whoever.
    `times` counts requests, the SDK's retries included. `until` is real time since the epoch,
    `seconds` the delay of `slow` and `pause`. `skip` lets so many fitting calls pass first. A
    `code` among `LOST_WORDS` is no error but a connection that breaks before anything happened.
    """

    kind: Kind
    service: str = "*"
    operation: str = "*"
    subjects: tuple[str, ...] = ()
    times: int | None = None
    until: float | None = None
    code: str = ""
    status: int | None = None
    seconds: float = 0.0
    skip: int = 0

    def fits(self, call: WireCall) -> bool:
        """Whether the call is one of those it is for."""
        return (
            self.service in ("*", call.service)
            and self.operation in ("*", call.operation)
            and (not self.subjects or not set(self.subjects).isdisjoint(call.subjects))
        )

    @property
    def breaks(self) -> bool:
        """Whether the connection breaks before the call has any effect."""
        return self.kind == "error" and self.code in LOST_WORDS

    @property
    def over(self) -> bool:
        """Whether it has done all it was for."""
        return self.times == 0 or (self.until is not None and time.time() >= self.until)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Disturbance":
        """What `as_json` wrote."""
        given: dict[str, Any] = dict(data)
        given["subjects"] = tuple(given.get("subjects", ()))
        return Disturbance(**given)


class FaultBook:
    """The disturbances in force; safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: list[Disturbance] = []
        self._lock = threading.Lock()

    def add(self, disturbance: Disturbance) -> None:
        """Put one in force."""
        with self._lock:
            self._entries.append(disturbance)

    def clear(self) -> None:
        """End all of them."""
        with self._lock:
            self._entries.clear()

    def strike(self, call: WireCall) -> Disturbance | None:
        """What shall go wrong with this call, and count it. The lab's own calls are spared."""
        if call.caller == LAB:
            return None
        with self._lock:
            self._entries = [entry for entry in self._entries if not entry.over]
            for index, entry in enumerate(self._entries):
                if not entry.fits(call):
                    continue
                if entry.skip:
                    self._entries[index] = replace(entry, skip=entry.skip - 1)
                    continue
                if entry.times is not None:
                    self._entries[index] = replace(entry, times=entry.times - 1)
                return entry
        return None


def error_of(disturbance: Disturbance, service: str) -> tuple[str, int]:
    """AWS's error code and the HTTP status for an error or a throttle of that service."""
    code = disturbance.code
    if disturbance.kind == "throttle" and not code:
        code = THROTTLED.get(service, "ThrottlingException")
    return code, disturbance.status or STATUS.get(code, 400)


def error_body(service: str, code: str, message: str) -> tuple[bytes, dict[str, str]]:
    """An error as that service words it (botocore's parsers are the other end), and its headers."""
    safe = escape(message)
    xml = {"content-type": "text/xml;charset=UTF-8"}
    match service:
        case "ec2":
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{safe}</Message></Error>"
                "</Errors><RequestID>lab</RequestID></Response>"
            )
        case "s3":
            text = (
                f"<Error><Code>{code}</Code><Message>{safe}</Message>"
                "<RequestId>lab</RequestId></Error>"
            )
        case "autoscaling" | "elasticloadbalancing" | "sns" | "iam" | "sts":
            text = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
                f"<Message>{safe}</Message></Error><RequestId>lab</RequestId></ErrorResponse>"
            )
        case _:
            quoted = message.replace("\\", "\\\\").replace('"', '\\"')
            headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
            return f'{{"__type": "{code}", "message": "{quoted}"}}'.encode(), headers
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), xml

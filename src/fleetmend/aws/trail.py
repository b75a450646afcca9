"""CloudTrail's event history, and who is behind what an alert tells: best effort, never for long.

LookupEvents answers two calls a second for the account and region (CloudTrail API Reference). So
it is asked only for what is about to be told, once for each alert, a few times a run, and after
the first answer that is none not again, unless that came of asking too fast. Where it is asked for
a fact and not for a hint, as remediation does, whoever asks bounds how often, and an answer that
is none is an error.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import THROTTLED, SdkError, failed
from fleetmend.core import witness
from fleetmend.core.letters import Who
from fleetmend.core.meanings import meaning
from fleetmend.core.model import Alert
from fleetmend.core.ports import ObservationFailed

LOOKUPS = 6
"""The most calls of one run: five alerts that are told by themselves, and a digest."""

_PAGE = 50
"""The most entries that one call gives."""

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, the newest first; `more` says that there are older ones."""

    events: Sequence[Mapping[str, Any]]
    more: bool


def pages(
    client: Callable[[str], Client], key: str, value: str, span: Mapping[str, datetime]
) -> Iterator[Page]:
    """The events of which one attribute has this value; each page is asked for when it is wanted.

    Args:
        client: gives AWS's clients.
        key: the attribute, such as `ResourceName`; LookupEvents takes one.
        value: what it must be.
        span: `StartTime` and `EndTime`; empty for the 90 days that there are.

    Raises:
        ObservationFailed: CloudTrail did not answer, or refused.
    """
    asked = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}], **span}
    try:
        lookups = client("cloudtrail").get_paginator("lookup_events")
        for page in lookups.paginate(**asked, PaginationConfig={"PageSize": _PAGE}):
            events = cast("Sequence[Mapping[str, Any]]", page.get("Events") or ())
            yield Page(events, more=bool(page.get("NextToken")))
    except SdkError as error:
        raise failed(ObservationFailed, "cloudtrail:LookupEvents", error) from error


class Trail:
    """Asks for one run; `client` gives AWS's clients, `clock` is any clock of about now."""

    def __init__(
        self, client: Callable[[str], Client], concern: str, *, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._concern = concern
        self._clock = clock
        self._left, self._lock = LOOKUPS, Lock()
        self._silent = ""

    def __call__(self, subject: str, alert: Alert) -> Who | None:
        """Who is behind what this alert tells; None where nobody need be."""
        call = meaning(self._concern, alert.kind).asks
        if not call:
            return None
        with self._lock:
            self._left -= 1
            if self._silent or self._left < 0:
                return witness.unreadable(self._silent or "too many alerts in one run")
        one = _INSTANCE.fullmatch(subject) is not None
        key, value = ("ResourceName", subject) if one else ("EventName", call)
        now = self._clock()
        span = {"StartTime": min(alert.since or now, now) - witness.BEFORE, "EndTime": now}
        try:
            newest = next(pages(self._client, key, value, span))
        except ObservationFailed as error:
            # Doubt about who is no reason to tell later, or not.
            _log.warning("%s", error)
            if error.code not in THROTTLED:
                self._silent = error.code
            return witness.unreadable(error.code)
        if one:
            return witness.of_one(subject, call, newest.events)
        return witness.of_many(call, newest.events, more=newest.more)

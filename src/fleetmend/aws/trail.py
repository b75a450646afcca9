"""CloudTrail, asked who stopped what an alert is about: best effort, and never for long.

LookupEvents answers two calls a second for the account and region (CloudTrail API Reference). So
it is asked only for what is about to be told, once for each alert, a few times a run, and after
the first answer that is none not again.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
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
        try:
            answer = self._client("cloudtrail").lookup_events(
                LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}],
                StartTime=min(alert.since or now, now) - witness.BEFORE,
                EndTime=now,
                MaxResults=_PAGE,
            )
        except SdkError as error:
            # Doubt about who is no reason to tell later, or not.
            _log.warning("%s", failed(ObservationFailed, "cloudtrail:LookupEvents", error))
            self._silent = type(error).__name__
            return witness.unreadable(self._silent)
        entries = cast("Sequence[Mapping[str, Any]]", answer.get("Events") or ())
        if one:
            return witness.of_one(subject, call, entries)
        return witness.of_many(call, entries, more=bool(answer.get("NextToken")))

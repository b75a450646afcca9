"""The store's time, told from the `Date` headers of its answers.

Intents of many writers are compared with one clock, the store's, since the machines' clocks may
differ. `Date` has a resolution of one second (RFC 9110, section 6.6.1), so an answer does not
say what time it is, only between which two offsets from the local clock the store's lies. The
correction is the smallest one that agrees with all answers: a good local clock stays untouched
and keeps its microseconds.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock

_RESOLUTION = timedelta(seconds=1)
_NONE = timedelta(0)


class StoreClock:
    """An estimate of the store's clock; any number of threads may use it at once."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._least = timedelta.min
        self._most = timedelta.max
        self._lock = Lock()

    def local(self) -> datetime:
        """The machine's own time, which `heard` is told in."""
        return self._clock()

    def now(self) -> datetime:
        """The store's time."""
        with self._lock:
            offset = min(max(_NONE, self._least), self._most)
        return self._clock() + offset

    def heard(self, sent: datetime, received: datetime, date: str | None) -> None:
        """Learn from one answer.

        At some moment from `sent` to `received` the store's clock stood within the second that
        `date` names. An answer that contradicts the earlier ones means that a clock was set;
        then it alone counts. One without a readable date says nothing.
        """
        told = _parse(date)
        if told is None:
            return
        least, most = told - received, told + _RESOLUTION - sent
        with self._lock:
            narrowed = max(least, self._least), min(most, self._most)
            self._least, self._most = narrowed if narrowed[0] <= narrowed[1] else (least, most)


def _parse(date: str | None) -> datetime | None:
    if not date:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

"""Recurring hold windows: every night from ten to six, in somebody's own time zone.

A time of the clock that comes twice (when clocks go back) is taken wide: a window begins at the
first and ends at the second. One that does not come at all (when they go forward) is the moment
the clock jumped to.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A hold that comes back on these days (0 is Monday), told by the clocks of `zone`.

    It ends on the day after where `ends` is not later than `begins`.
    """

    days: frozenset[int]
    begins: time
    ends: time
    zone: tzinfo
    reason: str
    by: str

    def open_until(self, now: datetime) -> datetime | None:
        """When it ends, if it is open at that moment."""
        try:
            today = now.astimezone(self.zone).date()
            days = (today - _DAY, today)
        except OverflowError:
            return None
        over = self.ends <= self.begins
        for day in days:
            if day.weekday() not in self.days:
                continue
            last = day + _DAY if over else day
            start = datetime.combine(day, self.begins, self.zone).astimezone(UTC)
            end = datetime.combine(last, self.ends.replace(fold=1), self.zone).astimezone(UTC)
            if start <= now < end:
                return end
        return None

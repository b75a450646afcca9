"""Recurring hold windows: every night from ten to six, in somebody's own time zone.

A time of the clock that comes twice (when clocks go back) or not at all (when they go forward) may
be read in two ways, by the clock before the change and by the one after it. It is taken wide: a
window begins at the earlier moment and ends at the later.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

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
            days = (today - _DAY, today, today + _DAY)  # where midnight is what does not come
        except OverflowError:
            return None
        over = self.ends <= self.begins
        for day in days:
            if day.weekday() not in self.days:
                continue
            last = day + _DAY if over else day
            start, end = min(self._moments(day, self.begins)), max(self._moments(last, self.ends))
            if start <= now < end:
                return end
        return None

    def _moments(self, day: date, clock: time) -> tuple[datetime, datetime]:
        """What that time of that day may mean: one moment twice, but for two nights a year."""
        told = datetime.combine(day, clock, self.zone)
        return told.replace(fold=0).astimezone(UTC), told.replace(fold=1).astimezone(UTC)

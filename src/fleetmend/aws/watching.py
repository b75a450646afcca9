"""Ledgers of a run that only watches: a plan keeps nothing, observing keeps what would be.

Both begin from what is really recorded. Otherwise a hold that stands in the true record, or an
attempt that was truly spent, would be unknown to a run that is to say what would happen.
"""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.model import Record, Stored
from fleetmend.core.ports import Ledger


class PlanLedger:
    """Reads the true ledger and forgets what is written: for a run that decides only."""

    def __init__(self, records: Ledger) -> None:
        self._records = records

    def read(self, subject: str) -> Stored:
        """See `Ledger`: the true record."""
        return self._records.read(subject)

    def write(self, record: Record, over: Stored) -> Stored:
        """See `Ledger`: as if it had been written."""
        return replace(over, record=record, unreadable="")

    def open(self) -> list[str]:
        """See `Ledger`: the true index."""
        return self._records.open()

    def forget(self, subject: str) -> None:
        """Nothing: a stale hint is for a real run to remove."""

    def set_aside(self, stored: Stored) -> str:
        """Nothing is copied."""
        return f"nowhere, since this is a plan ({stored.subject})"

    def now(self) -> datetime:
        """See `Ledger`."""
        return self._records.now()


class ObservedLedger:
    """The ledger of what would be, in which a subject begins as its true record stands."""

    def __init__(self, would: Ledger, records: Ledger) -> None:
        self._would, self._records = would, records

    def read(self, subject: str) -> Stored:
        """See `Ledger`: what would be, or the true record as long as nothing was written."""
        stored = self._would.read(subject)
        if stored.etag:
            return stored
        return replace(stored, record=self._records.read(subject).record)

    def write(self, record: Record, over: Stored) -> Stored:
        """See `Ledger`."""
        return self._would.write(record, over)

    def open(self) -> list[str]:
        """See `Ledger`: the index of what would be."""
        return self._would.open()

    def forget(self, subject: str) -> None:
        """See `Ledger`."""
        self._would.forget(subject)

    def set_aside(self, stored: Stored) -> str:
        """See `Ledger`."""
        return self._would.set_aside(stored)

    def now(self) -> datetime:
        """See `Ledger`."""
        return self._would.now()

"""Ports over plain dictionaries, for tests of the loop alone."""

from dataclasses import replace
from datetime import UTC, datetime

from fleetmend.core.model import Instance, Outcome, Result, Stored
from fleetmend.core.ports import LedgerUnavailable, Lost, ObservationFailed
from fleetmend.core.scope import Down


class MemoryWorld:
    """One fleet, one ledger, one mailbox, one queue; every call can be watched or spoiled."""

    def __init__(self):
        self.time = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.instances: dict[str, Instance] = {}
        self.records = {}
        self.hints = set()
        self.sent = []
        self.wakes = []
        self.starts = []
        self.garbage = {}
        self.broken = set()
        self.blind = False
        self.mute = False
        self.before_write = lambda record: None
        self.outcome = lambda subject: Outcome(Result.ACCEPTED)

    # Fleet
    def observe(self, ids):
        if self.blind:
            raise ObservationFailed("no answer")
        return {
            i: replace(self.instances[i], observed_at=self.time) for i in ids if i in self.instances
        }

    def stopped(self, selector):
        if self.blind:
            raise ObservationFailed("no answer")
        down = {"stopping", "stopped"}
        found = [one for _, one in sorted(self.instances.items()) if one.state in down]
        return [Down(one.id, tags=one.tags) for one in found]

    def size(self, selector):
        return len(self.instances)

    def start(self, requests, *, before):
        self.starts.append([request.id for request in requests])
        return {request.id: self.outcome(request.id) for request in requests}

    # Ledger
    def read(self, subject):
        if subject in self.broken:
            raise LedgerUnavailable("403")
        if subject in self.garbage:
            return Stored(subject, None, "garbage", self.time, "not JSON")
        record = self.records.get(subject)
        return Stored(subject, record, str(record.revision) if record else "", self.time)

    def write(self, record, over):
        self.before_write(record)
        there = self.records.get(record.subject)
        if (
            str(there.revision) if there else ""
        ) != over.etag and record.subject not in self.garbage:
            raise Lost(record.subject)
        self.garbage.pop(record.subject, None)
        revision = (there.revision if there else 0) + 1
        written = replace(record, revision=revision, nonce=f"n{revision}", written_at=self.time)
        self.records[record.subject] = written
        (self.hints.add if written.is_open else self.hints.discard)(record.subject)
        return Stored(record.subject, written, str(revision), self.time)

    def open(self):
        return sorted(self.hints)

    def forget(self, subject):
        self.hints.discard(subject)

    def set_aside(self, stored):
        return f"aside/{stored.subject}/{stored.etag}"

    def now(self):
        return self.time

    # Alerts, Queue, Parallel
    def deliver(self, subject, alerts):
        if self.mute:
            return {}
        self.sent.extend(alert.fact for alert in alerts)
        return {alert.fact: "m" for alert in alerts}

    def wake(self, looks):
        self.wakes.append(dict(looks))

    def parallel(self, function, items):
        return [function(item) for item in items]

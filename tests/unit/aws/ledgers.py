"""Ledgers over a model of S3 in virtual time, and what can go wrong between the two."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

from fleetmend.aws import clients
from fleetmend.aws.ledger import S3Ledger
from fleetmend.core.model import Record, Status
from fleetmend.lab.sim import wire
from fleetmend.lab.sim.replies import AwsError, NoAnswer
from fleetmend.lab.sim.s3 import S3

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
KEY = "records/recovery/i-1.json"
HINT = "open/recovery/i-1"


class World:
    """A bucket, a clock that only the test moves, and ledgers of as many writers as wanted."""

    def __init__(self):
        self.time = SimpleNamespace(now=100.0)
        self.bucket = S3(self.time, EPOCH, "b")
        self.calls, self.faults, self.waited = [], [], []
        self._nonces = (f"nonce-{n}" for n in count())

    def serve(self, service, operation, params, _read):
        self.calls.append((operation, params["Key"] if "Key" in params else params["Prefix"]))
        fault = next((f for f in self.faults if f.meets(operation, params)), None)
        if fault is None:
            return self.bucket.handle(operation, params)
        self.faults.remove(fault)
        return fault.strike(lambda: self.bucket.handle(operation, params))

    def ledger(self, *, prefix="", ahead=0.0, container=0):
        return S3Ledger(
            clients.client("s3", wire.container("us-east-1", container)),
            "b",
            "recovery",
            clock=lambda: EPOCH + timedelta(seconds=self.time.now + ahead),
            nonce=lambda: next(self._nonces),
            prefix=prefix,
        )

    def operations(self):
        return [operation for operation, _ in self.calls]


class Fault:
    def __init__(self, operation, strike, key=""):
        self.operation, self.strike, self.key = operation, strike, key

    def meets(self, operation, params):
        return operation == self.operation and params.get("Key", "").startswith(self.key)


def refuse(operation, code, key="", times=1):
    def strike(_):
        raise AwsError(code)

    return [Fault(operation, strike, key) for _ in range(times)]


def lose(operation, key="", times=1, *, done):
    def strike(act):
        if done:
            act()
        raise NoAnswer(timed_out=True)

    return [Fault(operation, strike, key) for _ in range(times)]


OPEN = Record("recovery", "i-1", Status.OPEN, reason="stopped")
CLOSED = replace(OPEN, status=Status.CLOSED, reason="recovered")

"""The one place that says how the SDK behaves: retries, time-outs, connections.

Retry is botocore's `standard` mode: it resends on throttling, on 5xx and on a lost connection,
whatever the call (SDKs and Tools Reference Guide, "Retry behavior"). So what is safe to resend
is decided here, by the patience a client is made with:

- Describes, gets, puts, StartInstances and Auto Scaling's assignments may be sent twice: starting
  what already starts changes nothing, and a conditional put that meets its own success is
  recognised (ledger.py).
- SNS Publish and SQS SendMessage may be delivered twice; both readers expect it.
- RebootInstances, CreateSnapshot, CreateImage and AllocateAddress have no client token and are
  no assignment: none may be resent, and the intent is looked up before a second try.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias, cast

from boto3.session import Session
from botocore.config import Config

from fleetmend.aws.errors import CAPACITY

Client: TypeAlias = Any
"""What boto3 makes at run time from service descriptions, and so has no static type."""

THREADS = 16
"""Calls under way at once in one function; also the size of a client's connection pool."""

_RETRY_AFTER_ALLOWANCE = 5.0
"""What botocore adds to its back-off at most when AWS names a time (`x-amz-retry-after`)."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits for one call. Times in seconds.

    `attempts` counts the first one; `connect` and `read` are per attempt.
    """

    attempts: int
    connect: float
    read: float

    @property
    def longest(self) -> timedelta:
        """The longest time of one call: every attempt times out, every back-off is the longest.

        Back-off before the n-th resend is at most min(2^(n-1), 20) s plus what AWS asks for.
        Not in it: an answer that keeps trickling in, since `read` is the time between two
        reads; the answers here are a few kilobytes.
        """
        waits = (min(2.0**n, 20.0) + _RETRY_AFTER_ALLOWANCE for n in range(self.attempts - 1))
        return timedelta(seconds=self.attempts * (self.connect + self.read) + sum(waits))


ORDINARY = Patience(attempts=3, connect=1.0, read=5.0)
"""For calls that hold nobody up: the ledger, the queue, the topic, the parameters."""

ACTING = Patience(attempts=2, connect=1.0, read=8.0)
"""For EC2. StartInstances of many ids takes seconds, and its longest time is part of every
intent's life: one resend fits 30 s, two do not. What is still throttled then is deferred."""

ASSIGNING = Patience(attempts=3, connect=1.0, read=2.5)
"""For Auto Scaling, whose acts are assignments that are answered in a moment: three tries fit
into the longest time of an act."""

LOOKING = Patience(attempts=3, connect=1.0, read=2.0)
"""For CloudTrail, which is asked for a hint while an alert waits to be told. It answers two calls a
second, so that of five alerts told at once three must ask again."""

SCANNING = Patience(attempts=5, connect=1.0, read=20.0)
"""For a page of a thousand: a scan that EC2 throttles waits, since it has hours and not seconds."""

ASKING = Patience(attempts=1, connect=5.0, read=90.0)
"""For a function that is called and waited for: sent once, since each call is another run."""

LONGEST_CALL = max(ACTING.longest, ASSIGNING.longest)
"""The longest time of one act, all its attempts included: 24 s."""

FUNCTION_TIMEOUT = timedelta(seconds=60)
"""The longest run of a controller (Lambda's time-out, set by the component)."""

CLOCK_ALLOWANCE = timedelta(seconds=5)
"""How far two estimates of the store's time may lie apart (`Date` has a resolution of 1 s)."""

SHORTEST_LEASE = FUNCTION_TIMEOUT + LONGEST_CALL + CLOCK_ALLOWANCE
"""The shortest life an intent may have, so that whoever wrote it is done when it ends."""

_PATIENCE = {
    "autoscaling": ASSIGNING,
    "cloudtrail": LOOKING,
    "ec2": ACTING,
    "lambda": ASKING,
    "sts": ASSIGNING,  # a role is taken right before an act, within that act's time
}


def config(patience: Patience) -> Config:
    """The SDK's settings for a client of this patience; nothing is read from the environment."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        max_pool_connections=THREADS,
        tcp_keepalive=True,
        user_agent_extra="fleetmend",
    )


def client(service: str, session: Client = None, keys: Mapping[str, str] | None = None) -> Client:
    """A client of `service`; region, endpoints and what is left out come from the environment.

    Args:
        service: botocore's name, such as `ec2`.
        session: a boto3 session with settings of its own; the lab passes one.
        keys: the credentials of another role than the environment's (`roles.keys`).
    """
    maker = session or cast("Client", Session)()
    made = maker.client(service, config=config(_PATIENCE.get(service, ORDINARY)), **(keys or {}))
    if service == "ec2":
        made.meta.events.register_first(
            "needs-retry.ec2", _no_retry_for_capacity, unique_id="fleetmend-capacity"
        )
        made.meta.events.register_first("needs-retry.ec2.RebootInstances", _once)
    return made


def _once(**_: object) -> bool:
    """Ends the SDK's tries of a call after the first: False is botocore's word for that."""
    return False


def _no_retry_for_capacity(response: Client = None, **_: object) -> bool | None:
    """A lack of capacity comes as HTTP 500, which the SDK would resend: one probe is enough.

    EC2 API Reference, "Server error codes". False ends the SDK's tries, None leaves it to them.
    """
    parsed = cast("Mapping[str, Any]", response[1] if response else {})
    error = cast("Mapping[str, Any]", parsed.get("Error") or {})
    return False if error.get("Code") in CAPACITY else None

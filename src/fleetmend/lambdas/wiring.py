"""Which implementation stands behind which port, for one run.

`World` is the seam: a Lambda's world has real clocks and threads and keeps its clients while
its container lives; the lab's has its own of each.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TypeVar
from uuid import uuid4

from fleetmend.aws import clients, roles
from fleetmend.aws.alerts import LoggedAlerts, SnsAlerts
from fleetmend.aws.archive import S3Archive
from fleetmend.aws.clients import LONGEST_CALL, THREADS, Client
from fleetmend.aws.ledger import S3Ledger
from fleetmend.aws.queue import DeafQueue, SqsQueue
from fleetmend.aws.reports import S3Reports
from fleetmend.aws.roster import S3Roster
from fleetmend.aws.trail import Trail
from fleetmend.aws.watching import ObservedLedger, PlanLedger
from fleetmend.core.kinds import AlertKind
from fleetmend.core.loop import Ports
from fleetmend.core.model import Alert, Mode, Stored
from fleetmend.core.ports import DeliveryFailed, Parallel
from fleetmend.core.standings import Branch
from fleetmend.lambdas.settings import Settings

T = TypeVar("T")
R = TypeVar("R")

_log = logging.getLogger(__name__)

RECORDING_TIME = timedelta(seconds=10)
"""Kept free at a function's end: a start that can no longer be recorded is not sent. A thousand
outcomes, 16 at a time and 50 ms each, take a third of it."""

SHORTEST_TIMEOUT = LONGEST_CALL + RECORDING_TIME
"""A function with less time than this can never start anything."""

QUIET = timedelta(minutes=15)
"""How long a container that told a trouble directly does not tell it again."""


SETTLED = timedelta(days=1)
"""The same for what somebody may have set up on purpose."""


class Threads:
    """`Parallel` on threads of this process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="subject")

    def __call__(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """See `Parallel`."""
        return list(self._pool.map(function, items))


@dataclass(frozen=True, slots=True)
class World:
    """What a run takes from outside.

    `told` is when a trouble was told directly, by its kind. `keyed` gives clients with the keys of
    another role.
    """

    client: Callable[[str], Client]
    clock: Callable[[], datetime]
    nonce: Callable[[], str]
    parallel: Parallel
    told: dict[str, datetime] = field(default_factory=dict[str, datetime])
    keyed: Callable[[str, Mapping[str, str]], Client] = lambda service, keys: clients.client(
        service, keys=keys
    )


@dataclass(frozen=True, slots=True)
class Wired:
    """What one run has, whatever its concern.

    `ports.ledger` is the one decisions are made from; `records` is the ledger of what is really
    done, which is the same one unless this run only watches. `client` gives AWS's clients, and
    `remaining` how much of the function's time is left for acting: what a concern's own port
    is made of. Where `watching`, that port must be the one that does nothing. `roster` is what
    the last sweep knew, and `records_of` gives another concern's true ledger, to be read only.
    `archive` is where reports lie, and `branch` the account and region that the run is in.
    `retyper` gives an EC2 client that may change instances' types, where the installation has a
    role for that.
    """

    ports: Ports
    records: S3Ledger
    reports: S3Reports
    client: Callable[[str], Client]
    remaining: Callable[[], timedelta]
    watching: bool
    roster: S3Roster
    records_of: Callable[[str], S3Ledger]
    archive: S3Archive
    branch: Branch
    retyper: Callable[[], Client] | None = None


def lambda_world() -> World:
    """The world of a Lambda container."""
    return World(
        client=cache(clients.client),
        clock=lambda: datetime.now(UTC),
        nonce=lambda: uuid4().hex,
        parallel=Threads(),
    )


def build(
    settings: Settings,
    mode: Mode,
    world: World,
    time_left: Callable[[], timedelta],
    *,
    plan: bool = False,
    asks_who: bool = False,
) -> Wired:
    """What one run has.

    In mode observe the world is watched only, alerts go to the log, and the ledger is the one of
    what would be. A plan is the same, but keeps nothing and wakes nobody.

    Args:
        settings: the function's environment.
        mode: the one in force.
        world: clients, clock, nonces, parallelism.
        time_left: how long the function may still run.
        plan: decide only, whatever the mode.
        asks_who: ask CloudTrail who is behind what is told.
    """
    watching = plan or mode is Mode.OBSERVE
    records = _ledger(settings, world, settings.concern, "")
    ledger = records
    if plan:
        ledger = PlanLedger(records)
    elif watching:
        ledger = ObservedLedger(_ledger(settings, world, settings.concern, "would/"), records)
    trail = Trail(world.client, settings.concern, clock=world.clock) if asks_who else None
    ports = Ports(
        ledger=ledger,
        alerts=LoggedAlerts() if watching else topic(settings, world, trail),
        queue=DeafQueue() if plan else SqsQueue(world.client("sqs"), settings.queue_url),
        parallel=world.parallel,
        nonce=world.nonce,
    )
    return Wired(
        ports=ports,
        records=records,
        reports=S3Reports(world.client("s3"), settings.ledger_bucket, settings.concern),
        client=world.client,
        remaining=lambda: time_left() - RECORDING_TIME,
        watching=watching,
        roster=_roster(settings, world, records, would=watching and not plan, keeps=not plan),
        records_of=lambda concern: _ledger(settings, world, concern, ""),
        archive=S3Archive(world.client("s3"), settings.ledger_bucket),
        branch=_branch(settings),
        retyper=partial(_retyper, settings, world) if settings.type_role else None,
    )


def _retyper(settings: Settings, world: World) -> Client:
    """EC2 with the rights of the role that may change types; taken anew by each run that does."""
    session = f"{settings.installation}-{settings.concern}"[:64]
    return world.keyed("ec2", roles.keys(world.client("sts"), settings.type_role, session))


def _branch(settings: Settings) -> Branch:
    """Where the installation is, as its topic's ARN says: arn:aws:sns:REGION:ACCOUNT:NAME."""
    parts = settings.topic_arn.split(":")
    return Branch(account=parts[4], region=parts[3])


def on_records(wired: Wired) -> Ports:
    """The same ports over the ledger of what is really done."""
    return replace(wired.ports, ledger=wired.records)


def recorded(wired: Wired, subjects: Sequence[str], fits: Callable[[Stored], bool]) -> list[str]:
    """Those of the subjects whose true record fits, in their order; records are read at once."""
    stored = wired.ports.parallel(wired.records.read, subjects)
    return [subject for subject, there in zip(subjects, stored, strict=True) if fits(there)]


def tell_directly(
    settings: Settings,
    world: World,
    kind: AlertKind,
    text: str,
    *,
    why: str = "",
    quiet: timedelta = QUIET,
) -> None:
    """Tell people of a trouble that no record can owe, at most once in `quiet`.

    Containers do not know of each other: the fact's name holds the quarter of an hour, so that
    whoever reads can tell a second message from a second trouble. What cannot be delivered is
    logged; the run fails by itself.
    """
    now = world.clock()
    if kind in world.told and now - world.told[kind] < quiet:
        return
    quarter = now - timedelta(minutes=now.minute % 15)
    fact = f"{settings.concern}/{kind}/{quarter:%Y%m%dT%H%M}"
    _log.error("%s: %s: %s", kind, text, why)
    alert = Alert(fact, kind, text, why=why, since=now)
    try:
        topic(settings, world).publish(settings.concern, alert)
    except DeliveryFailed:
        _log.exception("the trouble could not be told either")
    else:
        world.told[kind] = now


def _roster(
    settings: Settings, world: World, records: S3Ledger, *, would: bool, keeps: bool
) -> S3Roster:
    key = f"{'would/' if would else ''}roster/{settings.concern}.json"
    return S3Roster(world.client("s3"), settings.ledger_bucket, key, records.subjects, keeps=keeps)


def _ledger(settings: Settings, world: World, concern: str, prefix: str) -> S3Ledger:
    return S3Ledger(
        world.client("s3"),
        settings.ledger_bucket,
        concern,
        clock=world.clock,
        nonce=world.nonce,
        prefix=prefix,
    )


def topic(settings: Settings, world: World, trail: Trail | None = None) -> SnsAlerts:
    """The alerts topic; `trail` is asked who is behind what is told, where there is one."""
    return SnsAlerts(
        world.client("sns"),
        settings.topic_arn,
        concern=settings.concern,
        project=settings.project,
        suffix=settings.suffix,
        witness=trail or (lambda _, __: None),
    )

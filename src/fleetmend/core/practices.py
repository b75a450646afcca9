"""The concerns as the loop takes them: decisions bound to their policy and to the world."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from fleetmend.core import instance_types
from fleetmend.core.budgets import is_probe
from fleetmend.core.decisions import health, recovery
from fleetmend.core.decisions.recovery import debts, mass, outage
from fleetmend.core.groups import Group, HealthPolicy
from fleetmend.core.health_memory import from_detail
from fleetmend.core.loop import Practice
from fleetmend.core.model import (
    Decision,
    Instance,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    StartRequest,
    TypeChange,
)
from fleetmend.core.ports import Fleet, Groups, ObservationFailed, Parallel
from fleetmend.core.scope import MASS_IMPAIRED, MASS_STOP, Ailing, Scope
from fleetmend.core.survey import Seen, Survey

S = TypeVar("S")


def recovering(fleet: Fleet, survey: Survey, policy: RecoveryPolicy) -> Practice[Seen]:
    """Recovery: the subjects are instances, the act is StartInstances for all of them.

    Those that run and are impaired are rebooted or stopped instead, and those whose type has no
    capacity may be given another one. Two subjects are none: the
    mass stop and the outage, whose records are decided from the scope as a whole.
    """

    def decide(
        subject: str,
        seen: Seen | None,
        record: Record | None,
        now: datetime,
        intent: str,
    ) -> Decision:
        if subject == MASS_STOP:
            return mass.decide(seen if isinstance(seen, Scope) else None, record, policy, now)
        if subject == MASS_IMPAIRED:
            return outage.decide(seen if isinstance(seen, Ailing) else None, record, policy, now)
        instance = seen if isinstance(seen, Instance) else None
        brake = survey.brake(now)
        return recovery.decide(subject, instance, record, policy, now, intent, brake=brake)

    def act(claims: Sequence[tuple[Record, Seen]]) -> Mapping[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        for action in (recovery.START, recovery.REBOOT, recovery.STOP, recovery.CHANGE):
            chosen = [(r, s) for r, s in claims if r.intent and r.intent.action == action]
            if chosen:
                outcomes.update(_recover(fleet, action, chosen))
        return outcomes

    def learn(record: Record, outcome: Outcome, now: datetime) -> Record:
        return recovery.learn(record, outcome, policy, now)

    return Practice(
        concern=recovery.CONCERN,
        lease=policy.intent_lifetime,
        observe=survey.observe,
        decide=decide,
        act=act,
        learn=learn,
    )


def owning_up(fleet: Fleet, policy: RecoveryPolicy, why: str) -> Practice[Seen]:
    """Recovery where it may do nothing: what it stopped itself and did not start is told."""

    def decide(
        _subject: str, seen: Seen | None, record: Record | None, now: datetime, _intent: str
    ) -> Decision:
        instance = seen if isinstance(seen, Instance) else None
        return debts.decide(instance, record, policy, now, why)

    return _only_told(recovery.CONCERN, policy.intent_lifetime, fleet.observe, decide)


def owning_up_groups(groups: Groups, policy: HealthPolicy, why: str) -> Practice[Group]:
    """Health where it may do nothing: what it suspended itself and did not resume is told."""

    def decide(
        _subject: str, seen: Group | None, record: Record | None, now: datetime, _intent: str
    ) -> Decision:
        return health.debts.decide(seen, record, policy, now, why)

    return _only_told(health.CONCERN, policy.intent_lifetime, groups.observe, decide)


def _only_told(
    concern: str,
    lease: timedelta,
    observe: Callable[[Sequence[str]], Mapping[str, S | ObservationFailed]],
    decide: Callable[[str, S | None, Record | None, datetime, str], Decision],
) -> Practice[S]:
    """A practice that never acts."""
    return Practice(
        concern=concern,
        lease=lease,
        observe=observe,
        decide=decide,
        act=lambda _: {},
        learn=lambda record, _, __: record,
    )


def _recover(
    fleet: Fleet, action: str, claims: Sequence[tuple[Record, Seen]]
) -> Mapping[str, Outcome]:
    before = min(record.intent.until for record, _ in claims if record.intent)
    ids = [record.subject for record, _ in claims]
    match action:
        case recovery.REBOOT:
            return fleet.reboot(ids, before=before)
        case recovery.STOP:
            return fleet.stop(ids, before=before)
        case recovery.CHANGE:
            changes = [_type_change(r, s) for r, s in claims if isinstance(s, Instance)]
            return fleet.change_types(changes, before=before)
        case _:
            requests = [
                StartRequest(seen.id, seen.type, seen.zone, probe=is_probe(record))
                for record, seen in claims
                if isinstance(seen, Instance)
            ]
            return fleet.start(requests, before=before)


def _type_change(record: Record, seen: Instance) -> TypeChange:
    memory = instance_types.from_detail(record.detail)
    marked = seen.tags.get(instance_types.ORIGINAL) == memory.original
    return TypeChange(seen.id, memory.target, memory.original, is_marked=marked)


def healing(groups: Groups, policy: HealthPolicy, parallel: Parallel) -> Practice[Group]:
    """Health: the subjects are groups, the act is one assignment in each group's Auto Scaling.

    They are made side by side: a group whose calls are throttled holds up no other.
    """

    def decide(
        subject: str, seen: Group | None, record: Record | None, now: datetime, intent: str
    ) -> Decision:
        return health.decide(subject, seen, record, policy, now, intent)

    def one(record: Record, seen: Group, before: datetime) -> Outcome:
        match record.intent.action if record.intent else "":
            case health.REPLACE:
                member = from_detail(record.detail).target
                return groups.mark(record.subject, member, before=before)
            case health.SUSPEND:
                return groups.suspend(record.subject, before=before)
            case health.RESET:
                marked = [member.id for member in seen.serving if member.marked]
                return groups.reset(record.subject, marked, before=before)
            case _:
                return groups.resume(record.subject, before=before)

    def acted(claim: tuple[Record, Group]) -> tuple[str, Outcome]:
        record, seen = claim
        if record.intent is None:  # the loop acts on written intents only
            return record.subject, Outcome(Result.NOT_SENT)
        return record.subject, one(record, seen, record.intent.until)

    def act(claims: Sequence[tuple[Record, Group]]) -> Mapping[str, Outcome]:
        return dict(parallel(acted, claims))

    return Practice(
        concern=health.CONCERN,
        lease=policy.intent_lifetime,
        observe=groups.observe,
        decide=decide,
        act=act,
        learn=health.learn,
    )

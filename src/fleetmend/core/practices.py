"""The concerns as the loop takes them: decisions bound to their policy and to the world."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fleetmend.core.budgets import is_probe
from fleetmend.core.decisions import health, recovery
from fleetmend.core.decisions.recovery import mass
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
)
from fleetmend.core.ports import Fleet, Groups, Parallel
from fleetmend.core.scope import MASS_STOP, Scope
from fleetmend.core.survey import Survey


def recovering(fleet: Fleet, survey: Survey, policy: RecoveryPolicy) -> Practice[Instance | Scope]:
    """Recovery: the subjects are instances, the act is StartInstances for all of them.

    One subject is none: the mass stop, whose record is decided from the scope as a whole.
    """

    def decide(
        subject: str,
        seen: Instance | Scope | None,
        record: Record | None,
        now: datetime,
        intent: str,
    ) -> Decision:
        if subject == MASS_STOP:
            return mass.decide(seen if isinstance(seen, Scope) else None, record, policy, now)
        instance = seen if isinstance(seen, Instance) else None
        brake = survey.brake(now)
        return recovery.decide(subject, instance, record, policy, now, intent, brake=brake)

    def act(claims: Sequence[tuple[Record, Instance | Scope]]) -> Mapping[str, Outcome]:
        requests = [
            StartRequest(seen.id, seen.type, seen.zone, probe=is_probe(record))
            for record, seen in claims
            if isinstance(seen, Instance)
        ]
        ends = [record.intent.until for record, _ in claims if record.intent]
        return fleet.start(requests, before=min(ends))

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

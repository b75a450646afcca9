"""The concerns as the loop takes them: decisions bound to their policy and to the world."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fleetmend.core.budgets import is_probe
from fleetmend.core.decisions import recovery
from fleetmend.core.loop import Practice
from fleetmend.core.model import (
    Decision,
    Instance,
    Outcome,
    Record,
    RecoveryPolicy,
    StartRequest,
)
from fleetmend.core.ports import Fleet


def recovering(fleet: Fleet, policy: RecoveryPolicy) -> Practice[Instance]:
    """Recovery: the subjects are instances, the act is StartInstances for all of them."""

    def decide(
        subject: str, seen: Instance | None, record: Record | None, now: datetime, intent: str
    ) -> Decision:
        return recovery.decide(subject, seen, record, policy, now, intent)

    def act(claims: Sequence[tuple[Record, Instance]]) -> Mapping[str, Outcome]:
        requests = [
            StartRequest(seen.id, seen.type, seen.zone, probe=is_probe(record))
            for record, seen in claims
        ]
        ends = [record.intent.until for record, _ in claims if record.intent]
        return fleet.start(requests, before=min(ends))

    def learn(record: Record, outcome: Outcome, now: datetime) -> Record:
        return recovery.learn(record, outcome, policy, now)

    return Practice(
        concern=recovery.CONCERN,
        lease=policy.intent_lifetime,
        observe=fleet.observe,
        decide=decide,
        act=act,
        learn=learn,
    )

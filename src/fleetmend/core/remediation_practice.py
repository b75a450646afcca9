"""Remediation as the loop takes it: what is looked up for each instance, and who may be changed.

One run changes so many instances and no more. Who they are is settled when the run looks, before
anything is decided: those whose record is oldest first, then by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fleetmend.core.compliance_run import last_findings
from fleetmend.core.decisions import remediation
from fleetmend.core.decisions.remediation.turns import Case
from fleetmend.core.loop import Practice
from fleetmend.core.model import Decision, Outcome, Record, Result, Stored
from fleetmend.core.ports import (
    Archive,
    Ledger,
    ObservationFailed,
    Parallel,
    PortError,
    Remedies,
)
from fleetmend.core.remediation import (
    CONCERN,
    FILL,
    KIND,
    STOP,
    RemediationPolicy,
    Sighting,
    from_detail,
    remedied,
)
from fleetmend.core.remedy_sources import Sources, sources
from fleetmend.core.rules import Rules
from fleetmend.core.standings import Branch


@dataclass(slots=True)
class Allowance:
    """Whom one run may change: `left` more instances, beside those it has chosen already.

    `opens` says that it is a run, which may open incidents. Outside of a run (a wake-up, a person's
    word) nothing is left, so that no number of messages changes more than the runs do.
    """

    run: str
    left: int = 0
    opens: bool = False
    chosen: set[str] = field(default_factory=set[str])

    def choose(self, wanting: Sequence[str]) -> None:
        """Give what is left to the first of those who want it and have none."""
        fresh = [name for name in wanting if name not in self.chosen][: self.left]
        self.chosen.update(fresh)
        self.left -= len(fresh)


@dataclass(frozen=True, slots=True)
class Desk:
    """What one run of remediation has at hand."""

    port: Remedies
    records: Ledger
    recovery_records: Ledger
    rules: Rules
    policy: RemediationPolicy
    allowance: Allowance
    parallel: Parallel


def remediating(desk: Desk) -> Practice[Sighting]:
    """The subjects are instances; the acts fill in, stop and undo, one instance at a time."""
    policy = desk.policy

    def decide(
        subject: str, seen: Sighting | None, record: Record | None, now: datetime, intent: str
    ) -> Decision:
        if seen and seen.problem:
            raise ObservationFailed(seen.problem)
        return remediation.decide(subject, seen, record, policy, now, intent, rules=desk.rules)

    def learn(record: Record, outcome: Outcome, now: datetime) -> Record:
        return remediation.learn(record, outcome, policy, now)

    return Practice(
        concern=CONCERN,
        lease=policy.intent_lifetime,
        observe=lambda ids: _observe(desk, ids),
        decide=decide,
        act=lambda claims: _act(desk, claims),
        learn=learn,
    )


def _observe(desk: Desk, ids: Sequence[str]) -> Mapping[str, Sighting]:
    """Facts are read first, so that none is newer than the time they are told to have."""
    at = desk.records.now()
    found = desk.port.observe(ids)
    stored = dict(zip(ids, desk.parallel(desk.records.read, ids), strict=True))
    opens = desk.allowance.opens
    seen = {name: Sighting(name, at, found.get(name), opens=opens) for name in ids}
    there = [one.instance for one in seen.values() if one.instance and not one.is_gone]
    source = sources(desk.port, desk.rules, there, desk.allowance.left)
    seen = {name: _valued(source, one) for name, one in seen.items()}
    broken = [name for name, one in seen.items() if _is_broken(desk, one)]
    held = desk.parallel(lambda name: _held(desk, seen[name]), broken)
    return _granted(desk, seen | dict(zip(broken, held, strict=True)), stored)


def _is_broken(desk: Desk, seen: Sighting) -> bool:
    there = seen.instance if not seen.is_gone else None
    return there is not None and bool(remedied(desk.rules, there.tags))


def _valued(source: Sources, seen: Sighting) -> Sighting:
    """With what may be filled in; what could not be asked is this one's problem alone."""
    if seen.instance is None or seen.is_gone:
        return seen
    try:
        values, unsure = source.values(seen.instance)
    except ObservationFailed as error:
        return replace(seen, problem=str(error))
    return replace(seen, values=values, unsure=unsure)


def _held(desk: Desk, seen: Sighting) -> Sighting:
    """With the hold in recovery's record; one that cannot be read may hold, so nobody decides."""
    try:
        stored = desk.recovery_records.read(seen.id)
    except PortError as error:
        return replace(seen, problem=str(error))
    if stored.unreadable:
        text = f"recovery's record of {seen.id}, where a hold may stand, cannot be read"
        return replace(seen, problem=f"{text}: {stored.unreadable}")
    return replace(seen, hold=stored.record.hold if stored.record else None)


def _granted(
    desk: Desk, seen: Mapping[str, Sighting], stored: Mapping[str, Stored]
) -> dict[str, Sighting]:
    """Who of them this run may change: the first of those it would, if it might change all."""
    run = desk.allowance.run

    def order(name: str) -> tuple[bool, float, str]:
        record = stored[name].record
        opened = record.opened_at if record else None
        return opened is None, opened.timestamp() if opened else 0.0, name

    wanting = _wanting(desk, seen, stored)
    desk.allowance.choose(sorted(wanting, key=order))
    chosen = desk.allowance.chosen
    return {name: replace(one, run=run if name in chosen else "") for name, one in seen.items()}


def _wanting(desk: Desk, seen: Mapping[str, Sighting], stored: Mapping[str, Stored]) -> list[str]:
    """Whom a change would be decided for."""

    def act(name: str) -> str:
        allowed, there = replace(seen[name], run=desk.allowance.run), stored[name]
        decision = remediation.decide(
            name, allowed, there.record, desk.policy, there.now, "-", rules=desk.rules
        )
        return decision.act

    return [name for name in seen if not seen[name].problem and act(name) in {FILL, STOP}]


def _act(desk: Desk, claims: Sequence[tuple[Record, Sighting]]) -> Mapping[str, Outcome]:
    """Look once more, right before the act, and act where nothing has changed meanwhile."""
    names = [record.subject for record, _ in claims]
    try:
        now = desk.records.now()
        again = desk.port.observe(names)
    except PortError as error:
        return dict.fromkeys(names, Outcome(Result.THROTTLED, error.code, str(error)))

    def acted(claim: tuple[Record, Sighting]) -> tuple[str, Outcome]:
        record, seen = claim
        instance = again.get(record.subject)
        if instance is None:
            return record.subject, Outcome(Result.GONE)
        return record.subject, _one(desk, record, replace(seen, instance=instance), now)

    return dict(desk.parallel(acted, claims))


def _one(desk: Desk, record: Record, seen: Sighting, now: datetime) -> Outcome:
    intent, memory, instance = record.intent, from_detail(record.detail), seen.instance
    if intent is None or instance is None:  # the loop acts on written intents only
        return Outcome(Result.NOT_SENT)
    case = Case(record.subject, seen, instance, record, memory, desk.rules, desk.policy, now, "")
    changed = remediation.recheck(record, memory, case)
    if changed:
        return Outcome(Result.CONFLICT, "Changed", changed)
    tags = {one.key: one.value for one in memory.changes if one.at == intent.planned_at}
    match intent.action:
        case remediation.FILL:
            return desk.port.tag(record.subject, tags, before=intent.until)
        case remediation.STOP:
            return desk.port.stop(record.subject, tags, before=intent.until)
        case remediation.RELEASE:
            held = {one.key: one.value for one in memory.changes if one.act == STOP}
            return desk.port.undo(record.subject, held, starts=False, before=intent.until)
        case _:
            mine = [one for one in memory.ours(instance.tags) if memory.means(one)]
            starts = instance.state == "stopped" and any(one.act == STOP for one in mine)
            tags = {one.key: one.value for one in mine}
            return desk.port.undo(record.subject, tags, starts=starts, before=intent.until)


def reported(archive: Archive, branch: Branch, rules: Rules) -> list[str]:
    """The instances that the branch's last committed report found to break a rule with a remedy.

    Raises:
        PortError: the archive did not answer, or the report cannot be read.
    """
    wanted = {rule.name for rule in rules.rules if rule.remedies}
    found = (
        finding.id
        for finding in last_findings(archive, branch)
        if finding.kind == KIND and finding.rule in wanted
    )
    return sorted(set(found))

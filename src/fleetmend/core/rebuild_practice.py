"""Rebuild as the loop takes it: what is looked up for each subject, and which act is which call."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core.blueprint import Blueprint, Disk, Piece
from fleetmend.core.decisions import rebuild
from fleetmend.core.loop import Practice
from fleetmend.core.model import Decision, Outcome, Record, Result, Selector
from fleetmend.core.ports import Builder, Ledger, ObservationFailed
from fleetmend.core.rebuilding import (
    Memory,
    MemoryUnreadable,
    RebuildPolicy,
    Sighting,
    attachable,
    current,
    from_detail,
    lacking,
    restorable,
)
from fleetmend.core.telling import is_notice

_TOGETHER = timedelta(minutes=10)
"""What went within this time went together."""

_READ_AT_MOST = 50
"""Records of others that are read to count them; a brake needs no exact number."""

_NOTHING = Outcome(Result.CONFLICT, "NothingLeft", "there is nothing left to do")


def rebuilding(
    builder: Builder, records: Ledger, recovery_records: Ledger, policy: RebuildPolicy
) -> Practice[Sighting]:
    """The subjects are the instances that were there first; the acts make them whole.

    What is to be looked up depends on what the blueprint names, so observing reads the record
    too; and of what is gone also recovery's record, where a person's hold may stand.
    """

    def decide(
        subject: str, seen: Sighting | None, record: Record | None, now: datetime, intent: str
    ) -> Decision:
        if seen and seen.problem:
            raise ObservationFailed(seen.problem)
        return rebuild.decide(subject, seen, record, policy, now, intent)

    def observe(ids: Sequence[str]) -> Mapping[str, Sighting]:
        return _whole(builder, records, recovery_records, policy.selector, ids)

    def act(claims: Sequence[tuple[Record, Sighting]]) -> Mapping[str, Outcome]:
        return {record.subject: _mend(builder, record, seen) for record, seen in claims}

    def learn(record: Record, outcome: Outcome, now: datetime) -> Record:
        return rebuild.learn(record, outcome, policy, now)

    return Practice(
        concern=rebuild.CONCERN,
        lease=policy.intent_lifetime,
        observe=observe,
        decide=decide,
        act=act,
        learn=learn,
    )


def _whole(
    builder: Builder,
    records: Ledger,
    recovery_records: Ledger,
    selector: Selector,
    ids: Sequence[str],
) -> dict[str, Sighting]:
    """The sightings, with what hangs elsewhere, what could be restored, and who holds it.

    Facts are read first, so that none is newer than the time they are told to have.
    """
    sights = builder.sight(ids, selector)
    stored = {name: records.read(name).record for name in ids}
    minds = {name: _mind(record) for name, record in stored.items()}
    gone = [name for name, seen in sights.items() if seen.is_gone and minds[name].blueprint]
    lost = [piece for name, seen in sights.items() for piece in _lost(minds[name], seen)]
    volumes = [piece.id for piece in lost if piece.kind == "volume"]
    volumes += [disk.volume for name in gone for disk in _disks(minds[name])]
    pieces, images = builder.pieces(lost), builder.images(gone)
    snapshots = builder.snapshots(volumes)
    fresh = [name for name in gone if rebuild.begins(stored[name], minds[name])]
    fellows = len(fresh) + (_before(records, stored, sights[fresh[0]], fresh) if fresh else 0)
    whole = {
        name: replace(
            seen,
            pieces=pieces,
            snapshots=snapshots,
            image=images.get(name, ""),
            fellows=fellows,
        )
        for name, seen in sights.items()
    }
    return whole | {name: _held(recovery_records, whole[name]) for name in gone}


def _before(
    records: Ledger, stored: Mapping[str, Record | None], seen: Sighting, fresh: Sequence[str]
) -> int:
    """How many others went shortly before these; `stored` are the records that were read already.

    What is rebuilt is no longer open.
    """
    others = [name for name in records.open() if name not in fresh and not is_notice(name)]
    found = (
        stored[name] if name in stored else records.read(name).record
        for name in others[:_READ_AT_MOST]
    )
    return sum(
        bool(one and one.opened_at and seen.observed_at - one.opened_at <= _TOGETHER)
        and _mind(one).ended
        for one in found
    )


def _mind(record: Record | None) -> Memory:
    """What the record remembers; what cannot be read is the decision's to refuse, for that one."""
    try:
        return from_detail(record.detail) if record else Memory()
    except MemoryUnreadable:
        return Memory()


def _disks(memory: Memory) -> tuple[Disk, ...]:
    return memory.blueprint.disks if memory.blueprint else ()


def _target(memory: Memory, seen: Sighting) -> tuple[Memory, str, Blueprint | None]:
    """Which instance pieces belong on: the subject while it is there, else the rebuilt one."""
    if not seen.is_gone:
        return memory, seen.id, seen.shape
    made = current(memory, seen)
    if made is None:
        return memory, "", None
    return replace(memory, rebuilt=made.instance.id), made.instance.id, made.shape


def _lost(memory: Memory, seen: Sighting) -> tuple[Piece, ...]:
    memory, _, shape = _target(memory, seen)
    return lacking(memory, shape) if shape else ()


def _held(recovery_records: Ledger, seen: Sighting) -> Sighting:
    """With the hold in recovery's record; one that cannot be read may hold, so nobody decides."""
    stored = recovery_records.read(seen.id)
    if stored.unreadable:
        text = f"recovery's record of {seen.id}, where a hold may stand, cannot be read"
        return replace(seen, problem=f"{text}: {stored.unreadable}")
    return replace(seen, hold=stored.record.hold if stored.record else None)


def _mend(builder: Builder, record: Record, seen: Sighting) -> Outcome:
    """The one call, or the few, that the record's intent announced."""
    intent, (memory, instance, shape) = record.intent, _target(from_detail(record.detail), seen)
    kept, plan = memory.blueprint, memory.plan
    if intent is None or kept is None:
        return _NOTHING
    if intent.action == rebuild.LAUNCH and plan:
        return builder.launch(record.subject, kept, plan, memory.launch, before=intent.until)
    if intent.action == rebuild.ATTACH and shape:
        wanted = attachable(memory, seen, shape)
        return builder.attach(instance, wanted, before=intent.until) if wanted else _NOTHING
    if intent.action == rebuild.RESTORE and shape:
        for piece in restorable(memory, seen, shape):
            disk = next(disk for disk in kept.disks if disk.device == piece.place)
            snapshot = seen.snapshots[piece.id]
            return builder.restore(record.subject, kept, disk, snapshot, before=intent.until)
    return _NOTHING

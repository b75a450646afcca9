"""What recovery looks at in one run: instances, and the scope as a whole where it matters."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from fleetmend.core import ownership
from fleetmend.core.decisions.recovery import ailing, mass, outage
from fleetmend.core.instance_types import judged, wanted
from fleetmend.core.model import Instance, Record, RecoveryPolicy, Status
from fleetmend.core.ports import Fleet, Ledger, LedgerUnavailable, ObservationFailed
from fleetmend.core.scope import (
    MASS_IMPAIRED,
    MASS_STOP,
    Ailing,
    Down,
    Scope,
    recent,
    suspicious,
    timed,
)

_DOWN = {"stopping", "stopped"}
_OF_ALL = {MASS_STOP, MASS_IMPAIRED}

Seen = Instance | Scope | Ailing
"""What recovery sees of one of its subjects."""


class Survey:
    """The fleet as one run sees it.

    All that is down is listed only when something looked at is; the scope is counted only when
    so many stopped that it matters. So a healthy fleet costs a sweep one call, and a look at
    what runs costs no more than that look. Where the impaired are mended, three calls more find
    them, whatever the size of the fleet: EC2 filters by each check, and by no two at once.
    """

    def __init__(self, fleet: Fleet, ledger: Ledger, policy: RecoveryPolicy) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._policy = policy
        self._listed: tuple[datetime, tuple[Down, ...]] | None = None
        self._scope: Scope | None = None
        self._record: Record | None = None
        self._unreadable = ""
        self._ailing: Ailing | None = None
        self._named: Collection[str] = ()

    def subjects(self) -> list[str]:
        """What a sweep must look at: all that is down, and all that is impaired.

        While a mass stop or an outage is held there is nothing to decide about each of thousands:
        the one record says it for all of them.
        """
        return [*self._down(), *self._impaired()]

    def _impaired(self) -> list[str]:
        if self._policy.impaired == ailing.OFF:
            return []
        ill = self._list_ailing()
        return [MASS_IMPAIRED] if outage.sentence(ill, self._policy) else list(ill.ids)

    def _down(self) -> list[str]:
        at, everything = self._listed = self._list()
        down = self._startable(everything, at)
        if not down:
            return [one.id for one in everything]
        self._read()
        if self._record is not None and self._record.status is Status.EXHAUSTED:
            return [MASS_STOP, *(one.id for one in everything if one.ended)]
        many = suspicious(len(recent(Scope(down, at), self._policy, at)), self._policy)
        return [*([MASS_STOP] if many else []), *(one.id for one in everything)]

    def beside(self, looks: Collection[str], events: Collection[str]) -> list[str]:
        """What a batch looks at besides: the record of a mass stop, where many are named.

        Where that record is what it looks at, a person may have said go on: then all that is
        down, so that each has its turn. Once they have, each has its own time to be looked at.
        What events name has stopped just now; whatever else is looked at stopped before.
        """
        self._named = events
        if MASS_STOP in looks:
            self._listed = self._list()
            self._read()
            return [] if mass.is_pacing(self._record) else [one.id for one in self._listed[1]]
        return [MASS_STOP] if suspicious(len(looks), self._policy) else []

    def observe(self, ids: Sequence[str]) -> dict[str, Seen | ObservationFailed]:
        """Facts by id, and the scope under the names of the mass stop and of the outage.

        Raises:
            ObservationFailed: anything of it could not be read.
        """
        listed, self._listed = self._listed, None
        self._scope, self._record, self._unreadable = None, None, ""
        self._ailing = None
        instances = [one for one in ids if one not in _OF_ALL]
        known = self._fleet.observe(instances) if instances else {}
        ill = self._ill(known.values())
        if ill or MASS_IMPAIRED in ids:
            self._ailing = self._list_ailing()
        moves = bool(ill) and self._policy.impaired == ailing.MOVE
        if moves:
            storing = self._fleet.storing({one.type for one in ill})
            known.update((one.id, replace(one, stores=one.type in storing)) for one in ill)
        known.update((one.id, one) for one in self._with_alternatives(known.values()))
        seen: dict[str, Seen | ObservationFailed] = {**known}
        if self._ailing:
            seen[MASS_IMPAIRED] = self._ailing
        if listed or MASS_STOP in ids or moves or any(map(_is_down, seen.values())):
            self._scope = seen[MASS_STOP] = self._look(*(listed or self._list()))
        return seen

    def _ill(self, seen: Collection[Instance]) -> list[Instance]:
        """Those that could be mended, where the setting says that they are."""
        if self._policy.impaired == ailing.OFF:
            return []
        scope = self._policy.selector
        return [one for one in seen if ailing.is_ailing(one) and scope.matches(one.tags)]

    def _with_alternatives(self, seen: Collection[Instance]) -> list[Instance]:
        """What is down and lists other types, with what speaks against each.

        Where EC2 does not tell of types now, nothing is changed now; starts go on.
        """
        tag, scope = self._policy.types_tag, self._policy.selector
        some = [
            one for one in seen if _is_down(one) and tag in one.tags and scope.matches(one.tags)
        ]
        if not some:
            return []
        names = {one.id: wanted(one, tag) for one in some}
        asked = {one.type for one in some}.union(*names.values())
        try:
            kinds = self._fleet.kinds(asked)
        except ObservationFailed:
            return []
        return [replace(one, alternatives=judged(one, names[one.id], kinds)) for one in some]

    def _list_ailing(self) -> Ailing:
        at = self._ledger.now()
        return Ailing(tuple(self._fleet.ailing(self._policy.selector)), at)

    def brake(self, now: datetime) -> mass.Brake:
        """What a mass stop and an outage let through, from what was last observed.

        A record of it that cannot be read is no permission: it may say that all is held.
        """
        many = outage.sentence(self._ailing, self._policy) if self._ailing else ""
        if self._scope is None:
            return replace(mass.FREE, outage=many)
        if self._unreadable:
            held = f"the record of a mass stop cannot be read: {self._unreadable}"
            return mass.Brake(held=held, outage=many)
        told = mass.brake(self._scope, self._record, self._policy, now)
        return replace(told, outage=many)

    def _look(self, at: datetime, down: tuple[Down, ...]) -> Scope:
        scope = Scope(timed(self._startable(down, at), self._named, at), at)
        self._read()
        held = self._record is not None and self._record.status is Status.EXHAUSTED
        if not held and suspicious(len(recent(scope, self._policy, at)), self._policy):
            return Scope(scope.down, at, self._fleet.size(self._policy.selector))
        return scope

    def _read(self) -> None:
        try:
            stored = self._ledger.read(MASS_STOP)
        except LedgerUnavailable as error:
            self._record, self._unreadable = None, str(error)
        else:
            self._record, self._unreadable = stored.record, stored.unreadable

    def _startable(self, down: Collection[Down], at: datetime) -> tuple[Down, ...]:
        """What could be started: what another stops every night is no part of a mass stop."""
        return tuple(one for one in down if not one.ended and not self._is_anothers(one, at))

    def _is_anothers(self, one: Down, at: datetime) -> bool:
        seen = Instance(one.id, "stopped", at, tags=one.tags)
        return ownership.owner(seen, self._policy) is not None

    def _list(self) -> tuple[datetime, tuple[Down, ...]]:
        at = self._ledger.now()
        return at, tuple(self._fleet.stopped(self._policy.selector))


def _is_down(seen: Seen | ObservationFailed) -> bool:
    return isinstance(seen, Instance) and seen.state in _DOWN

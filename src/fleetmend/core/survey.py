"""What recovery looks at in one run: instances, and the scope as a whole where it matters."""

from collections.abc import Collection, Sequence
from datetime import datetime

from fleetmend.core.decisions.recovery import mass
from fleetmend.core.model import Instance, Record, RecoveryPolicy, Status
from fleetmend.core.ports import Fleet, Ledger, LedgerUnavailable, ObservationFailed
from fleetmend.core.scope import MASS_STOP, Down, Scope, recent, suspicious, timed

_DOWN = {"stopping", "stopped"}


class Survey:
    """The fleet as one run sees it.

    All that is down is listed only when something looked at is; the scope is counted only when
    so many stopped that it matters. So a healthy fleet costs a sweep one call, and a look at
    what runs costs no more than that look.
    """

    def __init__(self, fleet: Fleet, ledger: Ledger, policy: RecoveryPolicy) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._policy = policy
        self._listed: tuple[datetime, tuple[Down, ...]] | None = None
        self._scope: Scope | None = None
        self._record: Record | None = None
        self._unreadable = ""

    def subjects(self) -> list[str]:
        """What a sweep must look at: all that is down.

        While a mass stop is held there is nothing to decide about each of thousands: the one
        record says it for all of them.
        """
        at, everything = self._listed = self._list()
        down = _startable(everything)
        if not down:
            return [one.id for one in everything]
        self._read()
        if self._record is not None and self._record.status is Status.EXHAUSTED:
            return [MASS_STOP, *(one.id for one in everything if one.ended)]
        many = suspicious(len(recent(Scope(down, at), self._policy, at)), self._policy)
        return [*([MASS_STOP] if many else []), *(one.id for one in everything)]

    def beside(self, looks: Collection[str]) -> list[str]:
        """What a batch looks at besides: the record of a mass stop, where many are named.

        Where that record is what it looks at, a person may have said go on: then all that is
        down, so that each has its turn.
        """
        if MASS_STOP in looks:
            self._listed = self._list()
            return [one.id for one in self._listed[1]]
        return [MASS_STOP] if suspicious(len(looks), self._policy) else []

    def observe(self, ids: Sequence[str]) -> dict[str, Instance | Scope | ObservationFailed]:
        """Facts by id, and the scope under the name of the mass stop.

        Raises:
            ObservationFailed: anything of it could not be read.
        """
        listed, self._listed = self._listed, None
        self._scope, self._record, self._unreadable = None, None, ""
        instances = [one for one in ids if one != MASS_STOP]
        known = self._fleet.observe(instances) if instances else {}
        seen: dict[str, Instance | Scope | ObservationFailed] = {**known}
        if listed or any(map(_is_down, seen.values())):
            self._scope = seen[MASS_STOP] = self._look(*(listed or self._list()), instances)
        return seen

    def brake(self, now: datetime) -> mass.Brake:
        """What a mass stop lets through, from what was last observed.

        A record of it that cannot be read is no permission: it may say that all is held.
        """
        if self._scope is None:
            return mass.FREE
        if self._unreadable:
            return mass.Brake(held=f"the record of a mass stop cannot be read: {self._unreadable}")
        return mass.brake(self._scope, self._record, self._policy, now)

    def _look(self, at: datetime, down: tuple[Down, ...], named: Collection[str]) -> Scope:
        scope = Scope(timed(_startable(down), named, at), at)
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

    def _list(self) -> tuple[datetime, tuple[Down, ...]]:
        at = self._ledger.now()
        return at, tuple(self._fleet.stopped(self._policy.selector))


def _startable(down: Collection[Down]) -> tuple[Down, ...]:
    return tuple(one for one in down if not one.ended)


def _is_down(seen: Instance | Scope | ObservationFailed) -> bool:
    return isinstance(seen, Instance) and seen.state in _DOWN

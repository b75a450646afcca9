"""Remediation's entry: instances that the last report of compliance found to break a rule.

A run is a sweep. Only runs change anything, each so many instances and no more; what a message
brings in between is looked at, told, and undone where a person asks for that. The rules are read
on every call, and without them nothing is done: those that were last good are for the scan alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fleetmend.aws.remedying import DryRunRemedies, Ec2Remedies
from fleetmend.core import declared
from fleetmend.core.decisions.recovery import CONCERN as RECOVERY
from fleetmend.core.events import INSTANCES
from fleetmend.core.model import Stored
from fleetmend.core.ports import Archive, PortError
from fleetmend.core.remediation import (
    CONCERN,
    PLACE,
    Memory,
    MemoryUnreadable,
    RemediationPolicy,
    Sighting,
    from_detail,
)
from fleetmend.core.remediation_practice import Allowance, Desk, remediating, reported
from fleetmend.core.rules import Rules, RulesUnreadable, decode
from fleetmend.core.standings import named
from fleetmend.lambdas import controller
from fleetmend.lambdas.compliance import RULES_KEY
from fleetmend.lambdas.controller import Bound, Concern
from fleetmend.lambdas.wiring import Wired, recorded


def _bind(policy: RemediationPolicy, wired: Wired) -> Bound[Sighting]:
    ledger = wired.ports.ledger
    real = Ec2Remedies(wired.client, clock=ledger.now, remaining=wired.remaining)
    allowance = Allowance(named(ledger.now(), wired.ports.nonce()))
    desk = Desk(
        DryRunRemedies(real) if wired.watching else real,
        ledger,
        wired.records_of(RECOVERY),
        _rules(wired.archive),
        policy,
        allowance,
        wired.ports.parallel,
    )

    def subjects() -> Sequence[str]:
        allowance.left, allowance.opens = policy.most_changes, True
        return reported(wired.archive, wired.branch, desk.rules)

    return Bound(
        remediating(desk),
        subjects,
        changed=lambda run: _changed(wired, run),
        place=_Place(wired.archive),
    )


@dataclass(slots=True)
class _Place:
    """See `Place`: one small object, read once. Two runs at once cost each other a look at most."""

    archive: Archive
    stands: str = ""

    def read(self) -> str:
        self.stands = (self.archive.get(PLACE) or b"").decode("utf-8", "replace")
        return self.stands

    def keep(self, subject: str) -> None:
        if subject != self.stands:
            self.archive.put(PLACE, subject.encode())


def _rules(archive: Archive) -> Rules:
    """The rules in force.

    Raises:
        PortError: they cannot be read, so nothing is known to be broken.
    """
    try:
        return decode(archive.get(RULES_KEY) or b"")
    except RulesUnreadable as error:
        raise PortError(
            f"{RULES_KEY} cannot be read, and nothing is changed: {error}",
            remedy="fleetmend up writes it",
        ) from error


def _changed(wired: Wired, run: str) -> list[str]:
    """Whom a run changed, as all records say; a person asks for this, and rarely."""
    return recorded(wired, wired.records.subjects(), lambda stored: _is_of(stored, run))


def _is_of(stored: Stored, run: str) -> bool:
    """Whether the run changed it; what cannot be read was told of when it was met."""
    try:
        memory = from_detail(stored.record.detail) if stored.record else Memory()
    except MemoryUnreadable:
        return False
    return any(change.run == run for change in memory.changes)


REMEDIATION = Concern(CONCERN, declared.REMEDIATION, INSTANCES, _bind)
"""All that the shared entry needs to know of remediation."""

handler = controller.handler(REMEDIATION)
"""What Lambda calls."""

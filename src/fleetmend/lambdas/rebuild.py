"""Rebuild's entry: instances whose blueprint is kept, and those that went.

A sweep asks EC2 for all that carry the tag, a thousand in a call, and looks only at those whose
outline is not the one in the roster: new ones, changed ones, and ones that are there no more. So
a sweep over a healthy fleet of N instances costs ceil(N / 1000) describes and one read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fleetmend.aws.building import DryRunBuilder, Ec2Builder
from fleetmend.aws.roster import S3Roster
from fleetmend.core import declared
from fleetmend.core.decisions.rebuild import CONCERN
from fleetmend.core.decisions.recovery import CONCERN as RECOVERY
from fleetmend.core.events import INSTANCES
from fleetmend.core.loop import Case
from fleetmend.core.ports import Builder
from fleetmend.core.rebuild_practice import rebuilding
from fleetmend.core.rebuilding import RebuildPolicy, Sighting, from_detail
from fleetmend.lambdas import controller
from fleetmend.lambdas.controller import Bound, Concern
from fleetmend.lambdas.wiring import Wired


@dataclass(slots=True)
class _Sweep:
    """What one sweep saw, and what the roster said before it."""

    builder: Builder
    roster: S3Roster
    policy: RebuildPolicy
    seen: dict[str, str] = field(default_factory=dict[str, str])
    known: dict[str, str] = field(default_factory=dict[str, str])

    def subjects(self) -> list[str]:
        """Everything whose outline is not the known one.

        They stand in the roster before they are looked at: what is recorded and then forgotten
        by a crash could otherwise go unseen.
        """
        self.known = self.roster.read()
        self.seen = self.builder.outlines(self.policy.selector)
        looks = [name for name, word in self.seen.items() if self.known.get(name) != word]
        looks += [name for name in self.known if name not in self.seen]
        self.known = {**dict.fromkeys(looks, ""), **self.known}
        self.roster.write(self.known)
        return looks

    def settle(self, cases: Sequence[Case[Sighting]]) -> None:
        """Keep what is well, and forget what is gone and written down: open ones have hints."""
        words = dict(self.known)
        for case in cases:
            if case.failure or case.subject not in words:
                continue
            record = case.record
            kept = from_detail(record.detail).blueprint if record else None
            now = self.seen.get(case.subject)
            if now is None:
                del words[case.subject]
            else:
                words[case.subject] = now if kept and kept.outline == now else ""
        self.roster.write(words)


def _bind(policy: RebuildPolicy, wired: Wired) -> Bound[Sighting]:
    ledger = wired.ports.ledger
    builder = Ec2Builder(wired.client("ec2"), clock=ledger.now, remaining=wired.remaining)
    port = DryRunBuilder(builder) if wired.watching else builder
    sweep = _Sweep(port, wired.roster, policy)
    way = rebuilding(port, ledger, wired.records_of(RECOVERY), policy)
    return Bound(way, sweep.subjects, sweep.settle)


REBUILD = Concern(
    CONCERN,
    declared.REBUILD,
    INSTANCES,
    _bind,
    asks_who=lambda policy: policy.who == "cloudtrail",
)
"""All that the shared entry needs to know of rebuild."""

handler = controller.handler(REBUILD)
"""What Lambda calls."""

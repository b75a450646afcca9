"""Planted bugs: every defect that the specification names, as a change of the real code.

Each must be found by the checker within `within` histories of its hunt; one that lives fails the
suite. A mutant replaces a function of the product while it lives, and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from fleetmend.aws import ec2, ledger, starting
from fleetmend.core import claims, holds, loop, ownership, record_json, telling, windows
from fleetmend.core.decisions import recovery
from fleetmend.core.decisions.recovery import down, gates, turns
from fleetmend.core.model import Attempt, Decision, Result, Status
from fleetmend.core.ports import Lost, PortError
from fleetmend.lambdas import claiming, inbox
from tests.scenarios.hunts import (
    claimed,
    frozen_before_acting,
    in_a_window,
    lost_writes,
    never_up,
    one_dry_zone,
    owned,
    said_twice,
    swarming,
    two_at_once,
    unanswered,
    unreadable,
)
from tests.scenarios.planted import Mutant, Patch


def _own_412_is_lost(patch: Patch) -> None:
    def lost(self: ledger.S3Ledger, record: Any) -> str:
        raise Lost("412")

    patch.setattr(ledger.S3Ledger, "_etag_if_own", lost)


def _zombie(patch: Patch) -> None:
    """Nobody asks whether the intent still lives."""
    real = starting.start
    patch.setattr(
        starting, "start", lambda requests, send, fits: real(requests, send, lambda: True)
    )


def _same_bytes(patch: Patch) -> None:
    """Neither revision nor nonce nor time in the bytes: states come back with their ETag."""
    real = record_json.encode
    patch.setattr(
        ledger,
        "encode",
        lambda record: real(replace(record, revision=1, nonce="n", written_at=None)),
    )


def _no_wake_up(patch: Patch) -> None:
    patch.setattr(loop, "_wake", lambda ports, cases: None)


def _next_look_lost(patch: Patch) -> None:
    real = record_json.encode
    patch.setattr(ledger, "encode", lambda record: real(replace(record, next_look_at=None)))


def _spent_when_planned(patch: Patch) -> None:
    real = down.start

    def start(record: Any, policy: Any, now: Any, intent: str) -> Decision:
        decision = real(record, policy, now, intent)
        spent = (*decision.record.attempts, Attempt(now, Result.UNKNOWN, "Planned"))
        return replace(decision, record=replace(decision.record, attempts=spent))

    patch.setattr(down, "start", start)


def _told_before_owed(patch: Patch) -> None:
    real = loop._decide

    def decide(practice: Any, ports: Any, case: Any, stored: Any) -> Decision:
        decision = real(practice, ports, case, stored)
        if decision.record is not None and not decision.stale:
            ports.alerts.deliver(decision.record.subject, decision.record.owed)
        return decision

    patch.setattr(loop, "_decide", decide)


def _marked_before_told(patch: Patch) -> None:
    real = loop._deliver

    def deliver(practice: Any, ports: Any, case: Any) -> None:
        alerts = [alert for alert in case.record.owed if alert.fact in case.mine]
        loop._mark(ports, case, {alert.fact: "soon" for alert in alerts})
        real(practice, ports, replace(case, stored=replace(case.stored)))
        ports.alerts.deliver(case.record.subject, alerts)

    patch.setattr(loop, "_deliver", deliver)


def _never_inherits(patch: Patch) -> None:
    patch.setattr(telling, "may_inherit", lambda record, now, lease: False)


def _always_inherits(patch: Patch) -> None:
    patch.setattr(
        telling, "may_inherit", lambda record, now, lease: bool(record is not None and record.owed)
    )


def _head_of_line(patch: Patch) -> None:
    """One place without capacity settles the whole call."""
    real = starting._split

    def split(line: Any, requests: Any, failure: Any) -> None:
        if failure.outcome.result is Result.CAPACITY:
            line.settle(requests, failure.outcome)
        else:
            real(line, requests, failure)

    patch.setattr(starting, "_split", split)


def _resets_itself(patch: Patch) -> None:
    real = down.down

    def reset(record: Any, *rest: Any, **more: Any) -> Decision:
        if record.status is Status.EXHAUSTED:
            record = replace(record, status=Status.CLOSED)
        return real(record, *rest, **more)

    patch.setattr(down, "down", reset)


def _believes_events(patch: Patch) -> None:
    """What an event claims is taken for the state."""
    claimed: set[str] = set()
    subjects, observe = inbox.Inbox.subjects, ec2.Ec2Fleet.observe

    def remember(self: inbox.Inbox) -> dict[str, int | None]:
        claimed.update(look.subject for look in self.looks.values() if look.revision is None)
        return subjects(self)

    def believe(self: ec2.Ec2Fleet, ids: Sequence[str]) -> Mapping[str, Any]:
        seen = observe(self, ids)
        believed = {one: replace(seen[one], state="stopped") for one in claimed & set(seen)}
        claimed.difference_update(ids)
        return {**seen, **believed}

    patch.setattr(inbox.Inbox, "subjects", remember)
    patch.setattr(ec2.Ec2Fleet, "observe", believe)


def _acts_when_lost(patch: Patch) -> None:
    """Whoever loses the write goes on as if it had won."""
    real = ledger.S3Ledger.write

    def write(self: ledger.S3Ledger, record: Any, over: Any) -> Any:
        try:
            return real(self, record, over)
        except Lost:
            return replace(over, record=record)

    patch.setattr(ledger.S3Ledger, "write", write)


def _no_intent_life(patch: Patch) -> None:
    """A live intent of another run is not respected."""
    patch.setattr(gates, "is_live", lambda record, now: False)


def _no_settling(patch: Patch) -> None:
    """Right after a start, a describe that still says `stopped` is taken for a failure."""
    real = recovery.decide

    def decide(
        subject: Any, seen: Any, record: Any, policy: Any, *rest: Any, **more: Any
    ) -> Decision:
        policy = replace(policy, settle=timedelta(0), retry_interval=timedelta(0))
        return real(subject, seen, record, policy, *rest, **more)

    patch.setattr(recovery, "decide", decide)


def _no_budget(patch: Patch) -> None:
    patch.setattr(turns, "used_up", lambda record, policy, now: "")


def _no_holds(patch: Patch) -> None:
    patch.setattr(holds, "in_force", lambda tags, recorded, now: None)


def _nobody_owns(patch: Patch) -> None:
    patch.setattr(ownership, "owner", lambda seen, policy: None)


def _scheduler_forgotten(patch: Patch) -> None:
    real = ownership.owner

    def owner(seen: Any, policy: Any) -> Any:
        return real(seen, replace(policy, scheduler_tags=()))

    patch.setattr(ownership, "owner", owner)


def _operator_unread(patch: Patch) -> None:
    patch.setattr(ec2, "_operator", lambda raw: None)


def _rootless_unread(patch: Patch) -> None:
    patch.setattr(ec2, "_rootless", lambda raw: False)


def _garbage_is_nothing(patch: Patch) -> None:
    """A record that cannot be read is taken for none."""
    real = ledger.S3Ledger.read
    patch.setattr(
        ledger.S3Ledger, "read", lambda self, subject: replace(real(self, subject), unreadable="")
    )


def _doubt_is_empty(patch: Patch) -> None:
    """A describe that failed is an answer without instances."""
    real = ec2.Ec2Fleet.observe

    def observe(self: ec2.Ec2Fleet, ids: Sequence[str]) -> Mapping[str, Any]:
        try:
            return real(self, ids)
        except PortError:
            return {}

    patch.setattr(ec2.Ec2Fleet, "observe", observe)


def _nobody_claims(patch: Patch) -> None:
    patch.setattr(claiming, "claimant", lambda *given, **more: "")


def _robs_the_living(patch: Patch) -> None:
    """A claim is taken over while its owner keeps it fresh."""
    patch.setattr(claims, "is_over", lambda claimed_at, now: True)


def _no_windows(patch: Patch) -> None:
    patch.setattr(windows.Window, "open_until", lambda self, now: None)


def _windows_in_utc(patch: Patch) -> None:
    """A window is told by the machine's clock and not by those of its zone."""
    real = windows.Window.open_until
    patch.setattr(
        windows.Window, "open_until", lambda self, now: real(replace(self, zone=UTC), now)
    )


MUTANTS = (
    Mutant("own 412 taken as lost", _own_412_is_lost, 12, lost_writes),
    Mutant("zombie acts after expiry", _zombie, 20, frozen_before_acting),
    Mutant("zombie acts after expiry, in the swarm", _zombie, 150, swarming),
    Mutant("same bytes come back", _same_bytes, 5, said_twice),
    Mutant("next look lost: nobody is woken", _no_wake_up, 3, swarming),
    Mutant("next look lost: not in the record", _next_look_lost, 3, swarming),
    Mutant("attempt spent when planned", _spent_when_planned, 3, swarming),
    Mutant("alert sent before it is owed", _told_before_owed, 3, swarming),
    Mutant("alert marked before it is sent", _marked_before_told, 3, swarming),
    Mutant("owed alerts of the dead are forgotten", _never_inherits, 40, swarming),
    Mutant("owed alerts are told by everybody", _always_inherits, 60, two_at_once),
    Mutant("one dry zone holds back the others", _head_of_line, 2, one_dry_zone),
    Mutant("exhausted resets itself", _resets_itself, 60, swarming),
    Mutant("events are believed", _believes_events, 40, swarming),
    Mutant("the loser of a write acts", _acts_when_lost, 60, two_at_once),
    Mutant("live intents are not respected", _no_intent_life, 60, swarming),
    Mutant("no settling after a start", _no_settling, 60, swarming),
    Mutant("the budget is not kept", _no_budget, 2, never_up),
    Mutant("holds are ignored", _no_holds, 40, swarming),
    Mutant("nobody else owns an instance", _nobody_owns, 2, owned),
    Mutant("a scheduler's tag is not known", _scheduler_forgotten, 2, owned),
    Mutant("EC2's own word on who runs it is not read", _operator_unread, 2, owned),
    Mutant("a missing root volume is not seen", _rootless_unread, 2, owned),
    Mutant("another's claim is not respected", _nobody_claims, 2, claimed),
    Mutant("a living owner is robbed of its claim", _robs_the_living, 2, claimed),
    Mutant("a recurring window is no hold", _no_windows, 2, in_a_window),
    Mutant("a window goes by UTC", _windows_in_utc, 2, in_a_window),
    Mutant("an unreadable record counts as none", _garbage_is_nothing, 2, unreadable),
    Mutant("a failed describe counts as empty", _doubt_is_empty, 10, unanswered),
)

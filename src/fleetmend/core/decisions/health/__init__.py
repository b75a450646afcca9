"""Health: an unhealthy instance is replaced, and an outage is never made worse.

One subject is one group, since budget and floor are the group's. Each look does at most one
thing: mark one member, or suspend, or take back marks, or resume. All four are assignments in
AWS, so that a repeated one changes nothing (docs/health.md has the table of signals).
"""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime

from fleetmend.core import holds, incidents
from fleetmend.core.decisions.health import debts
from fleetmend.core.decisions.health.acts import REPLACE, RESET, RESUME, SUSPEND, learn
from fleetmend.core.groups import SUSPENDABLE, Group, HealthPolicy, Member, outage
from fleetmend.core.health_memory import (
    Breaker,
    Memory,
    MemoryUnreadable,
    Replacing,
    from_detail,
    to_detail,
)
from fleetmend.core.health_watch import sampled, symptoms, verified
from fleetmend.core.kinds import AlertKind
from fleetmend.core.model import (
    Decision,
    Intent,
    IntentState,
    Mode,
    Record,
    Status,
)
from fleetmend.core.times import utc

CONCERN = "health"

__all__ = [
    "CONCERN",
    "REFUSALS",
    "REPLACE",
    "RESET",
    "RESUME",
    "SUSPEND",
    "debts",
    "decide",
    "learn",
]

REFUSALS = frozenset(
    {
        "below-floor",
        "budget",
        "held",
        "hook-running",
        "outage",
        "refreshing",
        "suspended",
    }
)
"""Reasons for which an ill member is deliberately not replaced now."""

_RESETS = 3
"""How often marks are taken back before a resume. What is marked anew each time is ill still, and
a suspension must end."""

_BLOCKING = {"Launch", "Terminate", SUSPENDABLE, "HealthCheck", "AddToLoadBalancer"}


def decide(
    subject: str,
    seen: Group | None,
    record: Record | None,
    policy: HealthPolicy,
    now: datetime,
    intent_id: str,
) -> Decision:
    """What to do about one group; arguments as in decisions/recovery.

    A record whose detail is not health's is left alone until someone says `retry`.
    """
    if policy.mode is Mode.OFF:
        return Decision("off", record)
    if seen is not None and incidents.is_old(
        seen.observed_at, record, policy.observation_lifetime, now
    ):
        return Decision("stale", record, stale=True)
    if record is not None and incidents.is_live(record, now):
        return Decision("in-flight", record)
    if record is not None and record.status is Status.EXHAUSTED:
        return Decision(record.reason, record)
    try:
        if seen is None or not policy.selector.matches(seen.tags):
            return _left(record, seen, now)
        return _Case(subject, seen, record, policy, now, intent_id).decide()
    except MemoryUnreadable as error:
        return incidents.unreadable(record or Record(CONCERN, subject, Status.OPEN), error)


def _left(record: Record | None, seen: Group | None, now: datetime) -> Decision:
    """A group that is gone, or no longer ours. A suspension of ours must not outlive that.

    What was asked for is remembered, for a group that comes back while it may still come about.
    """
    reason = "out-of-scope" if seen else "gone"
    if record is None or record.status is Status.CLOSED:
        return Decision(reason, record)
    memory = from_detail(record.detail)
    breaker = memory.breaker or memory.asked
    kept = replace(memory, asked=breaker).lasting(now) if seen else Memory()
    closed = replace(
        record,
        status=Status.CLOSED,
        reason=reason,
        next_look_at=None,
        detail=to_detail(kept) if kept.asked else {},
        intent=None,
    )
    if breaker and seen and SUSPENDABLE in seen.suspended:
        text = (
            f"{record.subject} left our scope while {SUSPENDABLE} was suspended by us since "
            f"{utc(breaker.since)}"
        )
        closed = closed.telling("left-suspended", text)
    return Decision(reason, closed)


def _well(seen: Group, ill: Container[str], replacing: Container[str]) -> int:
    """What remains healthy, by weight: known to be well, and not on its way out."""
    return sum(
        member.weight
        for member in seen.serving
        if member.sound and member.id not in ill and member.id not in replacing
    )


def _is_hooked(member: Member) -> bool:
    """Whether a lifecycle hook holds it; what happens in the warm pool is nobody's business."""
    return member.lifecycle.endswith((":Wait", ":Proceed")) and not member.lifecycle.startswith(
        "Warmed"
    )


class _Case:
    """One group on its way to a decision; every method is pure."""

    def __init__(
        self,
        subject: str,
        seen: Group,
        stored: Record | None,
        policy: HealthPolicy,
        now: datetime,
        intent_id: str,
    ) -> None:
        record = stored or Record(CONCERN, subject, Status.CLOSED)
        self.stored = stored
        self.seen, self.policy, self.now, self.intent_id = seen, policy, now, intent_id
        self.found = symptoms(seen, policy, now)
        self.looks_like = outage(seen, self.found.struck, policy)
        self.memory = self._remembered(record)
        self.record = self._opened(record)

    def decide(self) -> Decision:
        if self.memory.asked and not self.memory.breaker and SUSPENDABLE in self.seen.suspended:
            self._adopt(self.memory.asked)
        self.memory, odd = sampled(self.memory, self.found, self.policy, self.now)
        self.memory, marked = verified(self.memory, self.seen, self.found, self.policy, self.now)
        for told in (*odd, *marked):
            self._tell(told.kind, told.text, why=told.why, key=told.key)
        if self.looks_like:
            text = f"{self.seen.name}: {self.looks_like}"
            why = "so many at once look like an outage, not like bad instances"
            self._tell("outage", text, why=why)
        if self.memory.breaker:
            self._look_at(self.memory.breaker)
        if self.memory.breaker:
            return self._under_breaker(self.memory.breaker)
        if self.looks_like:
            return self._outage()
        if self.memory.empty:
            return self._healthy()
        return self._replace_one()

    def _tell(self, kind: AlertKind, text: str, *, why: str = "", key: str = "") -> None:
        self.record = self.record.telling(kind, text, why=why, key=key)

    # --- memory ---

    def _remembered(self, record: Record) -> Memory:
        """What is known now: a planned mark that ran out is judged by what the group shows.

        Whoever planned a suspension that ran out may have died or may only be frozen.
        """
        memory = from_detail(record.detail)
        lasting = memory.lasting(self.now)
        if record.status is Status.CLOSED:
            return lasting
        memory = replace(memory, asked=lasting.asked)
        intent = record.intent
        crashed = intent if intent and intent.state is IntentState.PLANNED else None
        if not crashed:
            return memory
        if crashed.action == SUSPEND:
            memory = replace(memory, asked=memory.breaker)
        if crashed.action == RESUME and memory.breaker:
            memory = replace(memory, breaker=replace(memory.breaker, ending=True))
        if crashed.action == REPLACE:
            target = next((m for m in self.seen.members if m.id == memory.target), None)
            if target is None or target.marked or not target.serves:
                begun = {memory.target: Replacing(crashed.planned_at, memory.why)}
                memory = replace(memory, replacing={**memory.replacing, **begun})
        return replace(memory, target="", why="")

    def _opened(self, record: Record) -> Record:
        if record.status is not Status.CLOSED:
            return replace(record, intent=None)
        return replace(
            record,
            status=Status.OPEN,
            opened_at=self.now,
            attempts=(),
            intent=None,
            alerts=record.owed,
            hold=record.hold if record.hold and self.now < record.hold.until else None,
        )

    # --- decisions ---

    def _adopt(self, asked: Breaker) -> None:
        """What we had asked for came late: ours again, and no longer than any other."""
        until = self.now if self.memory.spent else self.now + self.policy.suspension
        ours = Breaker(self.now, until, asked.why, seen=True)
        self.memory = replace(self.memory, breaker=ours, asked=None)
        text = (
            f"{self.seen.name} has {SUSPENDABLE} suspended, as we had asked at {utc(asked.since)}"
        )
        self._tell("late-suspension", text, why="a run of ours was held up before it asked AWS")

    def _look_at(self, breaker: Breaker) -> None:
        """Whether our suspension stands; what is no longer suspended is no breaker any more.

        It may never have come about (the answer was lost, the function died): then it is asked
        for again as long as there is an outage. It may have been ended by us, or by somebody
        else, whose word on this incident that is.
        """
        if SUSPENDABLE in self.seen.suspended:
            self.memory = replace(self.memory, breaker=replace(breaker, seen=True))
            return
        by_others = breaker.seen and not breaker.ending
        spent = self.memory.spent or by_others
        self.memory = replace(self.memory, breaker=None, spent=spent, resets=0)
        if breaker.seen:
            self.memory = replace(self.memory, samples={})
        else:
            self.memory = replace(self.memory, asked=breaker)

    def _under_breaker(self, breaker: Breaker) -> Decision:
        """Ours to end: the marks that gathered are taken back first, or resuming replaces all."""
        over = self.now >= breaker.until
        calm = 0 if self.looks_like else breaker.calm + (self.memory.sampled_at == self.now)
        self.memory = replace(self.memory, breaker=replace(breaker, calm=calm))
        if calm < self.policy.consecutive and not over and not breaker.ending:
            return self._rest("outage", self.looks_like or f"over for {calm} sample(s)")
        if self.looks_like and over:
            text = f"{self.seen.name} is still in an outage, and the suspension ends"
            self._tell("suspension-over", text, why=self.looks_like)
        self.memory = replace(self.memory, spent=self.memory.spent or bool(self.looks_like))
        if any(member.marked for member in self.seen.serving) and self.memory.resets < _RESETS:
            return self._plan(RESET, "taking back the marks that gathered")
        why = "its time is over" if self.looks_like else "the outage is over"
        return self._plan(RESUME, why)

    def _outage(self) -> Decision:
        if self.memory.spent or SUSPENDABLE in self.seen.suspended:
            return self._rest("outage", self.looks_like)
        until = self.now + self.policy.suspension
        self.memory = replace(self.memory, breaker=Breaker(self.now, until, self.looks_like))
        return self._plan(SUSPEND, self.looks_like)

    def _healthy(self) -> Decision:
        if self.stored is None or self.stored.status is Status.CLOSED:
            return Decision("healthy", self.stored)
        kept = replace(self.memory.lasting(self.now), done=self.memory.done)
        closed = replace(
            self.record,
            status=Status.CLOSED,
            reason="healthy",
            note="",
            next_look_at=None,
            detail=to_detail(kept) if kept.done or kept.asked else {},
        )
        return Decision("healthy", closed)

    def _replace_one(self) -> Decision:
        enough = self.policy.consecutive
        confirmed = [name for name, count in self.memory.samples.items() if count >= enough]
        waiting = [name for name in confirmed if name not in self.memory.replacing]
        if not waiting:
            return self._rest("replacing" if self.memory.replacing else "watching", "")
        refusal = self._refusal()
        if refusal:
            return self._rest(*refusal)
        name = min(waiting, key=lambda one: (-self.memory.samples[one], one))
        self.memory = replace(self.memory, target=name, why=self.found.ill[name])
        return self._plan(REPLACE, f"{name}: {self.found.ill[name]}")

    def _refusal(self) -> tuple[str, str] | None:
        """Why no further member is marked now: code and sentence."""
        hold = holds.in_force(self.seen.tags, self.record.hold, self.now)
        if hold:
            return "held", holds.sentence(hold)
        if self.seen.refreshing:
            return "refreshing", "an instance refresh or rollback is running"
        blocked = sorted(self.seen.suspended & _BLOCKING)
        if blocked:
            return "suspended", f"somebody suspended {', '.join(blocked)}"
        hooked = sorted(m.id for m in self.seen.members if _is_hooked(m))
        if hooked:
            return "hook-running", f"a lifecycle hook is running on {', '.join(hooked)}"
        flying = self._in_flight()
        if flying >= self.policy.max_replacements:
            return "budget", f"{flying} replacement(s) in flight"
        well = _well(self.seen, self.found.ill, self.memory.replacing)
        floor = self.policy.floor(self.seen)
        if well < floor:
            return "below-floor", f"{well} healthy, and {floor} must remain"
        return None

    def _in_flight(self) -> int:
        """How many are marked and not yet replaced; what is gone and overdue blocks no other."""
        here = {member.id for member in self.seen.members}
        recent = self.now - self.policy.verify_window
        return sum(name in here or one.at > recent for name, one in self.memory.replacing.items())

    # --- what is written ---

    def _rest(self, reason: str, note: str) -> Decision:
        """Nothing to do now; the next sweep looks again.

        A record that owes an alert is not written anew for a sample's sake while whoever wrote it
        may still be telling: every write begins that time again, and nobody would ever inherit.
        """
        before = self.stored
        if before and before.owed and before.written_at and self.record.alerts == before.alerts:
            telling = self.now < before.written_at + self.policy.intent_lifetime
            if telling and before.status is Status.OPEN and before.reason == reason:
                return Decision(reason, before)
        self.record = replace(self.record, reason=reason, note=note, next_look_at=None)
        return Decision(reason, replace(self.record, detail=to_detail(self.memory)))

    def _plan(self, act: str, note: str) -> Decision:
        until = self.now + self.policy.intent_lifetime
        planned = replace(
            self.record,
            reason=act,
            note=note,
            intent=Intent(self.intent_id, act, IntentState.PLANNED, self.now, until),
            next_look_at=until,
            detail=to_detail(self.memory),
        )
        return Decision(act, planned, act=act)

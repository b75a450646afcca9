"""Health: an unhealthy instance is replaced, and an outage is never made worse.

One subject is one group, since budget and floor are the group's. Each look does at most one
thing: mark one member, or suspend, or take back marks, or resume. All four are assignments in
AWS, so that a repeated one changes nothing (docs/health.md has the table of signals).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from fleetmend.core import holds
from fleetmend.core.groups import SUSPENDABLE, Group, HealthPolicy, illness, outage
from fleetmend.core.health_memory import Breaker, Memory, Replacing, from_detail, to_detail
from fleetmend.core.model import (
    Attempt,
    Decision,
    Intent,
    IntentState,
    Mode,
    Outcome,
    Record,
    Result,
    Status,
)

CONCERN = "health"
REPLACE = "replace"
SUSPEND = "suspend"
RESET = "reset"
RESUME = "resume"

_KEPT_ATTEMPTS = 20
_SOON = timedelta(seconds=15)
_BLOCKING = {"Launch", "Terminate", SUSPENDABLE, "HealthCheck"}


def decide(
    subject: str,
    seen: Group | None,
    record: Record | None,
    policy: HealthPolicy,
    now: datetime,
    intent_id: str,
) -> Decision:
    """What to do about one group; arguments as in decisions/recovery.

    Raises:
        MemoryUnreadable: the record's detail is not health's; nothing is done about the group.
    """
    if policy.mode is Mode.OFF:
        return Decision("off", record)
    if seen is not None and _is_stale(seen, record, policy, now):
        return Decision("stale", record, stale=True)
    if record is not None and _is_live(record, now):
        return Decision("in-flight", record)
    if seen is None or not policy.selector.matches(seen.tags):
        return _left(record, seen)
    case = _Case(seen, record or Record(CONCERN, subject, Status.CLOSED), policy, now, intent_id)
    return case.decide()


def learn(record: Record, outcome: Outcome, now: datetime) -> Record:
    """The record after AWS answered the one call that its intent announced."""
    memory = from_detail(record.detail)
    action = record.intent.action if record.intent else ""
    went = outcome.result in {Result.ACCEPTED, Result.UNKNOWN}
    state = IntentState.ISSUED if went else IntentState.DONE
    record = replace(record, intent=record.intent and replace(record.intent, state=state))
    if outcome.result in {Result.NOT_SENT, Result.WOULD}:
        memory = _forget_plan(memory, action)
        note = "would have been done; mode is observe" if outcome.result is Result.WOULD else ""
        return replace(record, note=note or record.note, detail=to_detail(memory))
    attempt = Attempt(now, outcome.result, outcome.code, outcome.message)
    record = replace(record, attempts=(*record.attempts, attempt)[-_KEPT_ATTEMPTS:])
    if went:
        if action == REPLACE:
            chosen = {memory.target: Replacing(now, memory.why)}
            memory = replace(memory, replacing={**memory.replacing, **chosen}, target="", why="")
        if action == RESUME:
            memory = replace(memory, breaker=None, reset=False, samples={})
        look = now + _SOON if action == RESET else None
        return replace(record, next_look_at=look, detail=to_detail(memory))
    failed = replace(record, next_look_at=None, detail=to_detail(_forget_plan(memory, action)))
    why = f"{outcome.code} {outcome.message}".strip() or outcome.result.value
    text = f"{record.subject}: {action} failed ({why}); the next sweep tries again"
    return failed.telling("failed", text, key=f"{action}-failed")


def _forget_plan(memory: Memory, action: str) -> Memory:
    """The memory without what a plan that was not carried out had put there."""
    memory = replace(memory, target="", why="")
    return replace(memory, breaker=None) if action == SUSPEND else memory


def _is_stale(seen: Group, record: Record | None, policy: HealthPolicy, now: datetime) -> bool:
    if now - seen.observed_at > policy.observation_lifetime:
        return True
    written = record.written_at if record else None
    return written is not None and seen.observed_at < written


def _is_live(record: Record, now: datetime) -> bool:
    intent = record.intent
    return intent is not None and intent.state is IntentState.PLANNED and now < intent.until


def _left(record: Record | None, seen: Group | None) -> Decision:
    """A group that is gone, or no longer ours. A suspension of ours must not outlive that."""
    reason = "out-of-scope" if seen else "gone"
    if record is None or record.status is Status.CLOSED:
        return Decision(reason, record)
    breaker = from_detail(record.detail).breaker
    closed = replace(
        record, status=Status.CLOSED, reason=reason, next_look_at=None, detail={}, intent=None
    )
    if breaker and seen and SUSPENDABLE in seen.suspended:
        text = (
            f"{record.subject} left our scope while {SUSPENDABLE} was suspended by us since "
            f"{breaker.since:%H:%M} UTC: resume it by hand"
        )
        closed = closed.telling("left-suspended", text)
    return Decision(reason, closed)


class _Case:
    """One group on its way to a decision; every method is pure."""

    def __init__(
        self, seen: Group, record: Record, policy: HealthPolicy, now: datetime, intent_id: str
    ) -> None:
        self.seen, self.policy, self.now, self.intent_id = seen, policy, now, intent_id
        found = {member.id: illness(member, policy, now) for member in seen.serving}
        self.ill = {name: why for name, why in found.items() if why}
        self.memory = self._remembered(record)
        self.record = self._opened(record)

    def decide(self) -> Decision:
        self._verify()
        looks_like = outage(self.seen, self.ill, self.policy)
        if self.memory.breaker:
            return self._under_breaker(self.memory.breaker, looks_like)
        if looks_like:
            return self._outage(looks_like)
        if self.memory.empty:
            return self._healthy()
        return self._replace_one()

    # --- memory ---

    def _remembered(self, record: Record) -> Memory:
        """What is known now: a planned act that ran out is judged by what the group shows."""
        memory = from_detail(record.detail) if record.status is not Status.CLOSED else Memory()
        intent = record.intent
        crashed = intent if intent and intent.state is IntentState.PLANNED else None
        if crashed and crashed.action == SUSPEND and SUSPENDABLE not in self.seen.suspended:
            memory = replace(memory, breaker=None)
        if crashed and crashed.action == REPLACE:
            target = next((m for m in self.seen.members if m.id == memory.target), None)
            if target is None or target.marked or not target.serves:
                begun = {memory.target: Replacing(crashed.planned_at, memory.why)}
                memory = replace(memory, replacing={**memory.replacing, **begun})
            memory = replace(memory, target="", why="")
        return self._sampled(memory)

    def _sampled(self, memory: Memory) -> Memory:
        """One more sample, unless the last is too fresh: looks that follow fast count as one."""
        half = self.policy.sample_every / 2
        if memory.sampled_at and self.now - memory.sampled_at < half:
            return memory
        samples = {name: memory.samples.get(name, 0) + 1 for name in sorted(self.ill)}
        if not samples and not memory.samples and not memory.replacing and not memory.breaker:
            return memory
        return replace(memory, samples=samples, sampled_at=self.now)

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

    def _verify(self) -> None:
        """Replaced means a new instance at work and well, not that the old one is marked."""
        here = {member.id for member in self.seen.members}
        newcomers = [
            member
            for member in self.seen.serving
            if member.id not in self.ill and member.id not in self.memory.counted
        ]
        replacing, counted = dict(self.memory.replacing), [*self.memory.counted]
        for name, one in sorted(replacing.items(), key=lambda item: item[1].at):
            fresh = next((m for m in newcomers if m.launched_at and m.launched_at >= one.at), None)
            if name not in here and fresh:
                took = int((self.now - one.at).total_seconds())
                text = (
                    f"{name} ({one.why}) was replaced by {fresh.id} in {self.seen.name}, {took} s"
                )
                self.record = self.record.telling("replaced", text, key=f"replaced-{name}")
                newcomers.remove(fresh)
                counted.append(fresh.id)
                del replacing[name]
            elif self.now - one.at > self.policy.verify_window:
                text = (
                    f"{name} in {self.seen.name} was marked at {one.at:%H:%M} UTC, no successor yet"
                )
                self.record = self.record.telling("late", text, key=f"late-{name}")
        kept = tuple(name for name in counted if name in here)
        self.memory = replace(self.memory, replacing=replacing, counted=kept)

    # --- decisions ---

    def _under_breaker(self, breaker: Breaker, looks_like: str) -> Decision:
        """Ours to end: the marks that gathered are taken back first, or resuming replaces all."""
        if SUSPENDABLE not in self.seen.suspended and self.now - breaker.since > _SOON:
            self.memory = replace(self.memory, breaker=None, spent=True)
            return self._rest("resumed-elsewhere", "somebody resumed what we had suspended")
        over = self.now >= breaker.until
        if looks_like and not over:
            return self._rest("outage", looks_like)
        if over and looks_like:
            text = f"{self.seen.name}: {looks_like} still, and the suspension ends: yours to decide"
            self.record = self.record.telling("suspension-over", text)
        self.memory = replace(self.memory, spent=self.memory.spent or bool(looks_like))
        if not self.memory.reset and any(member.marked for member in self.seen.serving):
            self.memory = replace(self.memory, reset=True)
            return self._plan(RESET, "taking back the marks that gathered")
        return self._plan(RESUME, "the outage is over" if not looks_like else "its time is over")

    def _outage(self, looks_like: str) -> Decision:
        text = (
            f"{self.seen.name}: {looks_like}. That looks like an outage, not like bad instances: "
            f"nothing is replaced"
        )
        self.record = self.record.telling("outage", text)
        if self.memory.spent or SUSPENDABLE in self.seen.suspended:
            return self._rest("outage", looks_like)
        until = self.now + self.policy.suspension
        self.memory = replace(self.memory, breaker=Breaker(self.now, until, looks_like))
        return self._plan(SUSPEND, looks_like)

    def _healthy(self) -> Decision:
        if self.record.opened_at == self.now and not self.record.owed:
            return Decision("healthy", None)
        closed = replace(
            self.record,
            status=Status.CLOSED,
            reason="healthy",
            note="",
            next_look_at=None,
            detail={},
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
        self.memory = replace(self.memory, target=name, why=self.ill[name])
        return self._plan(REPLACE, f"{name}: {self.ill[name]}")

    def _refusal(self) -> tuple[str, str] | None:
        """Why no further member is marked now: code and sentence."""
        hold = holds.in_force(self.seen.tags, self.record.hold, self.now)
        if hold:
            return "held", f"held until {hold.until:%Y-%m-%dT%H:%M:%SZ} by {hold.by}: {hold.reason}"
        if self.seen.refreshing:
            return "refreshing", "an instance refresh or rollback is running"
        blocked = sorted(self.seen.suspended & _BLOCKING)
        if blocked:
            return "suspended", f"somebody suspended {', '.join(blocked)}"
        hooked = [m.id for m in self.seen.members if m.lifecycle.endswith((":Wait", ":Proceed"))]
        if [name for name in hooked if not self._is_warm(name)]:
            return "hook-running", f"a lifecycle hook is running on {', '.join(sorted(hooked))}"
        if len(self.memory.replacing) >= self.policy.max_replacements:
            return "budget", f"{len(self.memory.replacing)} replacement(s) in flight"
        well = [
            member.id
            for member in self.seen.serving
            if member.id not in self.ill
            and not member.marked
            and member.id not in self.memory.replacing
        ]
        floor = self.policy.floor(self.seen)
        if len(well) < floor:
            return "below-floor", f"{len(well)} healthy, and {floor} must remain"
        return None

    def _is_warm(self, name: str) -> bool:
        return any(m.id == name and m.lifecycle.startswith("Warmed") for m in self.seen.members)

    # --- what is written ---

    def _rest(self, reason: str, note: str) -> Decision:
        """Nothing to do now; the next sweep looks again."""
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

"""What is done about an instance that breaks rules: filled in, told, and at last stopped."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from fleetmend.core import holds, incidents
from fleetmend.core.compliance import NOBODY
from fleetmend.core.decisions.remediation import turns
from fleetmend.core.decisions.remediation.turns import Case
from fleetmend.core.model import Decision, IntentState, Record, Status
from fleetmend.core.remediation import (
    CONCERN,
    FILL,
    HELD,
    RELEASE,
    STOP,
    Change,
    Memory,
    Notice,
    fillable,
    fills,
    remedied,
)
from fleetmend.core.rules import Remedy, Rule, Violation, told

Broken = Sequence[tuple[Rule, Violation]]

_DOWN = frozenset({"stopping", "stopped"})


def decide(case: Case) -> Decision:
    """See the package. Tags first, then words, and a stop only when both came to nothing."""
    tags, found = case.instance.tags, case.record
    memory = replace(case.memory, changes=_standing(case))
    broken = remedied(case.rules, tags)
    if not broken:
        return _complies(case, memory)
    if found.status is Status.CLOSED:
        memory = replace(memory, notices={}, stopped_at=None)
    record = turns.remembering(incidents.opened(found, "violates", case.now), memory)
    record = announced(record, _shown(record, case))
    if record.status is Status.EXHAUSTED:
        return Decision("exhausted", record)
    refused = turns.refusal(case.instance, memory, case.seen, record, case)
    if refused:
        return incidents.refused(record, *refused)
    if fillable(case.rules, tags):
        filled = _fill(case, record, memory)
        if filled:
            return filled
    return _tell(case, record, memory, broken)


def recheck(record: Record, memory: Memory, case: Case) -> str:
    """Why the act that was planned must not be done after all; empty when it may.

    `case` holds what was seen right before the act. Between that and the act EC2 offers no
    condition: CreateTags and StopInstances take none.
    """
    act, at = (record.intent.action, record.intent.planned_at) if record.intent else ("", None)
    earlier = replace(memory, changes=tuple(one for one in memory.changes if one.at != at))
    refused = turns.refusal(case.instance, memory, case.seen, record, case)
    if refused:
        return refused[1]
    tags = case.instance.tags
    if act == FILL:
        there = [one.key for one in memory.changes if one.at == at and one.key in tags]
        return f"{', '.join(there)} is there meanwhile" if there else ""
    if act == STOP:
        due = _due(record, earlier, case, remedied(case.rules, tags))
        stopped = turns.stop_refusal(case.instance)
        return stopped[1] if stopped else "" if due else "it complies meanwhile"
    return ""


def announced(record: Record, changes: Iterable[Change]) -> Record:
    """The record telling of these changes; what is told already in this incident stays told."""
    for one in changes:
        undo = f"To undo it: fleetmend undo {one.run}, or fleetmend undo {record.subject}"
        if one.act == FILL:
            text = f"{record.subject} was given the missing tag {one.key}={one.value!r}. {undo}"
            record = record.telling("filled", text, key=f"filled-{one.key}-{one.run}")
        else:
            text = (
                f"{record.subject} is being stopped: it still breaks a rule, and the grace is "
                f"over. It is held, so that nothing starts it again. {undo}"
            )
            record = record.telling("stopped", text, key=f"stopped-{one.run}")
    return record


def _shown(record: Record, case: Case) -> list[Change]:
    """The changes of this incident that EC2's answers show, whether or not theirs was heard."""
    since, down = record.opened_at, case.instance.state in _DOWN
    return [
        one
        for one in case.memory.ours(case.instance.tags)
        if since and one.at >= since and (one.act == FILL or down)
    ]


def _standing(case: Case) -> tuple[Change, ...]:
    """The changes that stand, or are too young to show; what somebody changed since is theirs."""
    tags, young = case.instance.tags, case.now - case.policy.settle
    return tuple(
        one for one in case.memory.changes if one.at > young or tags.get(one.key) == one.value
    )


def _complies(case: Case, memory: Memory) -> Decision:
    """Nothing is broken any more that is ours to mend; what was changed stays known."""
    if case.found is None or case.found.status is Status.CLOSED:
        return Decision("complies", case.found)
    record = announced(turns.remembering(case.found, memory), _shown(case.found, case))
    held = any(one.act == STOP for one in memory.ours(case.instance.tags))
    releasing = _release(case, record)
    if releasing:
        return releasing
    if case.memory.notices:
        then = f" It is still stopped; to start it: fleetmend undo {case.subject}" if held else ""
        record = record.telling("mended", f"{case.name} breaks no rule any more.{then}")
    return Decision("complies", incidents.closed(record, "complies", "it breaks no rule any more"))


def _fill(case: Case, record: Record, memory: Memory) -> Decision | None:
    """Give it what is missing, where a value is known that every rule about it accepts."""
    wanted = fills(case.rules, case.seen, case.instance.tags)
    under_way = {one.key for one in memory.changes if one.act == FILL}
    if under_way & wanted.keys():  # what does not stand is dropped once it is old
        return turns.waits(record, "filling", "waiting for EC2 to show it", case.shows_by(FILL))
    if not wanted:
        unsure = case.seen.unsure & fillable(case.rules, case.instance.tags).keys()
        return _bounded(case, record) if unsure else None
    if not case.seen.run:
        return _bounded(case, record)
    listed = ", ".join(f"{key}={value}" for key, value in sorted(wanted.items()))
    fresh = [Change(FILL, key, value, case.seen.run, case.now) for key, value in wanted.items()]
    memory = replace(memory, changes=(*memory.changes, *fresh))
    note = f"filling in {listed} (run {case.seen.run})"
    opened = replace(turns.remembering(record, memory), status=Status.OPEN)
    return turns.plan(opened, FILL, note, case)


def _bounded(case: Case, record: Record) -> Decision:
    most = case.policy.most_changes
    return turns.waits(record, "bounded", f"left to a later run: one changes {most} at most")


def _tell(case: Case, record: Record, memory: Memory, broken: Broken) -> Decision:
    """Tell the owner of every rule that wants it, and stop it when a grace is over."""
    notices: dict[str, Notice] = {}
    owner = case.instance.tags.get(case.rules.owner_key) or NOBODY
    for rule, violation in broken:
        name = _notice_of(rule)
        if not name:
            continue
        notice = memory.notices.get(name)
        if notice is None:
            until = case.now + rule.grace if Remedy.STOP in rule.remedies else None
            notice = Notice(case.now, until)
            then = f" Without it the instance is stopped after {_when(until)}." if until else ""
            what = f"{owner}: {case.name} breaks the rule {rule.name}: {told(violation)}."
            record = record.telling("violates", f"{what} Mend it.{then}", key=_fact(name, notice))
        notices[name] = notice
    memory = replace(memory, notices=notices)
    record = turns.remembering(record, memory)
    if not notices:
        return incidents.refused(record, "no-value", "no source and no default gives a value")
    if memory.stopped_at or any(one.act == STOP for one in memory.changes):
        return _stopped(case, record, memory, broken)
    if not _due(record, memory, case, broken):
        ends = [one.until for one in notices.values() if one.until]
        note = f"its owner, {owner}, has until {_when(min(ends))}" if ends else f"{owner} was told"
        return turns.waits(record, "grace" if ends else "told", note)
    return _stop(case, record, memory)


def _stop(case: Case, record: Record, memory: Memory) -> Decision:
    refused = turns.stop_refusal(case.instance)
    if refused:
        return incidents.refused(record, *refused)
    if not case.seen.run:
        return _bounded(case, record)
    others = tuple(one for one in memory.changes if one.act != STOP)
    hold = Change(STOP, holds.TAG, HELD, case.seen.run, case.now)
    memory = replace(memory, changes=(*others, hold), stopped_at=None)
    opened = replace(turns.remembering(record, memory), status=Status.OPEN)
    return turns.plan(opened, STOP, f"stopping it under a hold (run {case.seen.run})", case)


def _stopped(case: Case, record: Record, memory: Memory, broken: Broken) -> Decision:
    """After a stop of ours: who starts it again has the last word, until it complies once."""
    if case.instance.state in _DOWN:
        memory = replace(memory, stopped_at=memory.stopped_at or case.now)
        note = f"stopped and held; to start it again: fleetmend undo {case.subject}"
        return turns.waits(turns.remembering(record, memory), "stopped", note)
    if case.shows_by(STOP):
        note = "waiting for EC2 to show it"
        return turns.waits(record, "stopping", note, case.shows_by(STOP))
    if memory.stopped_at is None and _due(record, memory, case, broken):
        return _stop(case, record, memory)
    text = f"{case.name} was stopped by {CONCERN} and runs again: it is not stopped once more"
    if memory.stopped_at:
        record = record.telling("started-again", text)
    return _release(case, record) or turns.waits(record, "started-again", text)


def _release(case: Case, record: Record) -> Decision | None:
    """Take our hold off what runs: left there, recovery would not start it when it goes down."""
    held = any(one.act == STOP for one in case.memory.ours(case.instance.tags))
    if not held or case.instance.state in _DOWN or case.shows_by(STOP):
        return None
    sent = case.record.intent
    if sent and sent.action == RELEASE and sent.state is IntentState.ISSUED:
        by = sent.planned_at + case.policy.settle
        if case.now < by:
            return turns.waits(record, "releasing", "waiting for EC2 to show it", by, sent)
    opened = replace(record, status=Status.OPEN)
    return turns.plan(opened, RELEASE, "taking our hold off it, since it runs", case)


def _due(record: Record, memory: Memory, case: Case, broken: Broken) -> bool:
    """Whether the grace of some rule is over, and its owner was really told when it began."""
    delivered = {alert.fact.rpartition("/notice-")[2] for alert in record.alerts if alert.delivered}
    for rule, _ in broken:
        name = _notice_of(rule)
        notice = memory.notices.get(name) if Remedy.STOP in rule.remedies else None
        if notice is None or notice.until is None:
            continue
        end = max(notice.until, notice.at + rule.grace)
        if case.now >= end and _fact(name, notice).removeprefix("notice-") in delivered:
            return True
    return False


def _notice_of(rule: Rule) -> str:
    """What a notice about the rule is called; one that threatens a stop is another one."""
    if Remedy.STOP in rule.remedies:
        return f"{rule.name}:stop"
    return rule.name if Remedy.NOTIFY in rule.remedies else ""


def _fact(name: str, notice: Notice) -> str:
    return f"notice-{name}-{notice.at:%Y%m%dT%H%M%S}"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

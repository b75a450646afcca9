"""One instance as remediation serves it, told as a story."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fleetmend.core import holds
from fleetmend.core.decisions import remediation
from fleetmend.core.events import Undo as UndoMessage
from fleetmend.core.model import (
    Decision,
    Instance,
    Outcome,
    Record,
    Result,
    Status,
)
from fleetmend.core.operators import apply
from fleetmend.core.remediation import (
    CONCERN,
    RELEASE,
    STOP,
    UNDO,
    RemediationPolicy,
    Sighting,
    from_detail,
)
from fleetmend.core.rules import Remedy, Rule, Rules

from .strategies import NOW

POLICY = RemediationPolicy()
DAY = timedelta(days=1)
FILLS = Rule("owner", "Owner", default="platform", sources=("group",), remedies=(Remedy.FILL,))
STOPS = Rule(
    "backup", "Backup", allowed=("yes", "no"), remedies=(Remedy.STOP,), grace=timedelta(days=7)
)
TELLS = Rule("cost", "CostCenter", pattern=r"\d{4}", remedies=(Remedy.NOTIFY,))
SILENT = Rule("stage", "Stage")
RULES = Rules((FILLS, STOPS, TELLS, SILENT))
GOOD = {"Owner": "web", "Backup": "yes", "CostCenter": "1234"}


class Story:
    """One instance as the loop serves it: looked at, decided on, acted on, learnt from."""

    def __init__(self, tags: dict[str, str], rules: Rules = RULES, **facts: Any) -> None:
        self.tags, self.facts, self.rules = dict(tags), facts, rules
        self.now, self.record, self.state = NOW, None, "running"

    def sight(self, run: str = "r1", **more: Any) -> Sighting:
        one = Instance("i-1", self.state, self.now, tags=dict(self.tags), **self.facts)
        return Sighting("i-1", self.now, one, run=run, **more)

    def look(self, run: str = "r1", **more: Any) -> Decision:
        decision = remediation.decide(
            "i-1", self.sight(run, **more), self.record, POLICY, self.now, "n", rules=self.rules
        )
        if decision.record is not None:
            self.record = replace(decision.record, written_at=self.now)
            self.deliver()
        return decision

    def deliver(self) -> None:
        assert self.record is not None
        self.record = self.record.told({alert.fact: "sent" for alert in self.record.owed})

    def hear(
        self, result: Result = Result.ACCEPTED, *, obeyed: bool = True, made: str = ""
    ) -> None:
        """AWS's answer to what was planned, and what came of it."""
        assert self.record is not None
        assert self.record.intent is not None
        memory, act = from_detail(self.record.detail), self.record.intent.action
        if obeyed:
            mine = [c for c in memory.changes if c.at == self.record.intent.planned_at]
            self.tags |= {one.key: one.value for one in mine}
            self.state = "stopped" if act == STOP else self.state
            if act == UNDO:
                ours = [c for c in memory.ours(self.tags) if memory.means(c)]
                self.state = "running" if any(c.act == STOP for c in ours) else self.state
                for one in ours:
                    del self.tags[one.key]
            if act == RELEASE:
                self.tags.pop(holds.TAG, None)
        outcome = Outcome(result, "Code", "words", made)
        self.record = remediation.learn(self.record, outcome, POLICY, self.now)
        self.deliver()

    def after(self, span: timedelta) -> "Story":
        self.now += span
        return self

    def kinds(self) -> list[str]:
        assert self.record is not None
        return [alert.kind for alert in self.record.alerts]

    def undo(self, run: str = "") -> None:
        blank = Record(CONCERN, "i-1", Status.CLOSED)
        self.record = apply(UndoMessage("i-1", run, "ana"), self.record, blank, self.now)


def stopped() -> Story:
    """An instance whose grace ran out, and that was stopped."""
    story = Story(GOOD | {"Backup": "maybe"})
    story.look()
    assert story.after(8 * DAY).look("r9").act == STOP
    story.hear()
    return story

"""A small world of one group, looked at minute by minute, for the decisions of health."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fleetmend.core.decisions.health import decide, learn
from fleetmend.core.groups import Group, HealthPolicy, Member
from fleetmend.core.health_memory import from_detail
from fleetmend.core.model import Check, Outcome, Result

OUTAGE = [f"i-{n}" for n in range(4)]
"""Members enough that their illness is an outage of ten."""
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_AGO = START - timedelta(days=1)
ILL = (Check("system", "ok"), Check("instance", "impaired"))
WELL = (Check("system", "ok"), Check("instance", "ok"))


class World:
    """A group whose controller looks once a minute; acts take effect as AWS's would."""

    def __init__(self, size, *, zones=2, policy=None):
        self.now = START
        self.policy = policy or HealthPolicy()
        self.record = None
        self.acts, self.reasons, self.serial = [], [], size
        self.group = Group(
            "web",
            self.now,
            size,
            tuple(
                Member(f"i-{n}", f"z-{n % zones}", "InService", launched_at=LONG_AGO, checks=WELL)
                for n in range(size)
            ),
            tags={"Auto-Heal": "true"},
        )
        self.outcome = Outcome(Result.ACCEPTED)
        self.held_up, self.frozen_at = "", None

    def holds_up(self, act):
        """Whoever plans the next such act is frozen before its call: nothing comes of it yet."""
        self.held_up = act

    def change(self, names, **facts):
        members = [replace(m, **facts) if m.id in names else m for m in self.group.members]
        self.group = replace(self.group, members=tuple(members))

    def look(self, times=1):
        for _ in range(times):
            self.now += timedelta(minutes=1)
            seen = replace(self.group, observed_at=self.now)
            decision = decide("web", seen, self.record, self.policy, self.now, f"n-{self.now}")
            self.reasons.append(decision.reason)
            self.record = decision.record
            if decision.act:
                self._act(decision.act)
        return self.reasons[-1]

    def _act(self, act):
        memory = from_detail(self.record.detail)
        self.acts.append(f"{act} {memory.target}".strip())
        if act == self.held_up:
            self.held_up, self.frozen_at = "", self.now
            return
        if self.outcome.result is Result.ACCEPTED:
            self.take(act)
        self.record = learn(self.record, self.outcome, self.now)

    def take(self, act):
        if act == "replace":
            self.change([from_detail(self.record.detail).target], marked=True)
        elif act == "suspend":
            self.group = replace(self.group, suspended=frozenset({"ReplaceUnhealthy"}))
        elif act == "reset":
            self.change([m.id for m in self.group.members], marked=False)
        elif act == "resume":
            self.group = replace(self.group, suspended=frozenset())

    def replace_marked(self):
        fresh = []
        for member in self.group.members:
            if member.marked:
                self.serial += 1
                fresh.append(
                    replace(
                        member,
                        id=f"i-{self.serial}",
                        marked=False,
                        checks=WELL,
                        launched_at=self.now,
                    )
                )
            else:
                fresh.append(member)
        self.group = replace(self.group, members=tuple(fresh))

"""A mass stop: so many at once are more likely meant than not, and nothing is started.

Incident response and budget actions stop fleets on purpose. One record, of one subject, says how
it stands: exhausted while nothing is started, open while starts are paced, closed when it is
over. A person ends the first by `fleetmend retry --all`, or the setting says `pace`, be it later.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from fleetmend.core.budgets import spread
from fleetmend.core.decisions.recovery import turns
from fleetmend.core.incidents import unreadable
from fleetmend.core.model import Decision, Mode, Record, RecoveryPolicy, Status
from fleetmend.core.operators import UNREADABLE
from fleetmend.core.scope import MASS_STOP, Down, Scope, is_mass, recent, suspicious

PACING = "pacing"
"""The reason of its record while starts are paced."""

PACE = "pace"
"""The setting of `mass_stop` that goes on by itself."""


class PaceUnreadable(ValueError):
    """The detail of a mass stop's record does not say how far its pace has come."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a paced start has come.

    `slots` are the bounds that cut the subjects into shares. `share` is the one whose turn came
    at `turned`; the next one's comes when that is seen, one `every` later at the earliest. So a
    controller that stood still goes on where it was, and does not catch up.
    """

    slots: tuple[float, ...]
    share: int
    turned: datetime
    every: timedelta

    def turn(self, subject: str) -> datetime:
        """When a subject's turn comes, or came, if nothing stands still."""
        ahead = bisect_right(self.slots, spread(subject)) - self.share
        return self.turned + max(0, ahead) * self.every

    def at(self, now: datetime) -> "Pace":
        """One share further where its time has come."""
        if now < self.turned + self.every:
            return self
        return replace(self, share=self.share + 1, turned=now)

    @property
    def is_over(self) -> bool:
        """Whether everyone had a turn."""
        return self.share > len(self.slots)


@dataclass(frozen=True, slots=True)
class Brake:
    """What a mass stop, or what may become one, lets through.

    `held` is the sentence while nothing is started, `outage` the one while nothing that is impaired
    is mended. `pace` says whose turn it is in a paced start. `waits` is until when each may not be
    started, because more stops may be on their way.
    """

    held: str = ""
    outage: str = ""
    pace: Pace | None = None
    waits: Mapping[str, datetime] | None = None

    def turn(self, subject: str) -> tuple[str, datetime] | None:
        """Why a subject waits, and until when; None when it need not."""
        paced = [("paced", self.pace.turn(subject))] if self.pace else []
        until = (self.waits or {}).get(subject)
        gathering = [("gathering", until)] if until else []
        return max([*paced, *gathering], key=lambda turn: turn[1], default=None)


FREE = Brake()


def decide(
    seen: Scope | None, record: Record | None, policy: RecoveryPolicy, now: datetime
) -> Decision:
    """What becomes of the one record of a mass stop."""
    if policy.mode is Mode.OFF or seen is None:
        return Decision("off", record)
    stale = now - seen.observed_at > policy.observation_lifetime
    if stale or (record and record.written_at and seen.observed_at < record.written_at):
        return Decision("stale", record, stale=True)
    judged = judge(seen, record, policy, now)
    return Decision(judged.reason if judged else "no-mass-stop", judged)


def brake(scope: Scope, record: Record | None, policy: RecoveryPolicy, now: datetime) -> Brake:
    """What each subject must obey, whoever writes down that it is so."""
    judged = judge(scope, record, policy, now)
    if judged and judged.status is Status.EXHAUSTED:
        return Brake(held=f"a mass stop: {judged.note}; fleetmend retry --all goes on")
    pace = _pace_of(judged, policy, now) if judged and judged.status is Status.OPEN else None
    stops = _fresh(scope, judged, policy, now)
    if not (suspicious(len(stops), policy) and scope.size >= policy.mass_count):
        return Brake(pace=pace) if pace else FREE
    quiet = max(one.at for one in stops if one.at) + policy.mass_quiet
    waits = {one.id: min(one.at + policy.mass_wait, quiet) for one in stops if one.at}
    return Brake(pace=pace, waits=waits)


def is_pacing(record: Record | None) -> bool:
    """Whether starts are paced already, so that each that is down knows its turn."""
    return record is not None and record.status is Status.OPEN and record.reason == PACING


def judge(
    scope: Scope, record: Record | None, policy: RecoveryPolicy, now: datetime
) -> Record | None:
    """The record as it shall stand now."""
    stops = _fresh(scope, record, policy, now)
    tripped = is_mass(len(stops), scope.size, policy) if scope.size else False
    if record is not None and record.status is Status.EXHAUSTED:
        if record.reason == MASS_STOP and policy.mass_stop == PACE:
            return _pacing(record, scope, policy, now)
        return _if_over(record, scope, policy)
    if record is not None and record.status is Status.OPEN and record.reason == "retry":
        return _pacing(record, scope, policy, now)
    if tripped:
        return _tripped(record, scope, stops, policy, now)
    if record is not None and record.status is Status.OPEN:
        return _further(record, scope, policy, now)
    return record


def _fresh(
    scope: Scope, record: Record | None, policy: RecoveryPolicy, now: datetime
) -> tuple[Down, ...]:
    """What stopped lately and not before pacing last began: that is dealt with."""
    since = _moment(record, "since") if record else None
    stops = recent(scope, policy, now)
    return tuple(one for one in stops if not since or not one.at or one.at > since)


def _tripped(
    record: Record | None,
    scope: Scope,
    stops: Collection[Down],
    policy: RecoveryPolicy,
    now: datetime,
) -> Record:
    """Told once, with how many; held, or paced at once where the setting says so."""
    owed = record.owed if record else ()
    window = f"{policy.mass_window.total_seconds() / 60:g} minutes"
    note = f"{len(stops)} of {scope.size} instances stopped within {window}"
    opened = Record("recovery", MASS_STOP, Status.EXHAUSTED, alerts=owed, opened_at=now, note=note)
    if record is not None:
        opened = replace(opened, revision=record.revision, nonce=record.nonce)
        opened = replace(opened, written_at=record.written_at, detail=record.detail)
    if policy.mass_stop == PACE:
        paced = _pacing(opened, scope, policy, now)
        done = f"They are started {_pace(policy)}, as the settings say."
        return paced.telling("mass-stop", note, done=done)
    why = "so many at once are more likely meant than not: incident response, a budget action"
    done = f"Nothing is started. When you say so, it goes on with {_pace(policy)}."
    kept = {**opened.detail, "untimed": any(one.named for one in stops)}
    held = replace(opened, reason=MASS_STOP, detail=kept)
    return held.telling("mass-stop", note, why=why, done=done)


def _pace(policy: RecoveryPolicy) -> str:
    minutes = policy.pace_every.total_seconds() / 60
    return f"{policy.pace} {'a minute' if minutes == 1 else f'in {minutes:g} minutes'}"


def _pacing(record: Record, scope: Scope, policy: RecoveryPolicy, now: datetime) -> Record:
    """Cut all that is down into shares of `pace`, one a minute; no list of names is kept."""
    places = sorted(spread(one.id) for one in scope.down)
    pace = Pace(tuple(places[policy.pace :: policy.pace]), 0, now, policy.pace_every)
    note = f"{len(places)} instances, {_pace(policy)}"
    began = replace(record, status=Status.OPEN, reason=PACING, note=note)
    return _at(replace(began, detail={"since": now.astimezone(UTC).isoformat()}), pace)


def _further(record: Record, scope: Scope, policy: RecoveryPolicy, now: datetime) -> Record:
    """The next share's turn, or the end: after the last one's, or when nobody needs one."""
    since = _moment(record, "since")
    if not any(one.at is None or since is None or one.at <= since for one in scope.down):
        return _over(record, "over", "all that had stopped are up again")
    try:
        pace = _pace_of(record, policy, now).at(now)
    except PaceUnreadable as error:
        return unreadable(record, error).record or record
    if pace.is_over:
        return _over(record, "paced", "everyone had a turn")
    return _at(record, pace)


def _at(record: Record, pace: Pace) -> Record:
    turned = pace.turned.astimezone(UTC).isoformat()
    kept = {**record.detail, "slots": list(pace.slots), "share": pace.share, "turned": turned}
    return replace(record, detail=kept, next_look_at=pace.turned + pace.every)


def _if_over(record: Record, scope: Scope, policy: RecoveryPolicy) -> Record:
    """It ends by itself only when nobody who stopped then is down any more.

    Where EC2 named no time for some of them, whoever is down without one may be of them; where it
    cannot be read when they stopped, whoever is down.
    """
    began = (record.opened_at or scope.observed_at) - policy.mass_window
    untimed = bool(record.detail.get("untimed")) and any(one.at is None for one in scope.down)
    unknown = record.reason == UNREADABLE and bool(scope.down)
    if untimed or unknown or scope.stopped_since(began):
        return record
    return _over(record, "over", "all that had stopped are up again")


def _over(record: Record, reason: str, note: str) -> Record:
    return turns.closed(record, reason, note).telling("mass-stop-over", note)


def _pace_of(record: Record, policy: RecoveryPolicy, now: datetime) -> Pace:
    """How far it has come, as the record says.

    Raises:
        PaceUnreadable: the record does not say it; names the key.
    """
    slots, share = record.detail.get("slots"), record.detail.get("share")
    numbers = cast("list[object]", slots) if isinstance(slots, list) else [slots]
    bounds = tuple(one for one in numbers if isinstance(one, float))
    if len(bounds) < len(numbers):
        raise PaceUnreadable("record.detail.slots: no list of fractions")
    if type(share) is not int or share < 0:
        raise PaceUnreadable(f"record.detail.share: {share!r} is no count")
    turned = _moment(record, "turned")
    if turned is None:
        raise PaceUnreadable("record.detail.turned: no time")
    return Pace(bounds, share, min(turned, now), policy.pace_every)


def _moment(record: Record, name: str) -> datetime | None:
    text = record.detail.get(name)
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)

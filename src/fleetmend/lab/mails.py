"""The page `docs/alerts.md`: what every kind of alert means, and a mail of each.

`python -m fleetmend.lab.mails docs/alerts.md` writes it; a test keeps it the same. The mails of
recovery are made by its own decisions, from facts as EC2 tells them; those of the others by the
words that they tell.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleetmend.core import instance_types, letters, telling
from fleetmend.core.decisions import recovery
from fleetmend.core.decisions.recovery import mass, outage
from fleetmend.core.kinds import KINDS
from fleetmend.core.letters import Letter, Sender
from fleetmend.core.model import (
    Alert,
    Attempt,
    Check,
    Hold,
    Instance,
    Intent,
    IntentState,
    Outcome,
    Record,
    RecoveryPolicy,
    Result,
    Status,
)
from fleetmend.core.scope import Ailing, Down, Scope

_NOW = datetime(2026, 3, 1, 3, 12, 40, tzinfo=UTC)
_POLICY = RecoveryPolicy()
_ID = "i-0123456789abcdef0"
_BEGAN = _NOW - timedelta(minutes=6)
_SENDER = Sender("fleetmend", "prod", "123456789012", "us-east-1")

_HEAD = """\
# Alerts

This page is generated: `python -m fleetmend.lab.mails docs/alerts.md`.

Every alert goes to the installation's topic, once, and reaches each subscriber in its own form:

| subscriber | gets |
|---|---|
| e-mail | a subject line that begins with `YOURS` when it is your turn, and a text as below |
| `email-json`, `sqs`, `lambda`, `https` | one JSON object, see [its schema](alert.schema.json) |
| Slack and its like, by the bridge | a message of blocks with the same parts, and its text |
| PagerDuty, by the bridge | a trigger, and a resolve with the same key when the trouble is over |

- **A mail** says what happened, why, what was done, what is yours to do, and one command that can
  be typed as it stands. Times are UTC.
- **For machines**: within one `schema`, keys are added and none is taken away, renamed or given
  another meaning. Ignore what you do not know; there will be new kinds. `fact` is the same when a
  fact is told again after a crash, `incident` is the same for all that is told of one trouble, and
  `ends` names the incidents that are over.
- **More than five at once** are one digest: by kind and reason, the gravest first, with the first
  forty names; `fleetmend status` shows all. Good news alone comes as `all-clear`.
- **PagerDuty** hears of troubles and of their ends. What is only good to know (`info` below) pages
  nobody. All digests of a concern are one incident there, which a person resolves; what was paged
  by itself is resolved by its all-clear, also when that comes in a digest.

"""


def page() -> str:
    """The whole page."""
    told = {one.alert.kind: one for one in samples()}
    lines = [
        "## The kinds\n",
        "| kind | how grave | what happened | whose turn |",
        "|---|---|---|---|",
    ]
    for kind in KINDS:
        one = told[kind]
        turn = one.yours or "nobody's"
        lines.append(f"| `{kind}` | {one.meaning.severity} | {_cell(one.headline)} | {turn} |")
    for kind in KINDS:
        one = told[kind]
        lines += [f"\n## `{kind}`\n", "```text", f"Subject: {letters.subject_line(one)}\n"]
        lines += [letters.mail(one).rstrip(), "```"]
    return _HEAD + "\n".join(lines) + "\n"


def samples() -> Iterable[Letter]:
    """A letter of each kind."""
    for concern, told in (
        ("recovery", _recovery()),
        ("recovery", _impaired()),
        ("recovery", _types()),
        ("recovery", _shared()),
    ):
        yield from (_letter(concern, subject, alert) for subject, alert in told)
    for concern, told in _WORDS.items():
        for subject, alert in told:
            since = _BEGAN if concern != "compliance" else None
            fact = f"{concern}/{subject}/20260301T030640/{alert.kind}"
            yield _letter(concern, subject, replace(alert, fact=fact, since=since))


def _letter(concern: str, subject: str, alert: Alert) -> Letter:
    return letters.letter(_SENDER, concern, subject, alert)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _recovery() -> Iterable[tuple[str, Alert]]:
    refused = Attempt(
        _NOW - timedelta(minutes=5), Result.REFUSED, "Client.InvalidKMSKey", "disabled"
    )
    key = Outcome(Result.REFUSED, "InvalidKMSKey.InvalidState", "The key is disabled.")
    full = Outcome(Result.CAPACITY, "InsufficientInstanceCapacity", "No m5.large in us-east-1a.")
    busy = Outcome(Result.THROTTLED, "RequestLimitExceeded", "Request limit exceeded.")
    waited = (Attempt(_NOW, Result.THROTTLED),) * 2
    learnt: Iterable[tuple[Outcome, tuple[Attempt, ...]]] = (
        (key, (refused,)),
        (key, (refused, refused)),
        (full, ()),
        (busy, waited),
        (Outcome(Result.GONE), ()),
    )
    for outcome, before in learnt:
        yield from _owed(recovery.learn(_record(before, planned=True), outcome, _POLICY, _NOW))
    good, bad = (_running(status) for status in ("ok", "impaired"))
    begun = (Attempt(_NOW - timedelta(minutes=11), Result.ACCEPTED),)
    for seen, before in (
        (good, begun),
        (bad, begun),
        (_running("initializing"), begun),
        (replace(good, state="terminated", checks=()), None),
        (replace(good, state="stopped", checks=(), rootless=True), None),
    ):
        record = None if before is None else _record(before)
        decided = recovery.decide(_ID, seen, record, _POLICY, _NOW, "0")
        yield from _owed(decided.record)
    down = tuple(Down(f"i-{n:08x}", at=_NOW - timedelta(minutes=3)) for n in range(400))
    tripped = mass.judge(Scope(down, _NOW, 1000), None, _POLICY, _NOW)
    yield from _owed(tripped)
    yield from _owed(mass.judge(Scope((), _NOW, 1000), tripped, _POLICY, _NOW))


def _impaired() -> Iterable[tuple[str, Alert]]:
    policy = replace(_POLICY, impaired="move")
    rebooted = Attempt(_NOW - timedelta(minutes=22), Result.ACCEPTED, act=recovery.REBOOT)
    moved = Attempt(_NOW - timedelta(minutes=11), Result.ACCEPTED, act=recovery.STOP)
    still = recovery.decide(
        _ID, _running("impaired"), _record((rebooted, moved)), policy, _NOW, "0"
    )
    down = replace(_running("ok"), state="stopped", checks=())
    hold = Hold(_NOW + timedelta(hours=2), "ana", "a look at its disk")
    held = recovery.decide(_ID, down, replace(_record((moved,)), hold=hold), policy, _NOW, "0")
    yield from _owed(still.record)
    yield from _owed(held.record)
    many = outage.decide(Ailing(("i-1", "i-2", "i-3"), _NOW), None, policy, _NOW).record
    yield from _owed(many)
    yield from _owed(outage.decide(Ailing((), _NOW), many, policy, _NOW).record)


def _types() -> Iterable[tuple[str, Alert]]:
    policy = replace(_POLICY, types_tag=instance_types.TAG)
    tags = {**_running("ok").tags, instance_types.TAG: "m6g.large m6i.large"}
    unfit = {"m6g.large": "it does not take the architecture x86_64", "m6i.large": ""}
    down = replace(_running("ok"), state="stopped", tags=tags, alternatives=unfit)
    waited = (Attempt(_NOW - timedelta(minutes=3), Result.CAPACITY),)
    planned = recovery.decide(_ID, down, _record(waited), policy, _NOW, "0").record
    yield from _owed(planned)
    long_dry = (Attempt(_NOW - timedelta(minutes=5), Result.CAPACITY),)
    mute = replace(down, alternatives=None)
    yield from _owed(recovery.decide(_ID, mute, _record(long_dry), policy, _NOW, "0").record)
    given = recovery.learn(planned, Outcome(Result.ACCEPTED), policy, _NOW) if planned else None
    given = given and replace(given, alerts=())
    yield from _owed(
        recovery.decide(_ID, replace(down, type="m6i.large"), given, policy, _NOW, "1").record
    )


def _shared() -> Iterable[tuple[str, Alert]]:
    whole = "missing field 'status'"
    aside = f"aside/recovery/{_ID}/20260301T031240"
    yield from _owed(telling.unreadable("recovery", _ID, whole, aside, _NOW))
    waiting = _record((), planned=True)
    full = Outcome(Result.CAPACITY, "InsufficientInstanceCapacity", "No m5.large in us-east-1a.")
    many = {
        f"i-{n:08x}": recovery.learn(replace(waiting, subject=f"i-{n:08x}"), full, _POLICY, _NOW)
        for n in range(7)
    }
    yield from _owed(telling.digest("recovery", _alerts(many), _NOW))
    begun = (Attempt(_NOW - timedelta(minutes=2), Result.ACCEPTED),)
    back = {
        name: recovery.decide(name, _running("ok", name), _record(begun, name), _POLICY, _NOW, "0")
        for name in many
    }
    healed = {name: decision.record for name, decision in back.items() if decision.record}
    yield from _owed(telling.digest("recovery", _alerts(healed), _NOW))
    for kind, (text, why) in _DIRECT.items():
        yield "recovery", Alert(f"recovery/{kind}/20260301T0300", kind, text, why=why, since=_NOW)


def _alerts(many: Mapping[str, Record]) -> dict[str, tuple[Alert, ...]]:
    return {name: record.owed for name, record in many.items()}


def _owed(record: Record | None) -> Iterable[tuple[str, Alert]]:
    if record is not None:
        yield record.subject, record.owed[-1]


def _record(attempts: tuple[Attempt, ...], name: str = _ID, *, planned: bool = False) -> Record:
    until = _NOW + timedelta(seconds=60)
    intent = Intent("0", recovery.START, IntentState.PLANNED, _NOW, until) if planned else None
    return Record("recovery", name, Status.OPEN, opened_at=_BEGAN, attempts=attempts, intent=intent)


def _running(status: str, name: str = _ID) -> Instance:
    checks = (Check("system", "ok"), Check("instance", status))
    tags = {"Auto-Recover": "true", "Name": "api-1"}
    return Instance(name, "running", _NOW, "m5.large", "us-east-1a", tags, checks=checks)


_DIRECT: Mapping[str, tuple[str, str]] = {
    "claimed": ("the selector is claimed by fleetmend-dev: fleetmend-prod observes only", ""),
    "ledger-unavailable": (
        "the ledger does not answer; incidents are not worked on until it does",
        "listing open/recovery/ in the bucket failed: AccessDenied. Let the role do this",
    ),
    "settings-broken": (
        "settings of this installation cannot be used",
        "/fleetmend/prod/mode/recovery: 'on' is not one of off, observe, act",
    ),
}


def _words(kind: str, text: str, why: str = "", done: str = "") -> Alert:
    return Alert("", kind, text, why=why, done=done)


_NAME = f"{_ID} (api-1)"
_NEW = "i-0fedcba9876543210"

_WORDS: Mapping[str, tuple[tuple[str, Alert], ...]] = {
    "rebuild": (
        (_ID, _words("drifted", f"{_NAME} has lost vol-0123 at /dev/sdf (free)")),
        (_ID, _words("mended", f"{_NAME} has again all that it had")),
        (
            _ID,
            _words(
                "rebuilt",
                f"{_NAME} was terminated and is rebuilt as {_NEW}, healthy: "
                "all as its blueprint says",
            ),
        ),
        (
            _ID,
            _words(
                "twice",
                f"{_NAME} was rebuilt twice: {_NEW}, and i-0fedcba9876543211",
                "a run was frozen for longer than it may take",
            ),
        ),
        (
            _ID,
            _words(
                "unsure",
                f"{_NAME} was terminated and is not rebuilt",
                "12 were terminated together, which looks meant",
            ),
        ),
    ),
    "health": (
        ("web", _words("agent-silent", f"the SSM agent of {_ID} in web is silent")),
        ("web", _words("failed", "web: replace failed", "Throttling Rate exceeded")),
        ("web", _words("late", f"{_ID} in web was marked, and has no successor yet")),
        (
            "web",
            _words(
                "late-suspension",
                "web has ReplaceUnhealthy suspended, as we had asked at 2026-03-01 03:06:40 UTC",
                "a run of ours was held up before it asked AWS",
            ),
        ),
        ("web", _words("left-suspended", "web left our scope while it was suspended by us")),
        (
            "web",
            _words(
                "stays-suspended",
                "web was to be resumed at 2026-03-01 03:36:40 UTC, and is suspended still",
                "the mode is off, so that nobody ends it",
            ),
        ),
        (
            "web",
            _words(
                "one-zone",
                "all 4 instances of web at work are in us-east-1a, although it may use "
                "us-east-1a, us-east-1b",
                "if that zone fails, all of it does",
            ),
        ),
        (
            "web",
            _words(
                "outage",
                "web: 4 of 10 instances are unhealthy",
                "so many at once look like an outage, not like bad instances",
            ),
        ),
        ("web", _words("replaced", f"{_ID} in web is replaced by {_NEW}, after 214 s")),
        (
            "web",
            _words(
                "suspension-over",
                "web is still in an outage, and the suspension ends",
                "4 of 10 instances are unhealthy",
            ),
        ),
    ),
    "remediation": (
        (_ID, _words("filled", f"{_ID} was given the missing tag Owner='web'")),
        (_ID, _words("started-again", f"{_NAME} was stopped by remediation and runs again")),
        (_ID, _words("stopped", f"{_ID} is being stopped: it still breaks a rule")),
        (_ID, _words("undone", f"{_NAME}: what was changed is taken back")),
        (_ID, _words("violates", f"web: {_NAME} breaks the rule owner-tag: Owner is missing")),
    ),
    "compliance": (
        (
            "20260301T030000",
            _words(
                "changed",
                "3 findings are new and 1 are gone: 12 of 480 resources violate",
                f"{_ID}: Owner is missing (123456789012/us-east-1)",
            ),
        ),
        (
            "20260301T030000",
            _words(
                "incomplete",
                "1 of 4 accounts and regions could not be examined",
                "210987654321/us-east-1: AccessDenied sts:AssumeRole",
            ),
        ),
        (
            "20260302T030000",
            _words(
                "weekly",
                "week of 2026-03-02: 97.5 % of 480 resources comply, 12 do not; on 2026-02-23 it "
                "was 97.1 %, 14",
                "broken rules: owner 9, environment 4; most to mend: web 8, (nobody) 5",
            ),
        ),
        ("compliance", _words("rules-broken", "rules.json cannot be read", "line 3: no such tag")),
    ),
}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")

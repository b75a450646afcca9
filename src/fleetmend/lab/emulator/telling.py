"""A play's history, from what the gateways, the physics and MiniStack noted."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote

from fleetmend.lab.emulator.calls import WireCall, tags_in
from fleetmend.lab.emulator.fleet import Fleet
from fleetmend.lab.emulator.physics import Change
from fleetmend.lab.emulator.untyped import Fields, Untyped, fields, items
from fleetmend.lab.history import Event
from fleetmend.lab.sim.telling import ISSUED
from fleetmend.lab.tape import default_text

Clock = Callable[[float], float]
"""Real time since the epoch → seconds of scenario time."""

_RECORD = re.compile(r"[^/]+/(?P<would>would/)?records/[a-z]+/(?P<subject>[^/]+)\.json")
_ASIDE = re.compile(r"[^/]+/(?P<key>(would/)?aside/[a-z]+/(?P<subject>[^/]+)/.+)")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


def of_changes(changes: Iterable[Change], fleet: Fleet, clock: Clock) -> list[Event]:
    """The states instances entered."""
    return [
        Event(clock(change.at), "state", fleet.name(change.instance), change.state)
        for change in changes
    ]


def of_runs(runs: Iterable[Fields], function: str, clock: Clock) -> list[Event]:
    """Starts and ends of one function's runs."""
    events: list[Event] = []
    for run in runs:
        if run["function"] != function:
            continue
        detail = {"run": run["run"], "trigger": run["trigger"]}
        events.append(Event(clock(run["started"]), "run", "", "started", detail))
        if run["ended"] is not None:
            how, told = _ended(str(run["error"])), {**detail, "error": run["error"]}
            events.append(Event(clock(run["ended"]), "run", "", how, told))
    return events


def _ended(error: str) -> str:
    if "timed out" in error:
        return "timed-out"
    if "process died" in error:
        return "crashed"
    return "failed" if error else "finished"


def of_calls(
    calls: Iterable[WireCall], runs: Sequence[Fields], function: str, fleet: Fleet, clock: Clock
) -> list[Event]:
    """One function's calls, and what they tell of records and alerts."""
    events: list[Event] = []
    for call in calls:
        if call.caller != function[:50]:
            continue
        group = str(call.parameters.get("AutoScalingGroupName", ""))
        names = [group] if group else fleet.called(call.subjects)
        health = call.parameters.get("HealthStatus")
        kind = call.parameters.get("InstanceType.Value")
        tags = tags_in(call.parameters) if call.service == "ec2" else {}
        detail = {
            "subjects": names,
            "error": call.error,
            "run": _run_of(call, runs),
            "lost": call.lost,
            **({"health": health} if health else {}),
            **({"type": kind} if kind else {}),
            **({"tags": tags} if tags else {}),
        }
        about = names[0] if len(names) == 1 else ""
        at = clock(call.at)
        events.append(Event(at, "call", about, f"{call.service}:{call.operation}", detail))
        if not call.error:
            events += _meant(call, fleet, at)
    return events


def _run_of(call: WireCall, runs: Sequence[Fields]) -> str:
    """The run that made a call: a process has one at a time."""
    of_process = [
        str(run["run"])
        for run in runs
        if run["process"] == call.process and run["started"] <= call.at <= (run["ended"] or call.at)
    ]
    return of_process[-1] if of_process else ""


def _meant(call: WireCall, fleet: Fleet, at: float) -> list[Event]:
    """What an accepted call means to people."""
    match call.service, call.operation:
        case "s3", "PutObject" | "CopyObject":
            return _written(call, fleet, at)
        case "sns", "Publish":
            return [_alert(_json(default_text(call.parameters)), fleet, at)]
        case _:
            return []


def _written(call: WireCall, fleet: Fleet, at: float) -> list[Event]:
    aside = _ASIDE.fullmatch(call.resource)
    if aside:
        name = fleet.name(unquote(aside["subject"]))
        return [Event(at, "record", name, "set-aside", {"aside": aside["key"]})]
    match = _RECORD.fullmatch(call.resource)
    body = _json(call.parameters.get("Body", ""))
    if not match or not body:
        return []
    detail = {
        "reason": body.get("reason"),
        "note": body.get("note"),
        "revision": body.get("revision"),
        "attempts": sum(entry.get("result") in ISSUED for entry in items(body.get("attempts"))),
        "intent": fields(body.get("intent")).get("state", ""),
        "would": bool(match["would"]),
    }
    return [
        Event(at, "record", fleet.name(unquote(match["subject"])), str(body.get("status")), detail)
    ]


def _alert(body: Fields, fleet: Fleet, at: float) -> Event:
    subject, text = str(body.get("subject", "")), str(body.get("text", ""))
    named = fleet.called(dict.fromkeys(_INSTANCE.findall(f"{subject} {text}")))
    about = named[0] if len(named) == 1 else ""
    if subject in {group.name for group in fleet.scenario.fleet.groups}:
        about = subject
    detail = {"subjects": named, "fact": str(body.get("fact", "")), "text": text}
    detail["who"] = str(body.get("who", ""))
    return Event(at, "alert", about, str(body.get("kind", "")), detail)


def _json(text: Untyped) -> Fields:
    try:
        return fields(json.loads(text))
    except (ValueError, TypeError):
        return {}

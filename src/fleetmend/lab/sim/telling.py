"""What the history says about records and alerts, read from the bytes as any outsider would."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from fleetmend.lab.tape import Call, Told

if TYPE_CHECKING:
    from fleetmend.lab.sim.world import World

ISSUED = frozenset({"accepted", "refused", "unknown", "fell-back"})
"""Results of attempts that count as issued (docs/recovery.md)."""

_RECORD = re.compile(r"(?P<would>would/)?records/[a-z]+/(?P<subject>[^/]+)\.json")
_ASIDE = re.compile(r"(would/)?aside/[a-z]+/(?P<subject>[^/]+)/.+")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


def of_record(world: "World", call: Call) -> None:
    """Note a record that was written, or set aside."""
    aside = _ASIDE.fullmatch(call.key)
    if aside:
        world.note("record", world.name(unquote(aside["subject"])), "set-aside", aside=call.key)
        return
    match = _RECORD.fullmatch(call.key)
    if not match or not isinstance(call.written, dict):
        return
    body = cast("Mapping[str, Any]", call.written)
    attempts = cast("list[Mapping[str, Any]]", body.get("attempts") or [])
    intent = cast("Mapping[str, Any]", body.get("intent") or {})
    world.note(
        "record",
        world.name(unquote(match["subject"])),
        str(body.get("status")),
        reason=body.get("reason"),
        note=body.get("note"),
        revision=body.get("revision"),
        attempts=sum(attempt.get("result") in ISSUED for attempt in attempts),
        intent=intent.get("state", ""),
        would=bool(match["would"]),
    )


def of_alert(world: "World", message: str) -> None:
    """Note an alert that the topic accepted."""
    body = cast("Mapping[str, Any]", json.loads(message))
    subject, text = str(body["subject"]), str(body["text"])
    kind, fact = str(body["kind"]), str(body["fact"])
    named = [world.name(one) for one in dict.fromkeys(_INSTANCE.findall(f"{subject} {text}"))]
    about = named[0] if len(named) == 1 else ""
    if subject in world.herd.groups:
        about = subject
    world.note(
        "alert", about, kind, subjects=named, fact=fact, text=text, who=str(body.get("who", ""))
    )
    run = world.served.run if world.served else 0
    world.tape.told.append(Told(world.engine.now, run, fact, subject, kind))

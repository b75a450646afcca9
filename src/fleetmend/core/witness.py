"""Who is behind a stop, an end or a launch, as CloudTrail wrote it down: pure, and only a hint.

An entry says who asked, not whether it was meant. It comes some minutes after the call (CloudTrail
User Guide, "How CloudTrail works"), and a shutdown from inside the instance leaves none.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from fleetmend.core.letters import Who
from fleetmend.core.times import utc

BEFORE = timedelta(hours=1)
"""How long before an incident's first sight its cause is looked for."""

_NAMED = 3


def of_one(subject: str, call: str, entries: Sequence[Mapping[str, Any]]) -> Who:
    """Who last made this call on this subject, of entries that name it."""
    made = [entry for entry in entries if _went_well(entry, call)]
    if not made:
        return Who(
            f"not known: CloudTrail shows no {call} of {subject} (its entries come some minutes "
            "late, and a shutdown from inside leaves none)"
        )
    last = max(made, key=_at)
    name = principal(last)
    return Who(f"{name} called {call} at {utc(_at(last))}", (name,))


def of_many(call: str, entries: Sequence[Mapping[str, Any]], *, more: bool) -> Who:
    """Who made this call of late and on how many; `more` says that there are older entries."""
    counts: Counter[str] = Counter()
    for entry in entries:
        if _went_well(entry, call):
            counts[principal(entry)] += _size(entry)
    if not counts:
        return Who(f"not known: CloudTrail shows no {call} yet (its entries come minutes late)")
    top = counts.most_common(_NAMED)
    said = ", ".join(f"{name} ({count} instances)" for name, count in top)
    others = len(counts) - len(top)
    rest = f", and {others} others" if others else ""
    newest = f", of the newest {len(entries)} entries" if more else ""
    return Who(f"{call} was called by {said}{rest}{newest}", tuple(name for name, _ in top))


def launcher(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """The user who launched an instance, of entries that name it; None where none says so."""
    made = (entry for entry in entries if _went_well(entry, "RunInstances"))
    return next((str(entry.get("Username") or "") for entry in made), None)


def unreadable(why: str) -> Who:
    """CloudTrail did not answer."""
    return Who(f"not known: CloudTrail could not be read ({why})")


def principal(entry: Mapping[str, Any]) -> str:
    """Whose call it was: an ARN, or the AWS service that made it."""
    identity = _mapping(_event(entry).get("userIdentity"))
    named = identity.get("arn") or identity.get("invokedBy") or entry.get("Username")
    return str(named or "somebody CloudTrail does not name")


def _went_well(entry: Mapping[str, Any], call: str) -> bool:
    named = entry.get("EventName") == call and isinstance(entry.get("EventTime"), datetime)
    return named and not _event(entry).get("errorCode")


def _at(entry: Mapping[str, Any]) -> datetime:
    return cast("datetime", entry["EventTime"])


def _size(entry: Mapping[str, Any]) -> int:
    asked = _mapping(_event(entry).get("requestParameters"))
    items = _mapping(asked.get("instancesSet")).get("items")
    return len(cast("list[object]", items)) if isinstance(items, list) else 1


def _event(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry's own record, a JSON text; what is not one says nothing."""
    try:
        return _mapping(json.loads(str(entry.get("CloudTrailEvent") or "{}")))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}

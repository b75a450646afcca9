"""CloudTrail's event history, as far as it tells who stopped or terminated an instance."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

LATE = timedelta(minutes=3)
"""How long after a call its entry can be read (CloudTrail User Guide: about five minutes)."""

_LONGEST_PAGE = 50


@dataclass(frozen=True, slots=True)
class _Entry:
    at: datetime
    call: str
    ids: tuple[str, ...]
    by: str


@dataclass
class EventHistory:
    """What was called, by whom; newest first, as the real one answers."""

    account: str
    clock: Callable[[], datetime]
    entries: list[_Entry] = field(default_factory=list[_Entry])

    def note(self, call: str, ids: Sequence[str], by: str) -> None:
        """One accepted call on all of these."""
        self.entries.insert(0, _Entry(self.clock(), call, tuple(ids), by))

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call."""
        if operation != "LookupEvents":
            raise NotImplementedError(f"cloudtrail:{operation} is not simulated")
        (wanted,) = params["LookupAttributes"]
        key, value = wanted["AttributeKey"], wanted["AttributeValue"]
        shown = [
            one
            for one in self.entries
            if (value in one.ids if key == "ResourceName" else value == one.call)
            and params["StartTime"] <= one.at <= params["EndTime"]
            and one.at + LATE <= self.clock()
        ]
        most = min(int(params.get("MaxResults", _LONGEST_PAGE)), _LONGEST_PAGE)
        more = {"NextToken": "more"} if len(shown) > most else {}
        return {"Events": [self._shown(one) for one in shown[:most]], **more}

    def _shown(self, entry: _Entry) -> dict[str, Any]:
        event = {
            "eventName": entry.call,
            "eventSource": "ec2.amazonaws.com",
            "userIdentity": {
                "type": "IAMUser",
                "arn": f"arn:aws:iam::{self.account}:user/{entry.by}",
                "userName": entry.by,
            },
            "requestParameters": {
                "instancesSet": {"items": [{"instanceId": one} for one in entry.ids]}
            },
        }
        return {
            "EventName": entry.call,
            "EventTime": entry.at,
            "Username": entry.by,
            "Resources": [
                {"ResourceType": "AWS::EC2::Instance", "ResourceName": one} for one in entry.ids
            ],
            "CloudTrailEvent": json.dumps(event),
        }

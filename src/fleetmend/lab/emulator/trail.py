"""CloudTrail over the wire: the history of the calls that EC2 served here, and who made them.

moto's and MiniStack's own CloudTrail know nothing of EC2's calls.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fleetmend.lab.emulator import paging
from fleetmend.lab.emulator.calls import LAB, WireCall, tags_in
from fleetmend.lab.emulator.group_calls import output
from fleetmend.lab.emulator.processes import ACCOUNT
from fleetmend.lab.sim import render
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.trail import BORN, CALLS, Caller, EventHistory, moved, state

Answer = tuple[int, list[tuple[str, str]], bytes]

_NOTED = frozenset(("ec2", operation) for operation in CALLS)
_JSON = "application/x-amz-json-1.1"
_MOVED = ("currentState", "previousState")


class WireTrail:
    """Writes the history and answers from it. Hold the gateway's lock while you use it."""

    def __init__(self, region: str, speed: float) -> None:
        self.history = EventHistory(ACCOUNT, region, lambda: datetime.now(UTC), speed=speed)
        self.roles: dict[str, str] = {}
        """The roles of functions, by the name with which they call."""
        self._people: dict[str, Caller] = {}

    def key(self, by: str) -> str:
        """The access key of whoever a scenario names; what it signs is his call from now on."""
        caller = Caller.of(by)
        # A service shows no key, but something must sign for it.
        key = caller.access_key or Caller.of(f"{by}/service").access_key
        self._people[key] = caller
        return key

    def note(self, call: WireCall, body: bytes, *, before: bool) -> None:
        """One call and its answer's body; `before` says that the fleet is being made.

        Of what the lab does to make it, only what it does in somebody's name is history.
        """
        if (call.service, call.operation) not in _NOTED:
            return
        if before and call.access_key not in self._people:
            return
        made = list(_made(body)) if not call.error else []
        launched = tuple(str(one["instanceId"]) for one in made)
        self.history.note(
            call.operation,
            self._caller(call),
            launched if call.operation == "RunInstances" else call.subjects,
            tags=tags_in(call.parameters),
            made=made,
            error=call.error,
            ago=BORN if before else timedelta(0),
        )

    def stopped(self, by: str, before: dict[str, str]) -> None:
        """A stop that a scenario's hand did past EC2; `before` are the states until then."""
        made = moved(before, "stopping")
        self.history.note("StopInstances", Caller.of(by), list(before), made=made)

    def serve(self, call: WireCall) -> Answer:
        """Answer LookupEvents."""
        params = dict(call.parameters)
        for name in {"StartTime", "EndTime"} & params.keys():
            params[name] = datetime.fromtimestamp(float(params[name]), UTC)
        try:
            answer = self.history.handle(call.operation, params)
        except AwsError as refused:
            headers, body = render.error("json", refused)
            return refused.status, [("content-type", _JSON), *headers.items()], body
        shape = output("cloudtrail", call.operation)
        body = render.answer(call.operation, "json", shape, answer)
        return 200, [("content-type", _JSON)], body

    def _caller(self, call: WireCall) -> Caller:
        """A function by its role, else whoever signed."""
        if call.caller and call.caller != LAB:
            role = self.roles.get(call.caller, call.caller)
            return Caller("AssumedRole", role, call.caller)
        return self._people.get(call.access_key, Caller.of("somebody"))


def _made(body: bytes) -> Iterable[dict[str, Any]]:
    """What an answer of EC2 says of instances: their ids, and the states they moved between."""
    for item in paging.parse(body).iterfind("{*}instancesSet/{*}item"):
        states = {name: item.findtext(f"{{*}}{name}/{{*}}name") for name in _MOVED}
        told = {name: state(one) for name, one in states.items() if one}
        yield {"instanceId": item.findtext("{*}instanceId"), **told}


def error_in(answer: Answer) -> str:
    """AWS's error code in an answer of EC2's kind, empty if it is none."""
    if answer[0] < 400:
        return ""
    text = answer[2].decode("utf-8", "replace")
    return text.partition("<Code>")[2].partition("</Code>")[0] or "Error"

"""Recordings made small: one call of each kind, and of it only what its rights depend on."""

import json
from collections.abc import Iterable, Iterator

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.lambdas import role_of
from fleetmend.deploy.privilege.calls import Call, Recording
from fleetmend.deploy.privilege.judge import Rules
from fleetmend.deploy.privilege.operations import READ, needs
from fleetmend.deploy.privilege.world import function_of, world
from fleetmend.deploy.view import View

Kind = tuple[str, ...]
"""The operation, and what it used or lacked: calls of one kind are alike to the judge."""


def reduced(graph: Graph, recordings: Iterable[Recording]) -> tuple[Recording, ...]:
    """One recording for each function and environment, with the first call of each kind.

    Raises:
        LookupError: The graph has no such function or role, or an operation is not known.
    """
    view = View(graph)
    together: dict[str, list[Recording]] = {}
    for recording in recordings:
        variables = sorted(recording.environment)
        together.setdefault(f"{recording.function} {variables}", []).append(recording)
    return tuple(_merged(view, alike) for alike in together.values())


def kinds(graph: Graph, recording: Recording) -> frozenset[Kind]:
    """The kinds of calls in a recording."""
    view = View(graph)
    found = _function(view, recording)
    return frozenset(kind for kind, _ in _kinds(view, found, recording))


def _merged(view: View, alike: list[Recording]) -> Recording:
    first: dict[Kind, Call] = {}
    for recording in alike:
        for kind, call in _kinds(view, _function(view, recording), recording):
            first.setdefault(kind, call)
    one = alike[0]
    calls = [_essence(call) for call in first.values()]
    calls.sort(key=lambda call: json.dumps(call.as_json(), sort_keys=True))
    environment = {k: v for k, v in one.environment.items() if k.startswith("FLEETMEND_")}
    return Recording(one.function, one.account, one.region, environment, tuple(calls))


def _kinds(view: View, function: Node, recording: Recording) -> Iterator[tuple[Kind, Call]]:
    role = role_of(view, function)
    if role is None:
        raise LookupError(f"the graph does not show the role of {function.name}")
    place = world(view, function, recording)
    rules = Rules(place, role)
    for call in recording.calls:
        used: list[str] = []
        for need in needs(call, place):
            verdict = rules.verdict(need)
            used += [f"{grant.action} {grant.resource}" for grant in verdict.grants]
            if not verdict.allowed:
                used.append(f"denied {need.action} {need.resource}")
        yield (call.name, str(call.was_denied), *sorted(set(used))), call


def _essence(call: Call) -> Call:
    params = {name: call.params[name] for name in READ if name in call.params}
    return Call(call.service, call.operation, params, call.tags, call.keys, call.error)


def _function(view: View, recording: Recording) -> Node:
    found = function_of(view, recording.function)
    if found is None:
        raise LookupError(f"the graph has no function for {recording.function}")
    return found

"""The recording that is shipped: what each function calls in the scenarios, once for each kind.

`fleetmend check` and docs/security.md are made from it; a test plays the scenarios and compares.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from fleetmend.core.graph import Graph, Node
from fleetmend.core.groups import HealthPolicy
from fleetmend.core.model import Selector
from fleetmend.core.rebuilding import RebuildPolicy
from fleetmend.deploy.privilege import ruled
from fleetmend.deploy.privilege.calls import Call, Recording, read
from fleetmend.deploy.privilege.world import function_of
from fleetmend.deploy.tokens import replaced
from fleetmend.deploy.view import View, listing, mapping, parameter_text, text_of

NAME = "recorded.jsonl"

_PROJECT = "FLEETMEND_PROJECT"
_SUFFIX = "FLEETMEND_SUFFIX"
_CLAIM = "FLEETMEND_CLAIM"
_NAMED = ("FLEETMEND_SCAN_ROLE", "FLEETMEND_MACHINE_ARN", "FLEETMEND_TYPE_ROLE")
"""Variables whose last part is a name that calls have in them."""

_OPTIONAL = frozenset({"FLEETMEND_TYPE_ROLE"})
"""Variables that only a setting brings; without it, `_SWITCHED` leaves out what they are for."""

_TYPES = {"types_tag": None}
_SWITCHED: Mapping[tuple[str, str], Mapping[str, set[str] | None]] = {
    ("recovery", "RebootInstances"): {"impaired": {"reboot", "move"}},
    ("recovery", "StopInstances"): {"impaired": {"move"}},
    ("recovery", "DescribeInstanceTypes"): {"impaired": {"move"}, **_TYPES},
    ("recovery", "DescribeInstanceTypeOfferings"): _TYPES,
    ("recovery", "AssumeRole"): _TYPES,
    ("recovery", "LookupEvents"): {"who": {"cloudtrail"}},
}
"""Calls that only a setting brings: concern and operation → fields of the policy, any of which
brings them, with the values that do; None stands for all but an empty one."""


def shipped() -> tuple[Recording, ...]:
    """The recordings in the package, as they were made."""
    text = files("fleetmend.deploy.privilege").joinpath(NAME).read_text(encoding="utf-8")
    return read(text.splitlines(), NAME)


def for_graph(graph: Graph) -> tuple[Recording, ...]:
    """The shipped recordings, as if made in the installation that the graph describes.

    Left out are functions that the graph does not have, recordings made with variables that the
    function here does not get, and calls that are switched off here: with other settings it makes
    other calls.
    """
    view = View(graph)
    return tuple(_moved_all(view))


def _moved_all(view: View) -> Iterator[Recording]:
    for recording in shipped():
        function = function_of(view, recording.function)
        if function is None or not text_of(function, "handler").startswith("fleetmend.lambdas."):
            continue
        variables = mapping(mapping(function.inputs.get("environment")).get("variables"))
        if all(name in variables for name in recording.environment.keys() - _OPTIONAL):
            yield _moved(view, function, recording, variables)


def _moved(view: View, function: Node, recording: Recording, variables: Any) -> Recording:  # noqa: ANN401 JSON
    region = view.region(function)
    before = f"/{recording.environment[_PROJECT]}/{recording.environment[_SUFFIX]}/"
    after = f"/{variables[_PROJECT]}/{variables[_SUFFIX]}/"

    claimed = recording.environment.get(_CLAIM, "")

    kept = recording.environment.keys() & variables.keys()
    names = {
        recording.environment[name].rpartition(":")[2]: str(variables[name]).rpartition(":")[2]
        for name in _NAMED
        if name in kept
    }

    def moved(text: str) -> str:
        for then, now in names.items():
            text = text.replace(then, now)
        text = text.replace(recording.region, region).replace(before, after)
        return text.replace(claimed, str(variables[_CLAIM])) if claimed else text

    environment = {name: moved(recording.environment[name]) for name in kept}
    environment |= {_PROJECT: str(variables[_PROJECT]), _SUFFIX: str(variables[_SUFFIX])}
    default, selector = _default(recording.function), _selector(view, recording.function)
    accounts = _accounts(view, recording.function) or [recording.account]
    policy = _policy(view, recording.function)
    calls = tuple(
        _retagged(_renamed(call, moved), default, selector)
        for one in recording.calls
        if _is_on(recording.function, one, policy)
        for call in _spread(one, recording.account, accounts)
    )
    if recording.function == ruled.CONCERN:
        calls = tuple(ruled.calls_by(ruled.rules_of(view), calls))
    return replace(recording, region=region, environment=environment, calls=calls)


def _is_on(concern: str, call: Call, policy: Mapping[str, Any]) -> bool:
    switches = _SWITCHED.get((concern, call.operation))
    if switches is None:
        return True
    return any(
        bool(policy.get(field)) if values is None else policy.get(field) in values
        for field, values in switches.items()
    )


def _spread(call: Call, account: str, accounts: list[str]) -> list[Call]:
    """A role taken, once in each account of this installation; any other call as it is."""
    if call.operation != "AssumeRole":
        return [call]
    arn = str(call.params["RoleArn"])
    return [
        replace(call, params={**call.params, "RoleArn": arn.replace(f":{account}:", f":{one}:")})
        for one in accounts
    ]


def _accounts(view: View, concern: str) -> list[str]:
    """The accounts in the concern's policy parameter; none where it names none."""
    return [str(one) for one in listing(_policy(view, concern).get("accounts"))]


def _renamed(call: Call, moved: Any) -> Call:  # noqa: ANN401 a function of a text
    return replace(call, params=mapping(replaced(dict(call.params), moved)))


def _retagged(call: Call, default: Selector, selector: Selector) -> Call:
    """The call with the tag that this installation looks for in place of the recorded one."""

    def one(key: str, value: str) -> tuple[str, str]:
        if key != default.key:
            return key, value
        return selector.key, selector.value if value == default.value else value

    tags = {
        identity: dict(one(key, value) for key, value in found.items())
        for identity, found in call.tags.items()
    }
    asked = [
        {
            **mapping(each),
            "Tags": [
                dict(zip(("Key", "Value"), one(tag["Key"], tag["Value"]), strict=True))
                for tag in map(mapping, listing(mapping(each).get("Tags")))
            ],
        }
        for each in listing(call.params.get("TagSpecifications"))
    ]
    more = {"TagSpecifications": asked} if asked else {}
    return replace(call, tags=tags, params={**call.params, **more})


def _default(concern: str) -> Selector:
    """The selector that the scenarios were played with."""
    played = {"rebuild": RebuildPolicy().selector, "health": HealthPolicy().selector}
    return played.get(concern, Selector())


def _selector(view: View, concern: str) -> Selector:
    """The selector in the concern's policy parameter; the default where there is none."""
    given = mapping(_policy(view, concern).get("selector"))
    return Selector(str(given["key"]), str(given["value"])) if given else _default(concern)


def _policy(view: View, concern: str) -> Mapping[str, Any]:
    """What the concern's policy parameter sets; nothing where there is none."""
    for node in view.of_type("aws:ssm/parameter:Parameter"):
        if text_of(node, "name").endswith(f"/{concern}/policy"):
            return mapping(json.loads(parameter_text(node) or "{}"))
    return {}

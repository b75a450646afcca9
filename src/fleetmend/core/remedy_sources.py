"""Where a missing value is taken from: the Auto Scaling group, the VPC, and who made it.

Groups and VPCs are asked for many instances together. CloudTrail answers two questions a second
(LookupEvents, "Quotas"), so only as many are asked as the run may change instances, and only of
those that lack a tag which nothing before it gave.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleetmend.core.model import Instance
from fleetmend.core.ports import Remedies
from fleetmend.core.remediation import fillable
from fleetmend.core.rules import Rule, Rules


@dataclass(slots=True)
class Sources:
    """The tags of groups and VPCs by name; `lookups` is how many makers may still be asked for."""

    port: Remedies
    rules: Rules
    groups: Mapping[str, Mapping[str, str]]
    vpcs: Mapping[str, Mapping[str, str]]
    lookups: int

    def values(self, instance: Instance) -> tuple[dict[str, str], frozenset[str]]:
        """What the sources give, by key, and the keys whose sources were not all asked.

        Raises:
            ObservationFailed: CloudTrail did not answer.
        """
        found: dict[str, str] = {}
        unsure: set[str] = set()
        for key, rule in fillable(self.rules, instance.tags).items():
            value = self._first(rule, instance)
            if value is None:
                unsure.add(key)
            elif value:
                found[key] = value
        return found, frozenset(unsure)

    def _first(self, rule: Rule, instance: Instance) -> str | None:
        """The first value that fits, empty where none does; None when it cannot be told now."""
        for source in rule.sources:
            if source == "creator":
                if self.lookups <= 0:
                    return None
                self.lookups -= 1
                value = self.port.creator(instance.id)
            else:
                value = self._tags(source, instance).get(rule.key, "")
            if rule.accepts(value):
                return value
        return ""

    def _tags(self, source: str, instance: Instance) -> Mapping[str, str]:
        if source == "group":
            return self.groups.get(instance.group or "", {})
        return self.vpcs.get(instance.vpc, {})


def sources(port: Remedies, rules: Rules, instances: Iterable[Instance], lookups: int) -> Sources:
    """Ask for the groups and the VPCs of those that lack something.

    Raises:
        ObservationFailed: AWS did not answer; without it nothing is known to be the right value.
    """
    names: set[str] = set()
    vpcs: set[str] = set()
    for one in instances:
        wanted = {s for rule in fillable(rules, one.tags).values() for s in rule.sources}
        if "group" in wanted and one.group:
            names.add(one.group)
        if "vpc" in wanted and one.vpc:
            vpcs.add(one.vpc)
    groups = port.groups(sorted(names)) if names else {}
    networks = port.networks(sorted(vpcs)) if vpcs else {}
    return Sources(port, rules, groups, networks, lookups)

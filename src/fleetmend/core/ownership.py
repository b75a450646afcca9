"""Who else looks after an instance: whatever one of these owns is left to it.

Tags that begin with `aws:` are AWS's own and cannot be forged; the others are what each product
puts on its instances, and a person who puts one there means the same by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetmend.core.model import Instance, RecoveryPolicy

KEYS: tuple[tuple[str, str, str], ...] = (
    # key, or its beginning where it ends in `/` or `:`; code; owner
    ("karpenter.sh/", "karpenter", "Karpenter"),
    ("karpenter.k8s.aws/", "karpenter", "Karpenter"),
    ("eks:", "eks", "EKS"),
    ("aws:eks:", "eks", "EKS"),
    ("kubernetes.io/cluster/", "eks", "a Kubernetes cluster"),
    ("AWSBatchServiceTag", "batch", "AWS Batch"),
    ("aws:batch:", "batch", "AWS Batch"),
    ("aws:elasticmapreduce:", "emr", "EMR"),
)
"""Karpenter documentation, "NodePools" (tags of its instances); Amazon EKS User Guide, "Tagging
your resources" and the cloud provider's `kubernetes.io/cluster/<name>`; the managed policies
BatchServiceRolePolicy and AmazonEMRServicePolicy_v2, whose conditions name the other keys."""

_DISCOVERY = "karpenter.sh/discovery"
"""It says where Karpenter may put instances, not that one is its own."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Why it is not ours to start: a stable code and a sentence."""

    code: str
    sentence: str


def owner(seen: Instance, policy: RecoveryPolicy) -> Owner | None:
    """Who else looks after the instance, or None.

    A group and a quarantine are always respected; which of the others are is a setting.
    """
    if seen.group:
        text = f"it belongs to the Auto Scaling group {seen.group}, which replaces it"
        return Owner("in-group", text)
    isolated = {key.casefold() for key in policy.quarantine_tags}
    for key, value in sorted(seen.tags.items()):
        # Whoever isolates a machine in a hurry must not lose by a capital letter.
        if key.casefold() in isolated:
            return Owner("quarantined", f"it is in quarantine: {key}={value}")
    found = _others(seen, policy)
    return next((one for one in found if one.code in policy.leave_to), None)


def _others(seen: Instance, policy: RecoveryPolicy) -> Iterator[Owner]:
    """Everybody who shows.

    `Operator` is EC2's own word for a service provider (EC2 API Reference, OperatorResponse).
    """
    if seen.operator is not None:
        yield Owner("managed", f"{seen.operator or 'a service provider'} runs it")
    for beginning, code, name in KEYS:
        for key in sorted(seen.tags):
            open_ended = beginning.endswith(("/", ":"))
            same = key.startswith(beginning) if open_ended else key == beginning
            if same and key != _DISCOVERY:
                yield Owner(code, f"{name} looks after it ({key})")
    for key in policy.scheduler_tags:
        if key in seen.tags:
            yield Owner("scheduler", f"a scheduler runs it: {key}={seen.tags[key]}")

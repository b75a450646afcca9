"""Health's entry: Auto Scaling groups as AWS tells of them."""

from collections.abc import Iterator

from aws_lambda_powertools.metrics import MetricUnit

from fleetmend.aws.autoscaling import AutoScalingGroups, DryRunGroups
from fleetmend.aws.ec2 import Ec2Fleet
from fleetmend.core import declared
from fleetmend.core.decisions.health import CONCERN, REFUSALS, debts
from fleetmend.core.events import GROUPS
from fleetmend.core.groups import Group, HealthPolicy
from fleetmend.core.health_memory import MemoryUnreadable, from_detail
from fleetmend.core.health_watch import symptoms
from fleetmend.core.loop import Case
from fleetmend.core.model import Stored
from fleetmend.core.practices import healing, owning_up_groups
from fleetmend.lambdas import controller
from fleetmend.lambdas.controller import Bound, Concern
from fleetmend.lambdas.envelope import Figure
from fleetmend.lambdas.wiring import Wired, recorded


def _groups(policy: HealthPolicy, wired: Wired) -> AutoScalingGroups:
    clock, remaining = wired.ports.ledger.now, wired.remaining
    return AutoScalingGroups(
        wired.client,
        Ec2Fleet(wired.client("ec2"), clock=clock, remaining=remaining),
        clock=clock,
        remaining=remaining,
        alarm_prefix=policy.alarm_prefix,
    )


def _bind(policy: HealthPolicy, wired: Wired) -> Bound[Group]:
    """A sweep looks at every group in scope, since nothing else tells that a member is ill."""
    groups = _groups(policy, wired)
    port = DryRunGroups(groups) if wired.watching else groups
    practice = healing(port, policy, wired.ports.parallel)
    return Bound(practice, lambda: port.claimed(policy.selector))


def _debts(policy: HealthPolicy, wired: Wired) -> Bound[Group]:
    """Groups that we suspended, when the permission to end that was taken away."""
    why = f"the mode is {policy.mode}, so that nobody ends it"

    def is_owed(stored: Stored) -> bool:
        return debts.overdue(stored.record, stored.now) is not None

    def subjects() -> list[str]:
        return recorded(wired, wired.records.open(), is_owed)

    return Bound(owning_up_groups(DryRunGroups(_groups(policy, wired)), policy, why), subjects)


def figures(policy: HealthPolicy, case: Case[Group]) -> Iterator[Figure]:
    """How a group is, what was replaced, and why nothing was."""
    group = case.seen
    if group is None or not policy.selector.matches(group.tags):
        return
    own = {"group": group.name}
    ill = len(symptoms(group, policy, group.observed_at).ill)
    yield Figure("HealthyInstances", len(group.serving) - ill, own)
    yield Figure("UnhealthyInstances", ill, own)
    reason = case.decision.reason if case.decision else ""
    if reason in REFUSALS:
        yield Figure("RefusedReplacements", 1, own | {"reason": reason})
    for seconds in _replaced(case):
        yield Figure("ReplacedInstances", 1, own)
        yield Figure("ReplacementSeconds", seconds, own, MetricUnit.Seconds)


def _replaced(case: Case[Group]) -> list[int]:
    """Seconds that each replacement took which this run found done, and wrote down first."""
    if not case.wrote or case.record is None:
        return []
    try:
        return list(from_detail(case.record.detail).done.values())
    except MemoryUnreadable:
        return []


HEALTH = Concern(CONCERN, declared.HEALTH, GROUPS, _bind, figures, debts=_debts)
"""All that the shared entry needs to know of health."""

handler = controller.handler(HEALTH)
"""What Lambda calls."""

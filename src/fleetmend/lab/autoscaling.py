"""What Auto Scaling and balancers answer of groups, in both worlds, where no emulator does.

Rules are those of the API references: SetInstanceHealth, SuspendProcesses, ResumeProcesses,
DescribeInstanceRefreshes (Auto Scaling); DescribeTargetHealth (Elastic Load Balancing).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, cast

from fleetmend.lab.scaling import G, Group, M, Member, Scaling
from fleetmend.lab.sim.replies import AwsError

OPERATIONS = frozenset(
    {"DescribeInstanceRefreshes", "ResumeProcesses", "SetInstanceHealth", "SuspendProcesses"}
)
"""What is answered here."""

PROCESSES = frozenset(
    {
        "AddToLoadBalancer",
        "AlarmNotification",
        "AZRebalance",
        "HealthCheck",
        "InstanceRefresh",
        "Launch",
        "ReplaceUnhealthy",
        "ScheduledActions",
        "Terminate",
    }
)
_LIFECYCLES = {"pending": "Pending", "shutting-down": "Terminating"}


def lifecycle(member: Member) -> str:
    """Where a member is in its group's life."""
    return _LIFECYCLES.get(member.state, member.aside or "InService")


class GroupCalls(Generic[G, M]):
    """Calls about the groups of one world."""

    def __init__(self, scaling: Scaling[G, M]) -> None:
        self._scaling = scaling
        self._herd = scaling.herd

    def handle(
        self, operation: str, params: Mapping[str, Any], may_act: tuple[str, str] | None
    ) -> dict[str, Any]:
        """Answer one of `OPERATIONS`.

        Args:
            operation: which.
            params: what it was given.
            may_act: the tag that IAM demands of the group that is changed, if it does.

        Raises:
            AwsError: as Auto Scaling would refuse it; nothing was done then.
        """
        match operation:
            case "DescribeInstanceRefreshes":
                return self._refreshes(params)
            case "SetInstanceHealth":
                return self._set_health(params, may_act)
            case "SuspendProcesses" | "ResumeProcesses":
                return self._processes(operation, params, may_act)
            case _:
                raise NotImplementedError(f"autoscaling:{operation} is not simulated")

    def targets(self, group: G) -> dict[str, Any]:
        """The answer to DescribeTargetHealth of a target group that is this group's alone."""
        now = self._scaling.clock.now
        there = [one for one in self._herd.members(group) if lifecycle(one) == "InService"]
        return {"TargetHealthDescriptions": [_target(one, now) for one in there]}

    def _refreshes(self, params: Mapping[str, Any]) -> dict[str, Any]:
        group = self._known(str(params["AutoScalingGroupName"]))
        running = self._scaling.clock.now < group.refreshing_until
        status = "InProgress" if running else "Successful"
        begun = group.refreshing_until >= 0
        return {"InstanceRefreshes": [{"Status": status}] if begun else []}

    def _set_health(
        self, params: Mapping[str, Any], may_act: tuple[str, str] | None
    ) -> dict[str, Any]:
        member = self._herd.member(str(params["InstanceId"]))
        groups = self._herd.groups
        if member is None or member.group not in groups or member.state == "terminated":
            raise AwsError(
                "ValidationError",
                "Instance Id not found - No managed instance found for instance ID: "
                f"{params['InstanceId']}",
            )
        _authorize("SetInstanceHealth", groups[member.group], may_act)
        if lifecycle(member) not in {"InService", "Standby"}:
            raise AwsError("ValidationError", f"{member.id} is not in InService or Standby")
        self._scaling.mark(member, healthy=params["HealthStatus"] == "Healthy")
        return {}

    def _processes(
        self, operation: str, params: Mapping[str, Any], may_act: tuple[str, str] | None
    ) -> dict[str, Any]:
        group = self._known(str(params["AutoScalingGroupName"]))
        _authorize(operation, group, may_act)
        wanted = set(cast("Sequence[str]", params.get("ScalingProcesses") or PROCESSES))
        if not wanted <= PROCESSES:
            raise AwsError("ValidationError", f"no such process: {sorted(wanted - PROCESSES)}")
        scaling = self._scaling
        change = scaling.suspend if operation == "SuspendProcesses" else scaling.resume
        change(group, wanted)
        return {}

    def _known(self, name: str) -> G:
        if name not in self._herd.groups:
            raise AwsError("ValidationError", f"AutoScalingGroup name not found - {name}")
        return self._herd.groups[name]


def _authorize(operation: str, group: Group, may_act: tuple[str, str] | None) -> None:
    if may_act and group.tags.get(may_act[0]) != may_act[1]:
        raise AwsError(
            "AccessDenied",
            f"not authorized to perform: autoscaling:{operation} on {group.name}",
        )


def _target(member: Member, now: float) -> dict[str, Any]:
    if member.state != "running":
        state = "unused"
    elif member.target_ill:
        state = "unhealthy"
    else:
        state = "healthy" if now >= member.booted_at else "initial"
    return {"Target": {"Id": member.id, "Port": 443}, "TargetHealth": {"State": state}}

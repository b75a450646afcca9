"""Auto Scaling's API, and what balancers, alarms and agents say of a group's members.

Rules are those of the API references: DescribeAutoScalingGroups, SetInstanceHealth,
SuspendProcesses, ResumeProcesses, DescribeInstanceRefreshes (Auto Scaling);
DescribeTargetHealth (Elastic Load Balancing); DescribeAlarms (CloudWatch);
DescribeInstanceInformation (Systems Manager).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fleetmend.lab.sim.fleet import Instance
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.sim.scaling import Scaling, SimGroup

NAMES = 50
PAGE = 50
LIFECYCLES = {"pending": "Pending", "shutting-down": "Terminating"}
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


@dataclass
class AutoScaling:
    """The services around groups. `may_act` is the tag that IAM demands of what is changed."""

    scaling: Scaling
    region: str
    account: str
    may_act: tuple[str, str] = ("Auto-Heal", "true")

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of Auto Scaling.

        Raises:
            AwsError: as Auto Scaling would refuse it; nothing was done then.
        """
        match operation:
            case "DescribeAutoScalingGroups":
                return self._describe(params)
            case "DescribeInstanceRefreshes":
                return self._refreshes(params)
            case "SetInstanceHealth":
                return self._set_health(params)
            case "SuspendProcesses" | "ResumeProcesses":
                return self._processes(operation, params)
            case _:
                raise NotImplementedError(f"autoscaling:{operation} is not simulated")

    def balancers(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of Elastic Load Balancing.

        Raises:
            AwsError: there is no such target group.
        """
        if operation != "DescribeTargetHealth":
            raise NotImplementedError(f"elasticloadbalancing:{operation} is not simulated")
        for group in self.scaling.groups.values():
            if group.balanced and self.target_group(group) == params["TargetGroupArn"]:
                return {"TargetHealthDescriptions": [self._target(m) for m in self._there(group)]}
        raise AwsError("TargetGroupNotFound", "One or more target groups not found")

    def alarms(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of CloudWatch: one alarm for each instance, called `app-<name>`."""
        if operation != "DescribeAlarms":
            raise NotImplementedError(f"cloudwatch:{operation} is not simulated")
        found = [
            {
                "AlarmName": f"app-{one.name}",
                "StateValue": "ALARM",
                "Dimensions": [{"Name": "InstanceId", "Value": one.id}],
            }
            for one in self.scaling.fleet.instances.values()
            if one.alarmed and f"app-{one.name}".startswith(params["AlarmNamePrefix"])
        ]
        return {"MetricAlarms": found}

    def agents(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DescribeInstanceInformation: every instance that runs has an agent."""
        (rule,) = cast("Sequence[Mapping[str, Any]]", params["Filters"])
        known = [self.scaling.fleet.instances.get(str(name)) for name in rule["Values"]]
        found = [
            {
                "InstanceId": one.id,
                "PingStatus": "ConnectionLost" if one.silent else "Online",
            }
            for one in known
            if one and one.state == "running"
        ]
        return {"InstanceInformationList": found}

    def target_group(self, group: SimGroup) -> str:
        """The ARN of the target group that it is in."""
        head = f"arn:aws:elasticloadbalancing:{self.region}:{self.account}"
        return f"{head}:targetgroup/{group.name}/0123456789abcdef"

    def _describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        names = cast("Sequence[str]", params.get("AutoScalingGroupNames") or ())
        if len(names) > NAMES:
            raise AwsError("ValidationError", f"at most {NAMES} group names")
        found = [one for one in self.scaling.groups.values() if not names or one.name in names]
        for rule in params.get("Filters", ()):
            key = str(rule["Name"]).removeprefix("tag:")
            found = [one for one in found if one.tags.get(key) in rule["Values"]]
        found.sort(key=lambda one: one.name)
        first = int(params.get("NextToken", 0))
        size = min(int(params.get("MaxRecords", PAGE)), 100)
        more = first + size if first + size < len(found) else None
        instances = params.get("IncludeInstances", True)
        page = [self._facts(one, instances=instances) for one in found[first : first + size]]
        return {"AutoScalingGroups": page, "NextToken": more and str(more)}

    def _facts(self, group: SimGroup, *, instances: bool) -> dict[str, Any]:
        members = self.scaling.members(group) if instances else []
        return {
            "AutoScalingGroupName": group.name,
            "MinSize": 0,
            "MaxSize": 1000,
            "DesiredCapacity": group.desired,
            "DefaultCooldown": 300,
            "AvailabilityZones": list(group.zones),
            "HealthCheckType": "EC2",
            "TargetGroupARNs": [self.target_group(group)] if group.balanced else [],
            "Instances": [
                {
                    "InstanceId": one.id,
                    "AvailabilityZone": one.zone,
                    "LifecycleState": _lifecycle(one),
                    "HealthStatus": "Unhealthy" if one.marked else "Healthy",
                    "ProtectedFromScaleIn": False,
                }
                for one in members
            ],
            "SuspendedProcesses": [
                {"ProcessName": name, "SuspensionReason": "User suspended"}
                for name in sorted(group.suspended)
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(group.tags.items())],
        }

    def _refreshes(self, params: Mapping[str, Any]) -> dict[str, Any]:
        group = self._known(str(params["AutoScalingGroupName"]))
        running = self.scaling.engine.now < group.refreshing_until
        status = "InProgress" if running else "Successful"
        begun = group.refreshing_until >= 0
        return {"InstanceRefreshes": [{"Status": status}] if begun else []}

    def _set_health(self, params: Mapping[str, Any]) -> dict[str, Any]:
        instance = self.scaling.fleet.instances.get(str(params["InstanceId"]))
        if instance is None or instance.group not in self.scaling.groups:
            raise AwsError(
                "ValidationError",
                "Instance Id not found - No managed instance found for instance ID: "
                f"{params['InstanceId']}",
            )
        self._authorize("SetInstanceHealth", self.scaling.groups[instance.group])
        if _lifecycle(instance) not in {"InService", "Standby"}:
            raise AwsError("ValidationError", f"{instance.id} is not in InService or Standby")
        self.scaling.mark(instance, healthy=params["HealthStatus"] == "Healthy")
        return {}

    def _processes(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        group = self._known(str(params["AutoScalingGroupName"]))
        self._authorize(operation, group)
        wanted = set(cast("Sequence[str]", params.get("ScalingProcesses") or PROCESSES))
        if not wanted <= PROCESSES:
            raise AwsError("ValidationError", f"no such process: {sorted(wanted - PROCESSES)}")
        change = self.scaling.suspend if operation == "SuspendProcesses" else self.scaling.resume
        change(group, wanted)
        return {}

    def _known(self, name: str) -> SimGroup:
        if name not in self.scaling.groups:
            raise AwsError("ValidationError", f"AutoScalingGroup name not found - {name}")
        return self.scaling.groups[name]

    def _authorize(self, operation: str, group: SimGroup) -> None:
        key, value = self.may_act
        if group.tags.get(key) != value:
            raise AwsError(
                "AccessDenied",
                f"not authorized to perform: autoscaling:{operation} on {group.name}",
            )

    def _there(self, group: SimGroup) -> list[Instance]:
        return [one for one in self.scaling.members(group) if _lifecycle(one) == "InService"]

    def _target(self, instance: Instance) -> dict[str, Any]:
        look = instance.past[-1]
        if instance.state != "running":
            state = "unused"
        elif instance.target_ill:
            state = "unhealthy"
        else:
            booted = self.scaling.engine.now >= look.running_since + instance.boot_takes
            state = "healthy" if booted else "initial"
        return {"Target": {"Id": instance.id, "Port": 443}, "TargetHealth": {"State": state}}


def _lifecycle(instance: Instance) -> str:
    return LIFECYCLES.get(instance.state, "Standby" if instance.standby else "InService")

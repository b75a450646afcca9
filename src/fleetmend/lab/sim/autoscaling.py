"""What lists groups, and what alarms and agents say of their members.

Rules are those of the API references: DescribeAutoScalingGroups (Auto Scaling), DescribeAlarms
(CloudWatch), DescribeInstanceInformation (Systems Manager). The rest is in lab/autoscaling.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fleetmend.lab.autoscaling import GroupCalls, lifecycle
from fleetmend.lab.scaling import Scaling
from fleetmend.lab.sim.fleet import Instance
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.sim.scaling import SimGroup, SimHerd

NAMES = 50
PAGE = 50


class AutoScaling:
    """The services around groups. `may_act` is the tag that IAM demands of what is changed."""

    def __init__(
        self,
        scaling: Scaling[SimGroup, Instance],
        herd: SimHerd,
        arns: tuple[str, str],
        may_act: tuple[str, str],
    ) -> None:
        """Region and account are what ARNs are made of."""
        self._calls = GroupCalls(scaling)
        self._herd = herd
        self._region, self._account = arns
        self._may_act = may_act

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of Auto Scaling.

        Raises:
            AwsError: as Auto Scaling would refuse it; nothing was done then.
        """
        if operation == "DescribeAutoScalingGroups":
            return self._describe(params)
        return self._calls.handle(operation, params, self._may_act)

    def balancers(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of Elastic Load Balancing.

        Raises:
            AwsError: there is no such target group.
        """
        if operation != "DescribeTargetHealth":
            raise NotImplementedError(f"elasticloadbalancing:{operation} is not simulated")
        for group in self._herd.groups.values():
            if group.balanced and self.target_group(group) == params["TargetGroupArn"]:
                return self._calls.targets(group)
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
            for one in self._herd.fleet.instances.values()
            if one.alarmed and f"app-{one.name}".startswith(params["AlarmNamePrefix"])
        ]
        return {"MetricAlarms": found}

    def agents(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DescribeInstanceInformation: every instance that runs has an agent."""
        (rule,) = cast("Sequence[Mapping[str, Any]]", params["Filters"])
        known = [self._herd.fleet.instances.get(str(name)) for name in rule["Values"]]
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
        head = f"arn:aws:elasticloadbalancing:{self._region}:{self._account}"
        return f"{head}:targetgroup/{group.name}/0123456789abcdef"

    def _describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        names = cast("Sequence[str]", params.get("AutoScalingGroupNames") or ())
        if len(names) > NAMES:
            raise AwsError("ValidationError", f"at most {NAMES} group names")
        found = [one for one in self._herd.groups.values() if not names or one.name in names]
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
        members = self._herd.members(group) if instances else []
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
                    "LifecycleState": lifecycle(one),
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

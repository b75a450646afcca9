"""How a group follows its load: a CPU target, or steps between two alarms. Never both.

Two that pull at the same group work against each other: a target that removes an instance
raises the CPU that the step then answers.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit
from fleetmend.components.settings_types import Scaling

ALARM_SECONDS = 60
HIGH_MINUTES = 3
"""Load that lasts three minutes is no burst."""
LOW_MINUTES = 15
"""An idle quarter of an hour is no pause; removing too early costs more than waiting."""
FAR_ABOVE_PERCENT = 15
"""This far above the alarm two instances are added at once."""


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """How to scale; percentages of CPU, the average of the group."""

    installation: InstallationArgs
    kind: Scaling
    target: int
    high: int
    low: int
    warmup_seconds: int


@dataclass(frozen=True, slots=True)
class ScalingMade:
    """The policies, and the alarms that set them off where there are such."""

    policies: tuple[aws.autoscaling.Policy, ...]
    alarms: tuple[aws.cloudwatch.MetricAlarm, ...]


def scaling(
    name: str, plan: ScalingPlan, group: aws.autoscaling.Group, parent: pulumi.Resource
) -> ScalingMade:
    """Make the group's scaling policies."""
    if plan.kind is Scaling.TARGET_TRACKING:
        return ScalingMade((_target(name, plan, group, parent),), ())
    out = _step(name, "out", plan, group, parent)
    back = _step(name, "in", plan, group, parent)
    alarms = (
        _alarm(name, "high", plan, group, out, parent),
        _alarm(name, "low", plan, group, back, parent),
    )
    return ScalingMade((out, back), alarms)


def _target(
    name: str, plan: ScalingPlan, group: aws.autoscaling.Group, parent: pulumi.Resource
) -> aws.autoscaling.Policy:
    return aws.autoscaling.Policy(
        f"{name}-target",
        name=naming(plan.installation).name("cpu-target", limit=Limit.GROUP),
        autoscaling_group_name=group.name,
        policy_type="TargetTrackingScaling",
        estimated_instance_warmup=plan.warmup_seconds,
        target_tracking_configuration={
            "predefined_metric_specification": {
                "predefined_metric_type": "ASGAverageCPUUtilization"
            },
            "target_value": float(plan.target),
        },
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _step(
    name: str,
    way: str,
    plan: ScalingPlan,
    group: aws.autoscaling.Group,
    parent: pulumi.Resource,
) -> aws.autoscaling.Policy:
    adjustment = aws.autoscaling.PolicyStepAdjustmentArgs
    far = str(FAR_ABOVE_PERCENT)
    steps = {
        "out": [
            adjustment(
                metric_interval_lower_bound="0",
                metric_interval_upper_bound=far,
                scaling_adjustment=1,
            ),
            adjustment(metric_interval_lower_bound=far, scaling_adjustment=2),
        ],
        "in": [adjustment(metric_interval_upper_bound="0", scaling_adjustment=-1)],
    }
    return aws.autoscaling.Policy(
        f"{name}-step-{way}",
        name=naming(plan.installation).name(f"step-{way}", limit=Limit.GROUP),
        autoscaling_group_name=group.name,
        policy_type="StepScaling",
        adjustment_type="ChangeInCapacity",
        metric_aggregation_type="Average",
        estimated_instance_warmup=plan.warmup_seconds,
        step_adjustments=steps[way],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _alarm(
    name: str,
    side: str,
    plan: ScalingPlan,
    group: aws.autoscaling.Group,
    policy: aws.autoscaling.Policy,
    parent: pulumi.Resource,
) -> aws.cloudwatch.MetricAlarm:
    """The alarm that sets a step off. It tells nobody: scaling is no incident."""
    called = naming(plan.installation).name(f"cpu-{side}", limit=Limit.GROUP)
    minutes = HIGH_MINUTES if side == "high" else LOW_MINUTES
    threshold = plan.high if side == "high" else plan.low
    comparison = "GreaterThanOrEqualToThreshold" if side == "high" else "LessThanOrEqualToThreshold"
    return aws.cloudwatch.MetricAlarm(
        f"{name}-cpu-{side}",
        name=called,
        alarm_description=f"The group's CPU was {side} ({threshold}%) for {minutes} minutes: it "
        f"scales {'out' if side == 'high' else 'in'}. Nothing to do.",
        namespace="AWS/EC2",
        metric_name="CPUUtilization",
        dimensions={"AutoScalingGroupName": group.name},
        statistic="Average",
        comparison_operator=comparison,
        threshold=threshold,
        period=ALARM_SECONDS,
        evaluation_periods=minutes,
        datapoints_to_alarm=minutes,
        treat_missing_data="missing",
        alarm_actions=[policy.arn],
        tags=tagging(plan.installation).tags("cloudwatch-alarm", called),
        opts=pulumi.ResourceOptions(parent=parent),
    )

"""Health as infrastructure: what wakes it, what it may do, and the settings it re-reads."""

import json
from typing import NotRequired

import pulumi

from fleetmend.components import policies
from fleetmend.components.controller import Controller
from fleetmend.components.function import QueuedArgs, run_args
from fleetmend.components.grants import controller_grants
from fleetmend.components.identity import naming
from fleetmend.components.parameters import policy_parameters
from fleetmend.components.policies import Statement
from fleetmend.components.queued import Queued
from fleetmend.core.decisions.health import CONCERN
from fleetmend.core.events import SCALED_PATTERN
from fleetmend.core.groups import HealthPolicy
from fleetmend.core.model import Selector


class HealthArgs(QueuedArgs):
    """What `Health` needs to know."""

    tag_key: NotRequired[str]
    """Groups with this tag are looked after; `Auto-Heal` where it is left out."""
    tag_value: NotRequired[str]
    """The value that tag must have; `true` where it is left out."""
    consecutive: NotRequired[int]
    """Bad samples in a row until an instance is ill; 3 where it is left out."""
    max_replacements: NotRequired[int]
    """Most replacements in flight in one group; 1 where it is left out."""
    healthy_floor_percent: NotRequired[int]
    """Share of the desired capacity that must stay healthy; 50 where it is left out."""
    outage_threshold_percent: NotRequired[int]
    """More than this share ill at once is an outage; 30 where it is left out."""
    suspension_minutes: NotRequired[int]
    """Longest suspension of Auto Scaling's own replacing; 30 where it is left out."""
    replace_silent_agents: NotRequired[bool]
    """Whether a silent SSM agent is an illness; it is only told where it is left out."""
    alarm_prefix: NotRequired[str]
    """Alarms called so are applications' alarms about their instance; none where left out."""
    sweep_minutes: NotRequired[int]
    """How often every group is looked at; 1 where it is left out."""


class Health(Queued):
    """An unhealthy instance of a group is replaced, and an outage is never made worse.

    A sweep every minute looks at every group with the tag; the end of a scaling activity wakes
    it too. It may mark instances of such groups, and suspend and resume their processes.

    Example:
        Health("health", {"installation": me, "account_id": account,
                          "artifact": "dist/lambda.zip", "ledger_name": storage.ledger_name,
                          "ledger_arn": storage.ledger_arn, "key_arn": keys.main_arn,
                          "topic_arn": alerts.topic_arn, "topic_key_arn": keys.alerts_arn})
    """

    def __init__(
        self, name: str, args: HealthArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Health", name, {}, opts)
        self._parameters(name, args)
        sweep_minutes = args.get("sweep_minutes", 1)
        controller = Controller(
            f"{name}-controller",
            {
                **run_args(args),
                "concern": CONCERN,
                "description": "Replaces unhealthy instances of groups, and stops at an outage",
                "policy": policies.document(*grants(args)),
                "environment": {"FLEETMEND_LEDGER_BUCKET": args["ledger_name"]},
                "event_pattern": json.dumps(SCALED_PATTERN, sort_keys=True),
                "sweep_minutes": sweep_minutes,
                "batch_window_seconds": args.get("batch_window_seconds", 5),
                "heartbeat": True,
            },
            pulumi.ResourceOptions(parent=self),
        )
        self._tell_queued(controller)

    def _parameters(self, name: str, args: HealthArgs) -> None:
        selector = _selector(args)
        # Durations in seconds, under the names of HealthPolicy's own fields.
        policy = {
            "sample_every": 60 * args.get("sweep_minutes", 1),
            "consecutive": args.get("consecutive", 3),
            "max_replacements": args.get("max_replacements", 1),
            "healthy_floor": args.get("healthy_floor_percent", 50) / 100,
            "outage_threshold": args.get("outage_threshold_percent", 30) / 100,
            "suspension": 60 * args.get("suspension_minutes", 30),
            "replace_silent_agents": args.get("replace_silent_agents", False),
            "alarm_prefix": args.get("alarm_prefix", ""),
            "selector": {"key": selector.key, "value": selector.value},
        }
        policy_parameters(name, CONCERN, {**args.get("policy", {}), **policy}, args, self)


def grants(args: HealthArgs) -> list[Statement]:
    """What health may do, beyond running: one statement for each thing it touches.

    Describes know neither resources nor tags, so they stand alone on `*` with the region (EC2 has
    a key of its own for that). The acts are limited by the group's tag: SetInstanceHealth is
    authorised on the group that the instance is in.
    """
    names, account = naming(args["installation"]), args["account_id"]
    selector = _selector(args)
    group = names.arn("autoscaling", account, "autoScalingGroup:*:autoScalingGroupName/*")
    alarms = policies.allow(
        "ReadsAlarms",
        ["cloudwatch:DescribeAlarms"],
        [names.arn("cloudwatch", account, "alarm:*")],
    )
    return [
        policies.allow(
            "Observes",
            ["ec2:DescribeInstances", "ec2:DescribeInstanceStatus"],
            ["*"],
            policies.own_region(names.region),
        ),
        policies.allow(
            "ObservesGroups",
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeInstanceRefreshes",
                "elasticloadbalancing:DescribeTargetHealth",
                "ssm:DescribeInstanceInformation",
            ],
            ["*"],
            {"StringEquals": {"aws:RequestedRegion": names.region}},
        ),
        policies.allow(
            "Heals",
            [
                "autoscaling:SetInstanceHealth",
                "autoscaling:SuspendProcesses",
                "autoscaling:ResumeProcesses",
            ],
            [group],
            {"StringEquals": {f"aws:ResourceTag/{selector.key}": selector.value}},
        ),
        *([alarms] if args.get("alarm_prefix") else []),
        *controller_grants(args, CONCERN),
    ]


def _selector(args: HealthArgs) -> Selector:
    default = HealthPolicy().selector
    return Selector(args.get("tag_key", default.key), args.get("tag_value", default.value))

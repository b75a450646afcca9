"""A controller's schedule: EventBridge Scheduler calls the alias, with a role of its own."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit, Naming


class ScheduleArgs(TypedDict):
    """What the schedule needs to know; see `ControllerArgs`."""

    installation: InstallationArgs
    account_id: pulumi.Input[str]
    concern: str
    minutes: int
    time_zone: str
    input: str
    target_arn: pulumi.Input[str]
    undelivered_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]


class Schedule:
    """One schedule in a group of its own, as children of `parent`.

    The group is there because a schedule itself carries no tags, and because the role trusts
    Scheduler for that group only (EventBridge Scheduler User Guide, "Confused deputy").
    """

    def __init__(self, name: str, args: ScheduleArgs, parent: pulumi.Resource) -> None:
        names, tags = naming(args["installation"]), tagging(args["installation"])
        child = pulumi.ResourceOptions(parent=parent)
        called = names.name(f"{args['concern']}-sweep", limit=Limit.RULE)
        group = aws.scheduler.ScheduleGroup(
            f"{name}-group", name=called, tags=tags.tags("schedule-group", called), opts=child
        )
        role_name = names.role(f"{args['concern']}-sweep")
        role = aws.iam.Role(
            f"{name}-role",
            name=role_name,
            description=f"Scheduler calls {args['concern']}",
            assume_role_policy=policies.trust(
                "scheduler", policies.from_source(args["account_id"], [group.arn])
            ),
            tags=tags.tags("iam-role", role_name),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-may-call",
            name="call",
            role=role.name,
            policy=_grants(names, args),
            opts=child,
        )
        minutes = args["minutes"]
        schedule = aws.scheduler.Schedule(
            name,
            name=called,
            group_name=group.name,
            description=f"Calls {args['concern']} every {minutes} min, whatever events were lost",
            schedule_expression=f"rate({minutes} minute{'' if minutes == 1 else 's'})",
            schedule_expression_timezone=args["time_zone"],
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=_target(args, role.arn),
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[policy]),
        )
        accept(schedule, "CKV_AWS_297", "What it says is no secret: the same words everywhere.")
        self.arn = schedule.arn


def _target(args: ScheduleArgs, role_arn: pulumi.Output[str]) -> aws.scheduler.ScheduleTargetArgs:
    return aws.scheduler.ScheduleTargetArgs(
        arn=args["target_arn"],
        role_arn=role_arn,
        input=args["input"],
        dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(
            arn=args["undelivered_arn"]
        ),
        # A call that is late by more than one interval is done by the next.
        retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
            maximum_event_age_in_seconds=60 * args["minutes"], maximum_retry_attempts=3
        ),
    )


def _grants(names: Naming, args: ScheduleArgs) -> pulumi.Output[str]:
    """Call this alias; put what could not be called into this queue."""
    return policies.document(
        policies.allow("Calls", ["lambda:InvokeFunction"], [args["target_arn"]]),
        policies.allow("SendsUndelivered", ["sqs:SendMessage"], [args["undelivered_arn"]]),
        policies.allow(
            "QueueKey", policies.KMS_USE, [args["key_arn"]], policies.via(names.region, "sqs")
        ),
    )

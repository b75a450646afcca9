"""The bridge as infrastructure: alerts to webhooks, and a watch on who is really subscribed."""

from typing import NotRequired, TypedDict

import pulumi

from fleetmend.components import policies
from fleetmend.components.alarms import Alarm, AlarmArgs, function_dimensions, make_alarm
from fleetmend.components.controller import Controller, FunctionArgs
from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.policies import Statement
from fleetmend.components.secrets import WEBHOOKS

CONCERN = "bridge"

COUNT_MINUTES = 15
"""How often subscriptions are counted: SNS has no metric for them."""

COUNT = '{"fleetmend": "subscriptions"}'
"""What the schedule says; `lambdas/bridge.py` reads it."""


class BridgeArgs(TypedDict):
    """What `Bridge` needs to know."""

    installation: InstallationArgs
    """Whose bridge it is."""
    account_id: pulumi.Input[str]
    """The account."""
    artifact: str
    """Path of the zip that `fleetmend package` made."""
    key_arn: pulumi.Input[str]
    """The main key: webhooks, logs, queues."""
    topic_arn: pulumi.Input[str]
    """The alerts topic."""
    webhooks: NotRequired[bool]
    """Whether there are webhooks (see `Secrets`); without, it only counts subscriptions."""
    function: NotRequired[FunctionArgs]
    """What the function is given to run with, and when its alarms are raised."""


class Bridge(pulumi.ComponentResource):
    """Tells Slack and PagerDuty what the topic says, and raises an alarm when nobody listens.

    They do not answer SNS's confirmation, so a plain HTTPS subscription to them never becomes
    active. The function also counts the topic's confirmed and pending subscriptions every 15
    minutes. The alarm on *no confirmed subscriber* reaches nobody by the topic, of course: it
    shows on the dashboard.

    Example:
        Bridge("bridge", {"installation": me, "account_id": account, "artifact": "lambda.zip",
                          "key_arn": keys.main_arn, "topic_arn": alerts.topic_arn,
                          "webhooks": True})
    """

    function_name: pulumi.Output[str]
    """The function's name."""
    function_arn: pulumi.Output[str]
    """The function's ARN."""
    role_name: pulumi.Output[str]
    """The execution role's name."""
    role_arn: pulumi.Output[str]
    """The execution role's ARN."""
    log_group_name: pulumi.Output[str]
    """Where it logs."""
    undelivered_url: pulumi.Output[str]
    """Alerts that no webhook took."""
    schedule_arn: pulumi.Output[str]
    """The schedule that has subscriptions counted."""
    subscription_arn: pulumi.Output[str]
    """Its subscription to the topic; empty without webhooks."""
    alarm_arns: pulumi.Output[list[str]]
    """The function's alarms."""
    subscribers_alarm_arn: pulumi.Output[str]
    """The alarm on no confirmed subscriber."""

    def __init__(
        self, name: str, args: BridgeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Bridge", name, {}, opts)
        names = naming(args["installation"])
        function = args.get("function", FunctionArgs())
        with_webhooks = args.get("webhooks", False)
        controller = Controller(
            f"{name}-controller",
            {
                "installation": args["installation"],
                "account_id": args["account_id"],
                "concern": CONCERN,
                "description": "Tells webhooks what the alerts topic says; counts subscribers",
                "artifact": args["artifact"],
                "key_arn": args["key_arn"],
                "topic_arn": args["topic_arn"],
                "policy": policies.document(*grants(args)),
                "environment": (
                    {"FLEETMEND_WEBHOOKS_NAME": names.parameter(WEBHOOKS)} if with_webhooks else {}
                ),
                "sweep_minutes": COUNT_MINUTES,
                "sweep_input": COUNT,
                "subscribed": with_webhooks,
                "function": function,
            },
            pulumi.ResourceOptions(parent=self),
        )
        alarm = make_alarm(
            f"{name}-alarm-subscribers",
            subscribers_alarm(names.namespace),
            function.get("alarms", AlarmArgs()),
            args["installation"],
            args["topic_arn"],
            self,
        )
        self.function_name, self.function_arn = controller.function_name, controller.function_arn
        self.role_name, self.role_arn = controller.role_name, controller.role_arn
        self.log_group_name = controller.log_group_name
        self.undelivered_url = controller.undelivered_url
        self.schedule_arn = controller.schedule_arn
        self.subscription_arn = controller.subscription_arn
        self.alarm_arns, self.subscribers_alarm_arn = controller.alarm_arns, alarm.arn
        self.register_outputs({"functionArn": self.function_arn})


def grants(args: BridgeArgs) -> list[Statement]:
    """What the bridge may do, beyond running: count subscriptions, and read the webhooks."""
    names = naming(args["installation"])
    counts = policies.allow("Counts", ["sns:GetTopicAttributes"], [args["topic_arn"]])
    if not args.get("webhooks", False):
        return [counts]
    parameter = f"parameter{names.parameter(WEBHOOKS)}"
    return [
        counts,
        policies.allow(
            "ReadsWebhooks",
            ["ssm:GetParameter"],
            [names.arn("ssm", args["account_id"], parameter)],
        ),
        policies.allow(
            "WebhooksKey", ["kms:Decrypt"], [args["key_arn"]], policies.via(names.region, "ssm")
        ),
    ]


def subscribers_alarm(namespace: str) -> Alarm:
    """Nobody is told: no confirmed subscription, or nobody who counts them."""
    return Alarm(
        kind="no-subscribers",
        says="No subscription to the alerts topic is confirmed, so alerts reach nobody. Whoever "
        "is to get them follows the link in the e-mail from SNS: docs/install.md.",
        namespace=namespace,
        metric="SubscriptionsConfirmed",
        dimensions=function_dimensions(CONCERN),
        statistic="Minimum",
        threshold=1,
        below=True,
        # Two counts fit one period, so that one that is late is no alarm.
        period=60 * 2 * COUNT_MINUTES,
        periods=1,
        datapoints=1,
        missing="breaching",
    )

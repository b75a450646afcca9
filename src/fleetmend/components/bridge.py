"""The bridge as infrastructure: alerts to webhooks, and a watch on who is really subscribed."""

from typing import NotRequired

import pulumi

from fleetmend.components import policies
from fleetmend.components.alarms import Alarm, AlarmArgs, function_dimensions, make_alarm
from fleetmend.components.controller import Controller
from fleetmend.components.function import Function, FunctionArgs, RunArgs, run_args
from fleetmend.components.identity import naming
from fleetmend.components.policies import Statement
from fleetmend.components.secrets import WEBHOOKS

CONCERN = "bridge"

COUNT_MINUTES = 15
"""How often subscriptions are counted: SNS has no metric for them."""

COUNT = '{"fleetmend": "subscriptions"}'
"""What the schedule says; `lambdas/bridge.py` reads it."""


class BridgeArgs(RunArgs):
    """What `Bridge` needs to know."""

    webhooks: NotRequired[bool]
    """Whether there are webhooks (see `Secrets`); without, it only counts subscriptions."""


class Bridge(Function):
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

    undelivered_url: pulumi.Output[str]
    """Alerts that no webhook took."""
    subscription_arn: pulumi.Output[str]
    """Its subscription to the topic; empty without webhooks."""
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
                **run_args(args),
                "concern": CONCERN,
                "description": "Tells webhooks what the alerts topic says; counts subscribers",
                "policy": policies.document(*grants(args)),
                "environment": (
                    {"FLEETMEND_WEBHOOKS_NAME": names.parameter(WEBHOOKS)} if with_webhooks else {}
                ),
                "sweep_minutes": COUNT_MINUTES,
                "sweep_input": COUNT,
                "subscribed": with_webhooks,
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
        self._tell(controller)
        self.subscription_arn = controller.subscription_arn
        self.subscribers_alarm_arn = alarm.arn
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

"""Alerts: the installation's one topic, and who is subscribed to it."""

import hashlib
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.keys import topic_name

DIGEST_LENGTH = 8


class AlertsArgs(TypedDict):
    """What `Alerts` needs to know."""

    installation: InstallationArgs
    """Whose topic it is."""
    account_id: pulumi.Input[str]
    """The account whose alarms may publish."""
    key_arn: pulumi.Input[str]
    """The topic's own key. `alias/aws/sns` will not do: alarms cannot use it."""
    emails: NotRequired[list[str]]
    """Who gets alerts by e-mail; each address has to be confirmed by its owner."""
    queue_arns: NotRequired[list[str]]
    """Queues that get every alert; their own policies must let this topic in."""


class Alerts(pulumi.ComponentResource):
    """One encrypted topic that everything tells, with its subscriptions.

    An e-mail subscription is *pending* until its owner follows the link in the message that SNS
    sends; nothing and nobody else can confirm it. `subscription_states` says which are.

    Example:
        alerts = Alerts("alerts", {"installation": me, "account_id": account,
                                   "key_arn": keys.alerts_arn, "emails": ["ops@example.com"]})
    """

    topic_arn: pulumi.Output[str]
    """The topic's ARN."""
    topic_name: pulumi.Output[str]
    """The topic's name, the dimension of its metrics."""
    subscription_arns: pulumi.Output[list[str]]
    """The subscriptions' ARNs, e-mail first."""
    subscription_states: pulumi.Output[list[bool]]
    """For each subscription whether it is still pending, in the same order."""

    def __init__(
        self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Alerts", name, {}, opts)
        called = topic_name(naming(args["installation"]))
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=called,
            display_name=called,
            kms_master_key_id=args["key_arn"],
            signature_version=2,
            tags=tagging(args["installation"]).tags("sns-topic", called),
            opts=child,
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-topic-policy", arn=topic.arn, policy=_policy(args, topic.arn), opts=child
        )
        self._after_policy = pulumi.ResourceOptions(parent=self, depends_on=[policy])
        subscriptions = [
            *(
                # Named by the address, not by its place in the list: taking one out must not
                # move the others, or everybody would have to confirm again.
                self._subscription(f"{name}-email-{_digest(email)}", topic, "email", email)
                for email in args.get("emails", [])
            ),
            *(
                self._subscription(f"{name}-queue-{_digest(queue)}", topic, "sqs", queue)
                for queue in args.get("queue_arns", [])
            ),
        ]
        self.topic_arn, self.topic_name = topic.arn, topic.name
        self.subscription_arns = pulumi.Output.all(*(s.arn for s in subscriptions))
        self.subscription_states = pulumi.Output.all(
            *(s.pending_confirmation for s in subscriptions)
        )
        self.register_outputs({"topicArn": self.topic_arn})

    def _subscription(
        self, name: str, topic: aws.sns.Topic, protocol: str, endpoint: str
    ) -> aws.sns.TopicSubscription:
        hidden = pulumi.Output.secret(endpoint) if protocol == "email" else endpoint
        return aws.sns.TopicSubscription(
            name, topic=topic.arn, protocol=protocol, endpoint=hidden, opts=self._after_policy
        )


def _policy(args: AlertsArgs, topic_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """Alarms of this account and region publish; roles publish by their own policies."""
    names, account = naming(args["installation"]), args["account_id"]
    alarms = policies.from_source(
        account, [names.arn("cloudwatch", account, "alarm:*")], exact=False
    )
    return policies.document(
        policies.service_may("AlarmsPublish", "cloudwatch", ["sns:Publish"], topic_arn, alarms),
        policies.tls_only("sns:Publish", [topic_arn]),
    )


def _digest(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()[:DIGEST_LENGTH]

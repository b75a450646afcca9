"""Keys: one for the installation, and one of its own for the alerts topic.

Two, so that one key that was disabled or scheduled for deletion does not silence the very alarms
that would say so.
"""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit, Naming
from fleetmend.components.policies import Statement

TOPIC = "alerts"
"""The kind of the installation's one topic, as it stands in its name."""

ROTATION_DAYS = 365


class KeysArgs(TypedDict):
    """What `Keys` needs to know."""

    installation: InstallationArgs
    """Whose keys they are."""
    account_id: pulumi.Input[str]
    """The account that administers them."""
    log_groups: list[str]
    """Names of the log groups that are encrypted with the main key, and no others."""
    rules: list[str]
    """Names of the EventBridge rules that deliver to queues encrypted with the main key."""
    deletion_days: NotRequired[int]
    """How long a deleted key can be brought back: 7 to 30 days, 30 where it is left out."""


class Keys(pulumi.ComponentResource):
    """The two customer-managed keys, rotated yearly, with policies that name who uses them.

    The main key's policy admits CloudWatch Logs for the given groups, EventBridge for the given
    rules and SNS for the alerts topic (which delivers to an encrypted dead-letter queue); the
    alerts key's admits CloudWatch alarms of this account and region. S3, SQS, Lambda and Secrets
    Manager use a key with the permission of whoever calls them and need no statement.

    Example:
        keys = Keys("keys", {"installation": me, "account_id": account, "log_groups": [],
                             "rules": []})
    """

    main_arn: pulumi.Output[str]
    """Encrypts buckets, queues, log groups, parameters, secrets and backups."""
    alerts_arn: pulumi.Output[str]
    """Encrypts the alerts topic, and nothing else."""

    def __init__(
        self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Keys", name, {}, opts)
        names = naming(args["installation"])
        main = self._key(name, "main", args, _main_statements(names, args))
        alerts = self._key(name, "alerts", args, _alerts_statements(names, args))
        self.main_arn = main.arn
        self.alerts_arn = alerts.arn
        self.register_outputs({"mainArn": self.main_arn, "alertsArn": self.alerts_arn})

    def _key(
        self, name: str, kind: str, args: KeysArgs, statements: list[Statement]
    ) -> aws.kms.Key:
        called = naming(args["installation"]).name(f"{kind}-key", limit=Limit.TAG_VALUE)
        key = aws.kms.Key(
            f"{name}-{kind}",
            description=f"{called}: Fleetmend's {kind} key",
            enable_key_rotation=True,
            rotation_period_in_days=ROTATION_DAYS,
            deletion_window_in_days=args.get("deletion_days", 30),
            policy=policies.document(*statements),
            tags=tagging(args["installation"]).tags("kms-key", called),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.kms.Alias(
            f"{name}-{kind}-alias",
            name=f"alias/{called}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key


def _main_statements(names: Naming, args: KeysArgs) -> list[Statement]:
    account = args["account_id"]
    statements = [policies.account_administers(names.region, account)]
    groups = [names.arn("logs", account, f"log-group:{group}") for group in args["log_groups"]]
    if groups:
        statements.append(policies.logs_may_encrypt(names.region, groups))
    rules = [names.arn("events", account, f"rule/{rule}") for rule in args["rules"]]
    if rules:
        source = policies.from_source(account, rules)
        statements.append(
            policies.service_may("RulesDeliver", "events", policies.KMS_USE, "*", source)
        )
    topic = names.arn("sns", account, topic_name(names))
    source = policies.from_source(account, [topic])
    statements.append(policies.service_may("TopicDelivers", "sns", policies.KMS_USE, "*", source))
    return statements


def _alerts_statements(names: Naming, args: KeysArgs) -> list[Statement]:
    account = args["account_id"]
    alarms = policies.from_source(
        account, [names.arn("cloudwatch", account, "alarm:*")], exact=False
    )
    return [
        policies.account_administers(names.region, account),
        policies.service_may("AlarmsPublish", "cloudwatch", policies.KMS_USE, "*", alarms),
    ]


def topic_name(names: Naming) -> str:
    """The alerts topic's name, known before the topic is made."""
    return names.name(TOPIC, limit=Limit.TAG_VALUE)

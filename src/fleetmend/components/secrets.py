"""Secrets: one that AWS makes up for the application, and what only Fleetmend may read."""

import hashlib
import json
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.accept import accept
from fleetmend.components.identity import InstallationArgs, naming, tagging

SECRET_VERSION = 1
"""Raise it to have a new value made; as long as it stays, no apply touches the value."""

PASSWORD_LENGTH = 40

ADDRESSES = "alerts/addresses"
WEBHOOKS = "alerts/webhooks"
"""Paths of the encrypted parameters; each holds a JSON list."""


class SecretsArgs(TypedDict):
    """What `Secrets` needs to know."""

    installation: InstallationArgs
    """Whose secrets they are."""
    key_arn: pulumi.Input[str]
    """The key that encrypts them."""
    application_secret: NotRequired[bool]
    """Whether to make the application's secret; made where it is left out."""
    recovery_days: NotRequired[int]
    """How long a deleted secret can be brought back: 7 to 30, or 0; 30 where it is left out."""
    addresses: NotRequired[list[str]]
    """Who gets alerts by e-mail."""
    webhooks: NotRequired[list[str]]
    """Addresses of webhooks, and `pagerduty:` with a routing key."""


class Secrets(pulumi.ComponentResource):
    """A secret for the application, and encrypted parameters for the alerts.

    The secret's value is made by Secrets Manager (GetRandomPassword) and written once, through a
    write-only argument: it stands in no code, no state and no export, and later applies leave it
    alone. Parameters are `SecureString` under our key and write-only too; their version is made
    from their content, so that a change is written and nothing else is.

    Example:
        Secrets("secrets", {"installation": me, "key_arn": keys.main_arn,
                            "webhooks": ["pagerduty:0123456789abcdef0123456789abcdef"]})
    """

    secret_arn: pulumi.Output[str]
    """The application's secret; empty where none was asked for."""
    webhooks_name: pulumi.Output[str]
    """The parameter with the webhooks; empty where there are none."""
    addresses_name: pulumi.Output[str]
    """The parameter with the e-mail addresses; empty where there are none."""

    def __init__(
        self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Secrets", name, {}, opts)
        nothing = pulumi.Output.from_input("")
        addresses, webhooks = args.get("addresses", []), args.get("webhooks", [])
        self.secret_arn = self.addresses_name = self.webhooks_name = nothing
        if args.get("application_secret", True):
            self.secret_arn = self._secret(name, args).arn
        if addresses:
            self.addresses_name = self._parameter(
                f"{name}-addresses", ADDRESSES, addresses, "Who gets alerts by e-mail", args
            ).name
        if webhooks:
            self.webhooks_name = self._parameter(
                f"{name}-webhooks", WEBHOOKS, webhooks, "Webhooks that get alerts", args
            ).name
        self.register_outputs({"secretArn": self.secret_arn})

    def _secret(self, name: str, args: SecretsArgs) -> aws.secretsmanager.Secret:
        called = naming(args["installation"]).name("application-secret", limit=512)
        child = pulumi.ResourceOptions(parent=self)
        secret = aws.secretsmanager.Secret(
            f"{name}-application",
            name=called,
            description="For the application; made by AWS, known to nobody",
            kms_key_id=args["key_arn"],
            recovery_window_in_days=args.get("recovery_days", 30),
            tags=tagging(args["installation"]).tags("secret", called),
            opts=child,
        )
        accept(
            secret,
            "CKV2_AWS_57",
            "Only the application can change its password everywhere, so rotation is its own.",
        )
        made_up = aws.secretsmanager.get_random_password_output(
            password_length=PASSWORD_LENGTH,
            exclude_punctuation=True,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        aws.secretsmanager.SecretVersion(
            f"{name}-application-value",
            secret_id=secret.id,
            secret_string_wo=pulumi.Output.secret(made_up.random_password),
            secret_string_wo_version=SECRET_VERSION,
            # Each run makes up another one; only the first is ever written.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["secretStringWo"]),
        )
        return secret

    def _parameter(
        self, name: str, path: str, values: list[str], description: str, args: SecretsArgs
    ) -> aws.ssm.Parameter:
        called = naming(args["installation"]).parameter(path)
        text = json.dumps(values)
        return aws.ssm.Parameter(
            name,
            name=called,
            type="SecureString",
            key_id=args["key_arn"],
            value_wo=pulumi.Output.secret(text),
            value_wo_version=content_version(text),
            description=description,
            tags=tagging(args["installation"]).tags("ssm-parameter", called),
            opts=pulumi.ResourceOptions(parent=self),
        )


def content_version(text: str) -> int:
    """A number that changes when the text does; 31 bits say nothing about what it holds."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1

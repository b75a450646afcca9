"""Parameters: what functions and people read at run time, under `/{project}/{suffix}/`."""

import json
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.accept import accept
from fleetmend.components.function import ConcernArgs
from fleetmend.components.identity import InstallationArgs, naming, tagging

MODE_ALL = "mode/all"
"""The kill switch for everything; the stricter of it and a concern's own wins."""

APP_CONFIG = "app-config"
INSTALLATION = "installation"


def mode_of(concern: str) -> str:
    """The path of a concern's own kill switch."""
    return f"mode/{concern}"


def policy_of(concern: str) -> str:
    """The path of a concern's policy, a JSON object that is read on each run."""
    return f"{concern}/policy"


def overrides_of(concern: str) -> str:
    """The path of what people override of that policy, key by key."""
    return f"{concern}/overrides"


def settings_of(concern: str) -> tuple[str, ...]:
    """The paths that a concern's function reads on each run."""
    return MODE_ALL, mode_of(concern), policy_of(concern), overrides_of(concern)


def who(*, asked: bool) -> str:
    """What a policy says of CloudTrail: whether it is asked who is behind what is told."""
    return "cloudtrail" if asked else "unasked"


def text_parameter(
    name: str,
    path: str,
    value: pulumi.Input[str],
    description: str,
    installation: InstallationArgs,
    opts: pulumi.ResourceOptions,
) -> aws.ssm.Parameter:
    """A parameter of type String: for what anybody in the account may read."""
    called = naming(installation).parameter(path)
    made = aws.ssm.Parameter(
        name,
        name=called,
        type="String",
        insecure_value=value,  # shown in plans; `value` would be hidden, as if it were a secret
        description=description,
        tags=tagging(installation).tags("ssm-parameter", called),
        opts=opts,
    )
    accept(
        made, "CKV2_AWS_34", "Anybody in the account may read it; what is secret is a SecureString."
    )
    return made


def mode_parameter(
    name: str, path: str, mode: str, installation: InstallationArgs, parent: pulumi.Resource
) -> aws.ssm.Parameter:
    """A kill switch. `mode` is where it stands at first; `up` never turns it back."""
    return text_parameter(
        name,
        path,
        mode,
        "off, observe or act; change it with `fleetmend mode`",
        installation,
        pulumi.ResourceOptions(parent=parent, ignore_changes=["insecureValue"]),
    )


def policy_parameters(
    name: str,
    concern: str,
    policy: Mapping[str, Any],
    args: ConcernArgs,
    parent: pulumi.Resource,
) -> None:
    """A concern's kill switch, its policy as deployed, and what people override of it.

    Every `up` writes the policy; of the other two it writes what they are at first, and never
    again, so that what somebody changed at night is still so in the morning.
    """
    installation = args["installation"]
    mode_parameter(f"{name}-mode", mode_of(concern), args.get("mode", "act"), installation, parent)
    text_parameter(
        f"{name}-policy",
        policy_of(concern),
        json.dumps(policy, sort_keys=True),
        f"How {concern} behaves; written by each deployment, read on each run",
        installation,
        pulumi.ResourceOptions(parent=parent),
    )
    text_parameter(
        f"{name}-overrides",
        overrides_of(concern),
        "{}",
        f"What goes before {concern}/policy; change it with `fleetmend policy {concern}`",
        installation,
        pulumi.ResourceOptions(parent=parent, ignore_changes=["insecureValue"]),
    )


class ParametersArgs(TypedDict):
    """What `Parameters` needs to know."""

    installation: InstallationArgs
    """Whose parameters they are."""
    environment: NotRequired[str]
    """What the installation is for, such as `prod`; the suffix where it is left out."""
    mode: NotRequired[str]
    """Where the kill switch for everything stands at first; `act` where it is left out."""
    log_level: NotRequired[str]
    """The log level that `app-config` tells applications; `INFO` where it is left out."""


class Parameters(pulumi.ComponentResource):
    """The kill switch for everything, and `app-config` for the applications.

    `app-config` is JSON: environment, suffix, region and log level. Nothing in it is a secret.

    Example:
        Parameters("parameters", {"installation": me, "mode": "observe"})
    """

    path: pulumi.Output[str]
    """The path that all of the installation's parameters lie under."""
    mode_name: pulumi.Output[str]
    """The kill switch's name."""
    app_config_name: pulumi.Output[str]
    """The name of `app-config`."""

    def __init__(
        self, name: str, args: ParametersArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Parameters", name, {}, opts)
        me = args["installation"]
        mode = mode_parameter(f"{name}-mode", MODE_ALL, args.get("mode", "act"), me, self)
        config = {
            "environment": args.get("environment", me["suffix"]),
            "suffix": me["suffix"],
            "region": me["region"],
            "log_level": args.get("log_level", "INFO"),
        }
        app_config = text_parameter(
            f"{name}-app-config",
            APP_CONFIG,
            json.dumps(config, sort_keys=True),
            "What applications may know about where they run",
            me,
            pulumi.ResourceOptions(parent=self),
        )
        self.path = pulumi.Output.from_input(naming(me).parameter("").rstrip("/"))
        self.mode_name, self.app_config_name = mode.name, app_config.name
        self.register_outputs({"path": self.path})

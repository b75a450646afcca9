"""Recovery as infrastructure: what wakes it, what it may do, and the settings it re-reads."""

import json
from typing import NotRequired

import pulumi

from fleetmend.components import policies, type_role
from fleetmend.components.controller import Controller
from fleetmend.components.function import QueuedArgs, run_args
from fleetmend.components.grants import asks_who, controller_grants
from fleetmend.components.identity import naming
from fleetmend.components.parameters import policy_parameters, who
from fleetmend.components.policies import Statement
from fleetmend.components.queued import Queued
from fleetmend.core import claims
from fleetmend.core.decisions.recovery import CONCERN
from fleetmend.core.decisions.recovery.ailing import MOVE, OFF
from fleetmend.core.events import DOWN_PATTERN
from fleetmend.core.model import Selector


class RecoveryArgs(QueuedArgs):
    """What `Recovery` needs to know."""

    tag_key: NotRequired[str]
    """Instances with this tag are looked after; `Auto-Recover` where it is left out."""
    tag_value: NotRequired[str]
    """The value that tag must have; `true` where it is left out."""
    volume_key_arns: NotRequired[list[str]]
    """Keys of the instances' encrypted volumes; any of this account where it is left out."""
    retry_interval_minutes: NotRequired[int]
    """Least time between two attempts; 5 where it is left out."""
    max_attempts: NotRequired[int]
    """Most starts issued in one incident; 3 where it is left out."""
    impaired: NotRequired[str]
    """What becomes of instances that run with a failing status check: `off` (where it is left
    out), `reboot`, or `move` (a reboot, then a stop and start on another host)."""
    types_tag: NotRequired[str]
    """The key of the tag that lists alternative instance types, such as
    `fleetmend:alternative-types`. Where it is left out, no type is changed, and there is no role
    that could."""
    ask_who_stopped: NotRequired[bool]
    """Whether CloudTrail is asked who stopped what is told of, which takes a grant."""
    sweep_minutes: NotRequired[int]
    """How often the whole fleet is looked at; 2 where it is left out."""


class Recovery(Queued):
    """A stopped instance that should run is running again within 5 minutes, or someone knows why.

    EC2's state-change event wakes the function within seconds; a sweep every two minutes finds
    whatever an event missed. It may start instances that carry the tag, and no others.

    Example:
        Recovery("recovery", {"installation": me, "account_id": account,
                              "artifact": "dist/lambda.zip", "ledger_name": storage.ledger_name,
                              "ledger_arn": storage.ledger_arn, "key_arn": keys.main_arn,
                              "topic_arn": alerts.topic_arn, "topic_key_arn": keys.alerts_arn})
    """

    def __init__(
        self, name: str, args: RecoveryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Recovery", name, {}, opts)
        self._parameters(name, args)
        controller = Controller(
            f"{name}-controller",
            {
                **run_args(args),
                "concern": CONCERN,
                "description": "Starts stopped instances that should run, and says why where not",
                "policy": policies.document(*grants(args)),
                "environment": _environment(args),
                "claim": claims.parameter(CONCERN, _selector(args)),
                "event_pattern": json.dumps(DOWN_PATTERN, sort_keys=True),
                "sweep_minutes": args.get("sweep_minutes", 2),
                "batch_window_seconds": args.get("batch_window_seconds", 5),
                "heartbeat": True,
            },
            pulumi.ResourceOptions(parent=self),
        )
        self._tell_queued(controller)
        if args.get("types_tag"):
            self._type_role(name, args)

    def _type_role(self, name: str, args: RecoveryArgs) -> None:
        selector = _selector(args)
        type_role.TypeRole(
            f"{name}-types",
            {
                "installation": args["installation"],
                "account_id": args["account_id"],
                "taker_arn": self.role_arn,
                "tag_key": selector.key,
                "tag_value": selector.value,
            },
            pulumi.ResourceOptions(parent=self),
        )

    def _parameters(self, name: str, args: RecoveryArgs) -> None:
        selector = _selector(args)
        # Durations in seconds, under the names of RecoveryPolicy's own fields.
        policy = {
            "retry_interval": 60 * args.get("retry_interval_minutes", 5),
            "max_attempts": args.get("max_attempts", 3),
            "impaired": args.get("impaired", OFF),
            "types_tag": args.get("types_tag", ""),
            "selector": {"key": selector.key, "value": selector.value},
            "who": who(asked=args.get("ask_who_stopped", False)),
        }
        policy_parameters(name, CONCERN, {**args.get("policy", {}), **policy}, args, self)


def grants(args: RecoveryArgs) -> list[Statement]:
    """What recovery may do, beyond running: one statement for each thing it touches.

    Describes support neither resources nor tags, and CloudTrail's event history no resources, so
    they stand alone on `*` with the region; what changes an instance is limited by the tag.
    Starting one with encrypted volumes takes a grant on their key, which only EC2 may then use.
    """
    names, account = naming(args["installation"]), args["account_id"]
    selector = _selector(args)
    keys = args.get("volume_key_arns") or [names.arn("kms", account, "key/*")]
    grant = policies.via(names.region, "ec2") | {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        *([asks_who(names)] if args.get("ask_who_stopped", False) else []),
        policies.allow(
            "Observes",
            ["ec2:DescribeInstances", "ec2:DescribeInstanceStatus"],
            ["*"],
            policies.own_region(names.region),
        ),
        policies.allow(
            "Starts",
            ["ec2:StartInstances"],
            [names.arn("ec2", account, "instance/*")],
            {"StringEquals": {f"ec2:ResourceTag/{selector.key}": selector.value}},
        ),
        *_mends(args),
        *_tells_types(args),
        *_takes(args),
        policies.allow("OpensVolumes", ["kms:CreateGrant"], keys, grant),
        *controller_grants(args, CONCERN, claim=claims.parameter(CONCERN, selector)),
    ]


def _mends(args: RecoveryArgs) -> list[Statement]:
    """What a running instance is mended with; nothing where that is switched off."""
    names, selector, chosen = naming(args["installation"]), _selector(args), args.get("impaired")
    allowed = {
        "reboot": ["ec2:RebootInstances"],
        MOVE: ["ec2:RebootInstances", "ec2:StopInstances"],
    }
    if chosen not in allowed:
        return []
    instances = [names.arn("ec2", args["account_id"], "instance/*")]
    tagged = {"StringEquals": {f"ec2:ResourceTag/{selector.key}": selector.value}}
    return [policies.allow("Mends", allowed[chosen], instances, tagged)]


def _tells_types(args: RecoveryArgs) -> list[Statement]:
    """What is asked of types, before a stop and before a change of type."""
    names, changes = naming(args["installation"]), bool(args.get("types_tag"))
    asked = ["ec2:DescribeInstanceTypeOfferings"] if changes else []
    if changes or args.get("impaired") == MOVE:
        asked.append("ec2:DescribeInstanceTypes")
    here = policies.own_region(names.region)
    return [policies.allow("TellsTypes", asked, ["*"], here)] if asked else []


def _takes(args: RecoveryArgs) -> list[Statement]:
    """The role that may change types; nothing where that is switched off."""
    if not args.get("types_tag"):
        return []
    arn = type_role.role_arn(naming(args["installation"]), args["account_id"])
    return [policies.allow("TakesTypeRole", ["sts:AssumeRole"], [arn])]


def _environment(args: RecoveryArgs) -> dict[str, pulumi.Input[str]]:
    ledger = {"FLEETMEND_LEDGER_BUCKET": args["ledger_name"]}
    if not args.get("types_tag"):
        return ledger
    arn = type_role.role_arn(naming(args["installation"]), args["account_id"])
    return {**ledger, "FLEETMEND_TYPE_ROLE": arn}


def _selector(args: RecoveryArgs) -> Selector:
    default = Selector()
    return Selector(args.get("tag_key", default.key), args.get("tag_value", default.value))

"""Rebuild as infrastructure: a function and a role of their own, there only where asked for.

What it may do is more than recovery may ever do: launch instances and hand them roles. So it is
not a grant of recovery's role but another role, and with the setting off nothing of it exists.
"""

import json
from typing import NotRequired

import pulumi

from fleetmend.components import policies
from fleetmend.components.controller import Controller
from fleetmend.components.function import QueuedArgs, run_args
from fleetmend.components.grants import asks_who, controller_grants
from fleetmend.components.identity import naming
from fleetmend.components.naming import Naming
from fleetmend.components.parameters import policy_parameters, who
from fleetmend.components.policies import Statement
from fleetmend.components.queued import Queued
from fleetmend.core import claims
from fleetmend.core.decisions.rebuild import CONCERN
from fleetmend.core.decisions.recovery import CONCERN as RECOVERY
from fleetmend.core.events import TERMINATED_PATTERN
from fleetmend.core.model import Selector
from fleetmend.core.rebuilding import RebuildPolicy

_DESCRIBES = [
    "ec2:DescribeAddresses",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
]

_ENCRYPTED = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
"""Amazon EBS User Guide, "Requirements for Amazon EBS encryption": permissions for IAM users."""

OTHER_STATEMENTS = (
    "A launch or an attachment needs several kinds of resources, each under a condition of its "
    "own, so they stand in several statements; Parliament looks for all of them in one."
)


class RebuildArgs(QueuedArgs):
    """What `Rebuild` needs to know."""

    vpc_ids: list[pulumi.Input[str]]
    """The VPCs that instances may be rebuilt in."""
    image_owners: NotRequired[list[str]]
    """Whose images they may be launched from, beside this account's; `amazon` where left out."""
    tag_key: NotRequired[str]
    """Instances with this tag are rebuilt; `Auto-Rebuild` where it is left out."""
    tag_value: NotRequired[str]
    """The value that tag must have; `true` where it is left out."""
    role_arns: NotRequired[list[str]]
    """Roles that rebuilt instances may be given; none where it is left out."""
    volume_key_arns: NotRequired[list[str]]
    """Keys of the instances' encrypted volumes; any of this account where it is left out."""
    terminated: NotRequired[str]
    """`rebuild` (where it is left out) or `alert`."""
    drift: NotRequired[str]
    """`alert` (where it is left out), `reattach` or `restore`."""
    ask_who_stopped: NotRequired[bool]
    """Whether CloudTrail is asked who terminated what is told of, which takes a grant."""
    sweep_minutes: NotRequired[int]
    """How often the fleet is looked at; 2 where it is left out."""


class Rebuild(Queued):
    """What was terminated by mistake is made again from the blueprint kept while it was healthy.

    It looks after instances that carry a tag of their own, and no others; it launches nothing
    that does not carry it, and gives instances no role that is not listed.

    Example:
        Rebuild("rebuild", {"installation": me, "account_id": account,
                            "artifact": "dist/lambda.zip", "ledger_name": storage.ledger_name,
                            "ledger_arn": storage.ledger_arn, "key_arn": keys.main_arn,
                            "topic_arn": alerts.topic_arn, "topic_key_arn": keys.alerts_arn,
                            "vpc_ids": [network.vpc_id],
                            "role_arns": ["arn:aws:iam::123456789012:role/web"]})
    """

    def __init__(
        self, name: str, args: RebuildArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Rebuild", name, {}, opts)
        self._parameters(name, args)
        made = Controller(
            f"{name}-controller",
            {
                **run_args(args),
                "concern": CONCERN,
                "description": "Rebuilds terminated instances from the blueprint kept of them",
                "policy": policies.document(*grants(args)),
                "policy_accepts": {"PARLIAMENT_RESOURCE_MISMATCH": OTHER_STATEMENTS},
                "environment": {"FLEETMEND_LEDGER_BUCKET": args["ledger_name"]},
                "claim": claims.parameter(CONCERN, _selector(args)),
                "event_pattern": json.dumps(TERMINATED_PATTERN, sort_keys=True),
                "sweep_minutes": args.get("sweep_minutes", 2),
                "batch_window_seconds": args.get("batch_window_seconds", 5),
                "heartbeat": True,
            },
            pulumi.ResourceOptions(parent=self),
        )
        self._tell_queued(made)

    def _parameters(self, name: str, args: RebuildArgs) -> None:
        selector = _selector(args)
        policy = {
            "selector": {"key": selector.key, "value": selector.value},
            "terminated": args.get("terminated", "rebuild"),
            "drift": args.get("drift", "alert"),
            "who": who(asked=args.get("ask_who_stopped", False)),
        }
        policy_parameters(name, CONCERN, {**args.get("policy", {}), **policy}, args, self)


def grants(args: RebuildArgs) -> list[Statement]:
    """What rebuild may do, beyond running: one statement for each thing it touches.

    Everything it makes must carry the tag, and everything it hangs on something, or hangs
    something on, must carry it already; so it reaches nothing that nobody gave to it. Networks
    are limited by their VPC, images and snapshots by their owner.
    """
    names = naming(args["installation"])
    return [
        policies.allow("Observes", _DESCRIBES, ["*"], policies.own_region(names.region)),
        *_makes(args, names),
        *_passes(args),
        *_attaches(args, names),
        *_volume_keys(args, names),
        *_remembers(args),
        *([asks_who(names)] if args.get("ask_who_stopped", False) else []),
        *controller_grants(args, CONCERN, claim=claims.parameter(CONCERN, _selector(args))),
    ]


def _every(args: RebuildArgs, names: Naming, *kinds: str) -> list[pulumi.Input[str]]:
    return [names.arn("ec2", args["account_id"], f"{kind}/*") for kind in kinds]


def _makes(args: RebuildArgs, names: Naming) -> list[Statement]:
    """Instances and volumes with the tag, in these VPCs, from these images, with their tags."""
    account, selector = args["account_id"], _selector(args)
    asked = {"StringEquals": {f"aws:RequestTag/{selector.key}": selector.value}}
    makes = {"StringEquals": {"ec2:CreateAction": ["CreateVolume", "RunInstances"]}}
    made = _every(args, names, "instance", "network-interface", "volume")
    vpcs = [pulumi.Output.concat(names.arn("ec2", account, "vpc/"), v) for v in args["vpc_ids"]]
    owners = [account, *args.get("image_owners", ["amazon"])]
    return [
        policies.allow("Launches", ["ec2:RunInstances"], made, asked),
        policies.allow(
            "LaunchesInside",
            ["ec2:RunInstances"],
            _every(args, names, "security-group", "subnet"),
            {"ArnEquals": {"ec2:Vpc": vpcs}},
        ),
        policies.allow(
            "LaunchesFrom",
            ["ec2:RunInstances"],
            [names.arn("ec2", "", "image/*")],
            {"StringEquals": {"ec2:Owner": owners}},
        ),
        policies.allow(
            "CopiesSnapshots",
            ["ec2:CreateVolume", "ec2:RunInstances"],
            [names.arn("ec2", "", "snapshot/*")],
            {"StringEquals": {"ec2:Owner": account}},
        ),
        policies.allow("Restores", ["ec2:CreateVolume"], _every(args, names, "volume"), asked),
        policies.allow("TagsWhatItMakes", ["ec2:CreateTags"], made, makes),
    ]


def _attaches(args: RebuildArgs, names: Naming) -> list[Statement]:
    """Parts that carry the tag, on instances that carry it; the same for reading user data."""
    selector = _selector(args)
    tagged = {"StringEquals": {f"ec2:ResourceTag/{selector.key}": selector.value}}
    grants = {
        "ReadsUserData": ("instance", ["ec2:DescribeInstanceAttribute"]),
        "AttachesTo": (
            "instance",
            ["ec2:AssociateAddress", "ec2:AttachNetworkInterface", "ec2:AttachVolume"],
        ),
        "AttachesVolumes": ("volume", ["ec2:AttachVolume"]),
        "AttachesInterfaces": ("network-interface", ["ec2:AttachNetworkInterface"]),
        "Associates": ("elastic-ip", ["ec2:AssociateAddress"]),
    }
    return [
        policies.allow(sid, actions, _every(args, names, kind), tagged)
        for sid, (kind, actions) in grants.items()
    ]


def _volume_keys(args: RebuildArgs, names: Naming) -> list[Statement]:
    """What EC2 does with the keys of encrypted volumes on the caller's behalf."""
    keys = args.get("volume_key_arns") or [names.arn("kms", args["account_id"], "key/*")]
    via = policies.via(names.region, "ec2")
    grant = via | {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        policies.allow("OpensVolumes", ["kms:CreateGrant"], keys, grant),
        policies.allow("EncryptsVolumes", _ENCRYPTED, keys, via),
    ]


def _remembers(args: RebuildArgs) -> list[Statement]:
    """The roster, and recovery's records to be read: holds may stand there.

    Listing is what makes S3 answer 404 and not 403 for what does not exist.
    """
    ledger = args["ledger_arn"]
    rosters = [f"{would}roster/{CONCERN}.json" for would in ("", "would/")]
    held = f"records/{RECOVERY}/*"
    arns = [pulumi.Output.concat(ledger, f"/{key}") for key in rosters]
    return [
        policies.allow("KeepsRoster", ["s3:GetObject", "s3:PutObject"], arns),
        policies.allow("ReadsHolds", ["s3:GetObject"], [pulumi.Output.concat(ledger, f"/{held}")]),
        policies.allow(
            "ListsRoster",
            ["s3:ListBucket"],
            [ledger],
            {"StringLike": {"s3:prefix": [*rosters, held]}},
        ),
    ]


def _passes(args: RebuildArgs) -> list[Statement]:
    """Roles are handed to EC2 only, and only those that are listed."""
    roles = args.get("role_arns") or []
    to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return [policies.allow("PassesRoles", ["iam:PassRole"], roles, to_ec2)] if roles else []


def _selector(args: RebuildArgs) -> Selector:
    default = RebuildPolicy().selector
    return Selector(args.get("tag_key", default.key), args.get("tag_value", default.value))

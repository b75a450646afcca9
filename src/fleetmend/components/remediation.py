"""Remediation as infrastructure: a function and a role of their own, there only where asked for.

The scan's role only reads. What may tag and stop is another role, limited by the tags that the
rules name and by the hold that goes before every stop; with the setting off nothing of it exists.
"""

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
from fleetmend.core import holds
from fleetmend.core.decisions.recovery import CONCERN as RECOVERY
from fleetmend.core.events import TURNED_PATTERN
from fleetmend.core.remediation import CONCERN, HELD, PLACE
from fleetmend.core.rules import Remedy, Rule, decode

MINUTES = 60
"""A run every hour: a report comes once a day, and a bounded run may leave some to the next."""


class RemediationArgs(QueuedArgs):
    """What `Remediation` needs to know."""

    rules: str
    """The rules in force as JSON, the same that `Compliance` is given."""
    most_changes: NotRequired[int]
    """How many instances one run changes at most; 10 where it is left out."""
    sweep_minutes: NotRequired[int]
    """How often a run is begun; every hour where it is left out."""


class Remediation(Queued):
    """What breaks a rule gets the tag it lacks, or its owner is told, or it is stopped at last.

    Each rule says which of these it wants. The controller goes by the last report of compliance,
    looks at every instance again before it acts, and can take back what it did.

    Example:
        Remediation("remediation", {"installation": me, "account_id": account,
                                    "rules": compiled(file), "artifact": "dist/lambda.zip",
                                    "ledger_name": storage.ledger_name,
                                    "ledger_arn": storage.ledger_arn, "key_arn": keys.main_arn,
                                    "topic_arn": alerts.topic_arn,
                                    "topic_key_arn": keys.alerts_arn})
    """

    def __init__(
        self, name: str, args: RemediationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Remediation", name, {}, opts)
        self._parameters(name, args)
        made = Controller(
            f"{name}-controller",
            {
                **run_args(args),
                "concern": CONCERN,
                "description": "Fills in missing tags, tells owners, stops what stays wrong",
                "policy": policies.document(*grants(args)),
                "environment": {"FLEETMEND_LEDGER_BUCKET": args["ledger_name"]},
                "event_pattern": json.dumps(TURNED_PATTERN, sort_keys=True),
                "sweep_minutes": args.get("sweep_minutes", MINUTES),
                "batch_window_seconds": args.get("batch_window_seconds", 5),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self._tell_queued(made)

    def _parameters(self, name: str, args: RemediationArgs) -> None:
        policy = {**args.get("policy", {}), "most_changes": args.get("most_changes", 10)}
        policy_parameters(name, CONCERN, policy, args, self)


def grants(args: RemediationArgs) -> list[Statement]:
    """What remediation may do, beyond running: one statement for each thing it touches.

    Tags are limited to the keys that the rules may fill in, and the hold's. A stop needs that
    hold on the instance already, and so does a start: nothing else can ever be started by it.
    What no rule gives cause for, a source or a stop, is not granted.
    """
    names, account = naming(args["installation"]), args["account_id"]
    instances = [names.arn("ec2", account, "instance/*")]
    tagged = {
        # Without `Null` a request with no keys at all would pass (IAM User Guide, "Set operators").
        "ForAllValues:StringEquals": {"aws:TagKeys": keys(args)},
        "Null": {"aws:TagKeys": "false"},
    }
    stops = ["ec2:StopInstances"] if any(_stops(rule) for rule in _rules(args)) else []
    held = {"StringEquals": {f"ec2:ResourceTag/{holds.TAG}": HELD}}
    return [
        policies.allow(
            "Observes", ["ec2:DescribeInstances"], ["*"], policies.own_region(names.region)
        ),
        *_sources(args),
        policies.allow("Tags", ["ec2:CreateTags", "ec2:DeleteTags"], instances, tagged),
        policies.allow("StopsHeld", ["ec2:StartInstances", *stops], instances, held),
        *_reads(args),
        *controller_grants(args, CONCERN),
    ]


def keys(args: RemediationArgs) -> list[str]:
    """The keys of tags that it may set and take off: those of rules that fill in, and its hold."""
    return sorted({*(rule.key for rule in _rules(args) if _fills(rule)), holds.TAG})


def _sources(args: RemediationArgs) -> list[Statement]:
    """Where the rules take missing values from."""
    wanted = {source for rule in _rules(args) if _fills(rule) for source in rule.sources}
    actions = [action for source, action in _ASKED.items() if source in wanted]
    place = {"StringEquals": {"aws:RequestedRegion": naming(args["installation"]).region}}
    return [policies.allow("ObservesSources", actions, ["*"], place)] if actions else []


_ASKED = {
    "group": "autoscaling:DescribeAutoScalingGroups",
    "vpc": "ec2:DescribeVpcs",
    "creator": "cloudtrail:LookupEvents",
}


def _rules(args: RemediationArgs) -> tuple[Rule, ...]:
    return decode(args["rules"].encode()).rules


def _fills(rule: Rule) -> bool:
    return Remedy.FILL in rule.remedies


def _stops(rule: Rule) -> bool:
    return Remedy.STOP in rule.remedies


def _reads(args: RemediationArgs) -> list[Statement]:
    """Rules, reports, and recovery's records, where holds may stand; none of them is written.

    What is written is how far a run came through what it had to look at.
    Listing is what makes S3 answer 404 and not 403 for what does not exist.
    """
    ledger = args["ledger_arn"]
    read = (
        "reports/compliance/*",
        "reports/compliance-runs/*",
        "reports/latest/compliance.json",
        "rules/compliance.json",
        f"records/{RECOVERY}/*",
        PLACE,
    )
    arns = [pulumi.Output.concat(ledger, f"/{key}") for key in read]
    return [
        policies.allow("ReadsReportsAndHolds", ["s3:GetObject"], arns),
        policies.allow(
            "KeepsItsPlace", ["s3:PutObject"], [pulumi.Output.concat(ledger, f"/{PLACE}")]
        ),
        policies.allow(
            "KnowsWhatIsThere",
            ["s3:ListBucket"],
            [ledger],
            {"StringLike": {"s3:prefix": list(read)}},
        ),
    ]

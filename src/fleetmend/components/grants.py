"""What every controller may do, whatever its concern: its ledger, its settings, the topic."""

import pulumi

from fleetmend.components import policies
from fleetmend.components.function import ConcernArgs
from fleetmend.components.identity import naming
from fleetmend.components.naming import Naming
from fleetmend.components.parameters import settings_of
from fleetmend.components.policies import Statement


def controller_grants(args: ConcernArgs, concern: str, claim: str = "") -> list[Statement]:
    """The statements that stand beside a concern's own.

    Where installations claim its selector, `claim` is that parameter, which it may write too.
    """
    arn = naming(args["installation"]).arn("ssm", args["account_id"], f"parameter{claim}")
    return [
        *_ledger(args, concern),
        reads_settings(args, concern, *([arn] if claim else [])),
        *tells(args),
        *([policies.allow("Claims", ["ssm:PutParameter"], [arn])] if claim else []),
    ]


def reads_settings(args: ConcernArgs, concern: str, *more: pulumi.Input[str]) -> Statement:
    """What a concern is told on every run; `more` are parameters read with them."""
    names = naming(args["installation"])
    own = [
        names.arn("ssm", args["account_id"], f"parameter{names.parameter(path)}")
        for path in settings_of(concern)
    ]
    return policies.allow("ReadsSettings", ["ssm:GetParameters"], [*own, *more])


def tells(args: ConcernArgs) -> list[Statement]:
    """Alerts, to a topic that is encrypted with a key of its own."""
    region, key = args["installation"]["region"], args["topic_key_arn"]
    return [
        policies.allow("Tells", ["sns:Publish"], [args["topic_arn"]]),
        policies.allow("TopicKey", policies.KMS_USE, [key], policies.via(region, "sns")),
    ]


def ledger_key(args: ConcernArgs) -> Statement:
    """The main key, as S3 uses it for the ledger."""
    via = policies.via(args["installation"]["region"], "s3")
    return policies.allow("LedgerKey", policies.KMS_USE, [args["key_arn"]], via)


def asks_who(names: Naming) -> Statement:
    """Reading CloudTrail's event history, which knows no resources: all of one region."""
    return policies.allow(
        "AsksWho",
        ["cloudtrail:LookupEvents"],
        ["*"],
        {"StringEquals": {"aws:RequestedRegion": names.region}},
    )


def _ledger(args: ConcernArgs, concern: str) -> list[Statement]:
    """What a controller may do to the ledger: its own concern's keys, nothing deleted but hints.

    `GetObject` stands on hints too because a deletion with `If-Match` takes it (S3 User Guide,
    "Perform conditional deletes"). Listing under `records/` is what makes S3 answer 404 and not
    403 for a record that does not exist: S3 compares the key with `s3:prefix` when it decides.
    """
    ledger_arn = args["ledger_arn"]

    def under(*kinds: str) -> list[pulumi.Input[str]]:
        prefixes = [f"{would}{kind}/{concern}/" for would in ("", "would/") for kind in kinds]
        return [pulumi.Output.concat(ledger_arn, f"/{prefix}*") for prefix in prefixes]

    # Reports stand in one place, whatever the run only would have done.
    runs = pulumi.Output.concat(ledger_arn, f"/runs/{concern}/*")
    listed = [
        f"{would}{kind}/{concern}/*" for would in ("", "would/") for kind in ("open", "records")
    ]
    return [
        policies.allow("ReadsRecords", ["s3:GetObject"], under("records", "open")),
        policies.allow(
            "WritesRecords", ["s3:PutObject"], [*under("records", "open", "aside"), runs]
        ),
        policies.allow("ForgetsHints", ["s3:DeleteObject"], under("open")),
        policies.allow(
            "ListsHints", ["s3:ListBucket"], [ledger_arn], {"StringLike": {"s3:prefix": listed}}
        ),
        ledger_key(args),
    ]

"""What every controller may do, whatever its concern: its ledger, its settings, the topic."""

import pulumi

from fleetmend.components import policies
from fleetmend.components.naming import Naming
from fleetmend.components.parameters import settings_of
from fleetmend.components.policies import Statement


def controller_grants(
    names: Naming,
    concern: str,
    *,
    account_id: pulumi.Input[str],
    ledger_arn: pulumi.Input[str],
    key_arn: pulumi.Input[str],
    topic_arn: pulumi.Input[str],
    topic_key_arn: pulumi.Input[str],
    claim: str = "",
) -> list[Statement]:
    """The statements that stand beside a concern's own.

    Where installations claim its selector, `claim` is that parameter, which it may write too.
    """
    read = [names.parameter(path) for path in settings_of(concern)]
    claimed = [names.arn("ssm", account_id, f"parameter{claim}")] if claim else []
    claims = policies.allow("Claims", ["ssm:PutParameter"], claimed)
    return [
        *ledger_grants(names, concern, ledger_arn, key_arn),
        policies.allow(
            "ReadsSettings",
            ["ssm:GetParameters"],
            [*(names.arn("ssm", account_id, f"parameter{name}") for name in read), *claimed],
        ),
        policies.allow("Tells", ["sns:Publish"], [topic_arn]),
        policies.allow(
            "TopicKey", policies.KMS_USE, [topic_key_arn], policies.via(names.region, "sns")
        ),
        *([claims] if claim else []),
    ]


def asks_who(names: Naming) -> Statement:
    """Reading CloudTrail's event history, which knows no resources: all of one region."""
    return policies.allow(
        "AsksWho",
        ["cloudtrail:LookupEvents"],
        ["*"],
        {"StringEquals": {"aws:RequestedRegion": names.region}},
    )


def ledger_grants(
    names: Naming,
    concern: str,
    ledger_arn: pulumi.Input[str],
    key_arn: pulumi.Input[str],
) -> list[Statement]:
    """What a controller may do to the ledger: its own concern's keys, nothing deleted but hints.

    `GetObject` stands on hints too because a deletion with `If-Match` takes it (S3 User Guide,
    "Perform conditional deletes"). Listing under `records/` is what makes S3 answer 404 and not
    403 for a record that does not exist: S3 compares the key with `s3:prefix` when it decides.
    """

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
        policies.allow("LedgerKey", policies.KMS_USE, [key_arn], policies.via(names.region, "s3")),
    ]

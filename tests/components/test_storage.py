"""Buckets nobody public reaches, a ledger nobody can write past, and keys for whom they serve."""

import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.components.keys import Keys
from fleetmend.components.storage import Storage
from fleetmend.core.graph import Graph
from tests.components.graphs import ACCOUNT, ME, REGION, astray, badly_tagged, graph, one
from tests.components.installed import installed, policy

BUCKET = "aws:s3/bucket:Bucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/main"


def storage(**more: Any) -> Graph:
    args: Any = {"installation": ME, "account_id": ACCOUNT, "key_arn": KEY, **more}
    return graph(lambda opts: Storage("store", args, opts) and None)


FOUND = storage()


@pytest.mark.parametrize("kind", ["ledger", "backup", "logs"])
def test_every_bucket_is_private_versioned_owned_and_encrypted(kind: str) -> None:
    public = one(
        FOUND, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", kind + "-public-access"
    )
    assert {key: value for key, value in public.inputs.items() if key != "bucket"} == dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    )
    versioning = one(FOUND, "aws:s3/bucketVersioning:BucketVersioning", f"{kind}-versioning")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    owner = one(
        FOUND, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", f"{kind}-ownership"
    )
    assert owner.inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    encryption = one(
        FOUND,
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        f"{kind}-encryption",
    )
    (rule,) = encryption.inputs["rules"]
    chosen = rule["applyServerSideEncryptionByDefault"]
    if kind == "logs":  # balancers cannot write to KMS
        assert chosen == {"sseAlgorithm": "AES256"}
    else:
        assert chosen == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
        assert rule["bucketKeyEnabled"] is True


@pytest.mark.parametrize("kind", ["ledger", "backup", "logs"])
def test_names_carry_region_account_and_suffix_within_the_limit(kind: str) -> None:
    name = one(FOUND, BUCKET, kind).inputs["bucket"]
    assert name == f"fleetmend-{kind}-{REGION}-dev-{ACCOUNT}"
    assert len(name) <= 63


def denied(
    action: str, key: str, context: dict[str, str] | None = None, *, tls: bool = True
) -> bool:
    """Whether the ledger's policy denies a request, as IAM evaluates it."""
    context = {"aws:SecureTransport": str(tls).lower(), **(context or {})}
    ledger = one(FOUND, BUCKET, "ledger").inputs["bucket"]
    target = f"arn:aws:s3:::{ledger}/{key}"
    return any(
        statement["Effect"] == "Deny"
        and any(fnmatch.fnmatchcase(action, name) for name in _list(statement["Action"]))
        and any(fnmatch.fnmatchcase(target, arn) for arn in _list(statement["Resource"]))
        and all(
            _holds(operator, name, _list(wanted), context)
            for operator, keys in statement.get("Condition", {}).items()
            for name, wanted in keys.items()
        )
        for statement in policy(
            FOUND, one(FOUND, "aws:s3/bucketPolicy:BucketPolicy", "ledger-policy")
        )
    )


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _holds(operator: str, key: str, wanted: list[str], context: dict[str, str]) -> bool:
    if operator == "Null":
        return str(key not in context).lower() in wanted
    assert operator == "Bool"
    return context.get(key) in wanted


ETAG = {"s3:if-match": '"abc"'}
NEW = {"s3:if-none-match": "*"}


@pytest.mark.parametrize("prefix", ["records/", "would/records/"])
def test_records_are_written_by_compare_and_swap_only(prefix: str) -> None:
    key = f"{prefix}recovery/i-1.json"
    assert denied("s3:PutObject", key)
    assert not denied("s3:PutObject", key, ETAG)
    assert not denied("s3:PutObject", key, NEW)


@pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:DeleteObjectVersion"])
def test_records_are_never_deleted_and_hints_are(action: str) -> None:
    assert denied(action, "records/recovery/i-1.json", ETAG)
    assert not denied(action, "open/recovery/i-1")


@given(st.text(alphabet="abc/-.", min_size=1, max_size=20))
def test_everything_but_records_is_written_freely(tail: str) -> None:
    for prefix in ("open/", "runs/", "aside/", "would/open/"):
        assert not denied("s3:PutObject", prefix + tail)


def test_nobody_speaks_to_the_ledger_in_clear_text() -> None:
    assert denied("s3:GetObject", "open/recovery/i-1", tls=False)
    assert not denied("s3:GetObject", "open/recovery/i-1")


def rules(kind: str, found: Graph = FOUND) -> dict[str, Any]:
    return {rule["id"]: rule for rule in one(found, LIFECYCLE, f"{kind}-lifecycle").inputs["rules"]}


def test_records_outlive_everything_and_reports_go_after_their_time() -> None:
    made = rules("ledger", storage(records_history_days=400, reports_days=20))
    assert "expiration" not in made["records"]
    assert made["records"]["noncurrentVersionExpiration"] == {"noncurrentDays": 400}
    for report in ("runs", "reports", "would"):
        assert made[report]["expiration"] == {"days": 20}
        assert made[report]["filter"] == {"prefix": f"{report}/"}
    assert made["open"]["expiration"] == {"expiredObjectDeleteMarker": True}


def test_old_backups_grow_cheaper_and_go() -> None:
    made = rules("backup", storage(infrequent_days=31, glacier_days=62, expire_days=99))
    old = made["old-versions"]
    assert [tuple(sorted(move.items())) for move in old["noncurrentVersionTransitions"]] == [
        (("noncurrentDays", 31), ("storageClass", "STANDARD_IA")),
        (("noncurrentDays", 62), ("storageClass", "GLACIER")),
    ]
    assert old["noncurrentVersionExpiration"] == {"noncurrentDays": 99}
    assert "expiration" not in old
    assert made["abort-incomplete-uploads"]["abortIncompleteMultipartUpload"]


@pytest.mark.parametrize("kind", ["ledger", "backup", "logs"])
def test_every_rule_has_a_filter_and_waits_for_versioning(kind: str) -> None:
    node = one(FOUND, LIFECYCLE, f"{kind}-lifecycle")
    assert all("filter" in rule for rule in node.inputs["rules"])
    assert any(urn.endswith(f"store-{kind}-versioning") for urn in node.options["dependsOn"])


def test_only_s3_and_balancers_of_this_account_write_access_logs() -> None:
    writers = policy(FOUND, one(FOUND, "aws:s3/bucketPolicy:BucketPolicy", "logs-policy"))
    allowed = [statement for statement in writers if statement["Effect"] == "Allow"]
    assert {statement["Principal"]["Service"] for statement in allowed} == {
        "logging.s3.amazonaws.com",
        "logdelivery.elasticloadbalancing.amazonaws.com",
    }
    for statement in allowed:
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        assert statement["Action"] == ["s3:PutObject"]


def test_a_copy_waits_for_both_versionings_and_may_do_no_more_than_copy() -> None:
    found = installed()
    copy = one(found, "aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    waits = " ".join(copy.options["dependsOn"])
    assert "storage-backup-versioning" in waits
    assert "backup-copy-bucket-versioning" in waits
    bucket = one(found, BUCKET, "backup-copy-bucket")
    assert bucket.provider.endswith("::aws-copy")
    assert bucket.inputs["bucket"].startswith("fleetmend-backup-copy-us-east-1-dev-")
    grants = policy(found, one(found, "aws:iam/rolePolicy:RolePolicy", "storage-copy-policy"))
    writes = next(each for each in grants if "s3:ReplicateObject" in each["Action"])
    assert writes["Resource"] == [f"arn:aws:s3:::{bucket.inputs['bucket']}/*"]


def test_everything_is_tagged_named_for_its_component_and_on_the_given_provider() -> None:
    assert badly_tagged(FOUND) == []
    assert list(astray(FOUND, "store")) == []


def keys(**more: Any) -> Graph:
    args: Any = {
        "installation": ME,
        "account_id": ACCOUNT,
        "log_groups": ["/aws/lambda/fleetmend-recovery-dev"],
        "rules": ["fleetmend-recovery-events-dev"],
        **more,
    }
    return graph(lambda opts: Keys("keys", args, opts) and None)


def test_each_key_admits_exactly_the_services_that_use_it_each_for_its_source() -> None:
    found = keys()
    admitted: dict[str, dict[str, Any]] = {}
    for kind in ("main", "alerts"):
        node = one(found, "aws:kms/key:Key", kind)
        assert node.inputs["enableKeyRotation"] is True
        for statement in policy(found, node)[1:]:
            condition = statement["Condition"]
            assert statement["Effect"] == "Allow"
            assert any(name.startswith("Arn") for name in condition), statement["Sid"]
            admitted[f"{kind}/{statement['Principal']['Service']}"] = condition
    assert set(admitted) == {
        f"main/logs.{REGION}.amazonaws.com",
        "main/events.amazonaws.com",
        "main/sns.amazonaws.com",
        "alerts/cloudwatch.amazonaws.com",
    }
    logs = admitted[f"main/logs.{REGION}.amazonaws.com"]
    assert logs["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"] == [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/fleetmend-recovery-dev"
    ]
    for service in ("main/events", "main/sns", "alerts/cloudwatch"):
        condition = admitted[f"{service}.amazonaws.com"]
        assert condition["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_a_key_without_users_admits_nobody_but_its_account_and_the_topic() -> None:
    found = keys(log_groups=[], rules=[])
    sids = [each["Sid"] for each in policy(found, one(found, "aws:kms/key:Key", "main"))]
    assert sids == ["AccountAdministers", "TopicDelivers"]


def test_keys_are_tagged_and_can_be_brought_back_as_long_as_was_said() -> None:
    found = keys(deletion_days=9)
    assert badly_tagged(found) == []
    for node in found.of_type("aws:kms/key:Key"):
        assert node.inputs["deletionWindowInDays"] == 9

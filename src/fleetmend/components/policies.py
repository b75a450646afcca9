"""Policy documents as pure functions: who may do what to which ARN, under which condition.

Statements are plain dicts in IAM's own JSON grammar; values that AWS tells later are Pulumi
outputs, and `document` puts them together. Every action, resource type and condition key here is
checked against AWS's service authorization data by tests/components/test_policies.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from fleetmend.components.naming import partition

Statement = Mapping[str, Any]
"""One IAM statement: Sid, Effect, Principal, Action, Resource, Condition."""

Condition = dict[str, dict[str, Any]]

KMS_USE = ("kms:Decrypt", "kms:GenerateDataKey")
"""What writing to an encrypted queue, topic or bucket takes (SQS Developer Guide, "Key
management"; SNS Developer Guide, "Key management")."""

VERSION = "2012-10-17"


def document(*statements: Statement) -> pulumi.Output[str]:
    """The policy as JSON text."""
    return pulumi.Output.json_dumps({"Version": VERSION, "Statement": list(statements)})


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: Condition | None = None,
) -> Statement:
    """A statement of an identity policy."""
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }
    return statement | ({"Condition": condition} if condition else {})


def from_source(
    account_id: pulumi.Input[str], arns: Sequence[pulumi.Input[str]], *, exact: bool = True
) -> Condition:
    """The confused-deputy guard: a service acts for these resources of this account only.

    Args:
        account_id: The account.
        arns: ARNs of the sources; patterns where `exact` is false.
        exact: `ArnEquals` instead of `ArnLike`.
    """
    return {
        "StringEquals": {"aws:SourceAccount": account_id},
        "ArnEquals" if exact else "ArnLike": {"aws:SourceArn": list(arns)},
    }


def service_may(
    sid: str,
    service: str,
    actions: Sequence[str],
    resource: pulumi.Input[str],
    condition: Condition,
) -> Statement:
    """A statement of a resource policy that lets an AWS service in; never without a condition."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": list(actions),
        "Resource": resource,
        "Condition": condition,
    }


def trust(service: str, condition: Condition | None = None) -> pulumi.Output[str]:
    """A role's trust policy for an AWS service.

    Lambda, AWS Backup and S3 replication name no source when they take a role, so a condition
    would lock them out; whom they work for is decided by `iam:PassRole`, which never crosses
    accounts. Every other service here is given a condition.
    """
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return document(statement | ({"Condition": condition} if condition else {}))


def own_region(region: str) -> Condition:
    """For describes, which support neither resources nor tags."""
    return {"StringEquals": {"ec2:Region": region}}


def via(region: str, *services: str) -> Condition:
    """Use of a key through these services only, never directly."""
    return {
        "StringEquals": {"kms:ViaService": [f"{name}.{region}.amazonaws.com" for name in services]}
    }


def account_administers(region: str, account_id: pulumi.Input[str]) -> Statement:
    """The statement that gives a key to its account, so that IAM policies can admit people.

    Without it nobody could ever change the key again (KMS Developer Guide, "Default key
    policy"). In a key policy `*` means this key.
    """
    root = pulumi.Output.concat(f"arn:{partition(region)}:iam::", account_id, ":root")
    return {
        "Sid": "AccountAdministers",
        "Effect": "Allow",
        "Principal": {"AWS": root},
        "Action": "kms:*",
        "Resource": "*",
    }


def logs_may_encrypt(region: str, arns: Sequence[pulumi.Input[str]]) -> Statement:
    """CloudWatch Logs uses a key for exactly these log groups.

    Logs tells which group it works for by the encryption context, not by source keys
    (CloudWatch Logs User Guide, "Encrypt log data"). DescribeKey, which stands in that page's
    example too, carries no encryption context, so the condition would never let it through.
    """
    return {
        "Sid": "LogsEncrypts",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
            "kms:GenerateDataKey",
        ],
        "Resource": "*",
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": list(arns)}},
    }


def tls_only(actions: str, resources: Sequence[pulumi.Input[str]]) -> Statement:
    """Nobody speaks to it in clear text, whatever else they may do."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def conditional_writes_only(bucket_arn: pulumi.Input[str]) -> list[Statement]:
    """The ledger's rules for `records/`: written by compare-and-swap, never deleted.

    A put must carry `If-Match` or `If-None-Match`, which S3 shows to policies as keys that are
    absent otherwise (S3 User Guide, "Enforce conditional writes on Amazon S3 buckets"). The parts
    of a multipart upload carry no precondition and are refused too: a record is a few kilobytes.
    Lifecycle rules are no request and are not held up by this.
    """
    records, would = (
        pulumi.Output.concat(bucket_arn, f"/{prefix}records/*") for prefix in ("", "would/")
    )
    return [
        {
            "Sid": "RecordsByCompareAndSwap",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": [records, would],
            "Condition": {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
        },
        {
            "Sid": "RecordsAreKept",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": [records],
        },
    ]

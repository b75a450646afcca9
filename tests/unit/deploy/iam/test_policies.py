"""Policies as they stand in a graph."""

import pytest

from fleetmend.deploy.iam import document
from fleetmend.deploy.iam.document import MalformedPolicy
from fleetmend.deploy.iam.policies import PolicyKind, of_role, policies
from fleetmend.deploy.view import View
from tests.unit.deploy.check.graphs import allow, graph, node, ref
from tests.unit.deploy.check.graphs import document as text


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{", "not JSON"),
        ("[]", "Version and Statement"),
        ('{"Statement": ["x"]}', r"Statement\[0\] is not an object"),
        ('{"Statement": {"Effect": "allow"}}', "Allow or Deny"),
        ('{"Statement": {"Effect": "Allow", "Action": {}}}', r"Statement\[0\].Action"),
        ('{"Statement": {"Effect": "Allow", "Condition": {"Bool": 1}}}', "Condition.Bool"),
        ('{"Statement": {"Effect": "Allow", "Principal": "x"}}', "Principal"),
    ],
)
def test_what_is_no_policy_says_where(policy: str, message: str) -> None:
    with pytest.raises(MalformedPolicy, match=message):
        document.parse(policy)


def test_single_values_are_lists() -> None:
    (one,) = document.parse(
        '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*",'
        ' "Condition": {"Bool": {"aws:SecureTransport": true}}}}'
    )
    assert (one.actions, one.resources) == (("s3:*",), ("*",))
    assert one.principals == {"AWS": ("*",)}
    assert one.conditions[0].values == ("true",)


def test_a_role_has_its_own_and_attached_policies() -> None:
    role = node(
        "aws:iam/role:Role",
        "role",
        {"inlinePolicies": [{"policy": text(allow("sqs:SendMessage"))}]},
    )
    own = node(
        "aws:iam/rolePolicy:RolePolicy",
        "own",
        {"role": ref(role, "name"), "policy": text(allow("sns:Publish"))},
    )
    shared = node("aws:iam/policy:Policy", "shared", {"policy": text(allow("s3:GetObject"))})
    link = node(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "link",
        {"role": ref(role, "name"), "policyArn": ref(shared)},
    )
    other = node("aws:iam/policy:Policy", "other", {"policy": text(allow("ec2:RunInstances"))})
    found = of_role(View(graph(role, own, shared, link, other)), role)
    actions = {action for policy in found for s in policy.statements for action in s.actions}
    assert actions == {"sqs:SendMessage", "sns:Publish", "s3:GetObject"}


def test_a_data_source_is_read() -> None:
    source = node(
        "aws:iam/getPolicyDocument:getPolicyDocument",
        "x",
        {
            "statements": [
                {
                    "actions": ["sts:AssumeRole"],
                    "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
                    "conditions": [
                        {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["1"]}
                    ],
                }
            ]
        },
    )
    role = node("aws:iam/role:Role", "role", {"assumeRolePolicy": ref(source, "json")})
    (policy,) = policies(View(graph(role, source)))
    assert policy.kind is PolicyKind.TRUST
    (statement,) = policy.statements
    assert statement.effect == "Allow"
    assert statement.principals == {"Service": ("ec2.amazonaws.com",)}
    assert statement.condition_keys() == {"aws:sourceaccount"}


def test_a_lambda_permission_is_a_statement_too() -> None:
    permission = node(
        "aws:lambda/permission:Permission",
        "permission",
        {
            "action": "lambda:InvokeFunction",
            "function": "worker",
            "principal": "sns.amazonaws.com",
            "sourceArn": "arn:aws:sns:us-east-1:1:t",
        },
    )
    (policy,) = policies(View(graph(permission)))
    assert policy.statements[0].condition_keys() == {"aws:sourcearn"}

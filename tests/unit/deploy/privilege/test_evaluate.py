"""IAM's evaluation, condition by condition."""

import json
from typing import Any

import pytest

from fleetmend.deploy.iam import document
from fleetmend.deploy.iam.document import Condition
from fleetmend.deploy.privilege.calls import Call, Recording, RecordingError, read
from fleetmend.deploy.privilege.evaluate import Grant, Rule, evaluate, holds
from fleetmend.deploy.privilege.need import Need


def rule(**statement: Any) -> Rule:
    text = json.dumps({"Statement": [{"Effect": "Allow", **statement}]})
    (one,) = document.parse(text)
    grants = [Grant("p", one.sid, a, r) for a in one.actions for r in one.resources]
    return Rule(one, tuple(grants) if one.allows else ())


GET = Need("s3:GetObject", "arn:aws:s3:::data/a/b", {"aws:securetransport": ("true",)})
ALLOW = rule(Action=["s3:GetObject"], Resource=["arn:aws:s3:::data/a/*"])


def test_silence_is_a_denial() -> None:
    assert not evaluate([], GET).allowed
    assert evaluate([ALLOW], GET).allowed


def test_a_deny_wins() -> None:
    deny = rule(Effect="Deny", Action="s3:*", Resource="*", Sid="Never")
    verdict = evaluate([ALLOW, deny], GET)
    assert (verdict.allowed, verdict.why) == (False, "Never denies it")


def test_actions_in_any_case_and_resources_exactly() -> None:
    assert evaluate([rule(Action="S3:getobject", Resource="*")], GET).allowed
    assert not evaluate([rule(Action="s3:*", Resource="arn:aws:s3:::DATA/*")], GET).allowed


def test_what_is_left_out_is_covered() -> None:
    assert evaluate([rule(NotAction="ec2:*", NotResource="arn:aws:s3:::other/*")], GET).allowed is (
        False
    ), "no grant can be told apart in it: such a statement is a finding of its own"
    deny = rule(Effect="Deny", NotAction="ec2:*", Resource="*")
    assert not evaluate([ALLOW, deny], GET).allowed


def test_the_condition_that_failed_is_named() -> None:
    wants = rule(
        Sid="Tagged",
        Action="s3:*",
        Resource="*",
        Condition={"StringEquals": {"aws:ResourceTag/Owner": ["me"]}},
    )
    assert evaluate([wants], GET).why == "Tagged asks for aws:ResourceTag/Owner StringEquals me"


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("StringEquals", ["a", "b"], ["b"], True),
        ("StringEquals", ["a"], ["A"], False),
        ("StringEqualsIgnoreCase", ["a"], ["A"], True),
        ("StringNotEquals", ["a"], ["b"], True),
        ("StringNotEquals", ["a"], ["a"], False),
        ("StringNotEquals", ["a"], None, True),
        ("StringLike", ["open/*"], ["open/x"], True),
        ("StringLike", ["open/*"], ["records/x"], False),
        ("StringLike", ["*"], None, False),
        ("StringLikeIfExists", ["open/*"], None, True),
        ("ArnLike", ["arn:aws:sns:*:1:*"], ["arn:aws:sns:us-east-1:1:t"], True),
        ("ArnEquals", ["arn:aws:sns:us-east-1:1:t"], ["arn:aws:sns:us-east-1:1:u"], False),
        ("Bool", ["false"], ["true"], False),
        ("Bool", ["True"], ["true"], True),
        ("Null", ["true"], None, True),
        ("Null", ["true"], ["x"], False),
        ("Null", ["false"], ["x"], True),
        ("NumericLessThan", ["10"], ["9"], True),
        ("NumericLessThan", ["10"], ["10"], False),
        ("NumericGreaterThanEquals", ["10"], ["10"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a"], ["a", "b"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAnyValue:StringEquals", ["a"], ["b", "a"], True),
        ("ForAnyValue:StringEquals", ["a"], None, False),
    ],
)
def test_operators(operator: str, values: list[str], given: list[str] | None, expected) -> None:
    context = {} if given is None else {"some:key": tuple(given)}
    assert holds(Condition(operator, "Some:Key", tuple(values)), context) is expected


def test_an_operator_nobody_looked_up_is_an_error() -> None:
    with pytest.raises(ValueError, match="BinaryEquals"):
        holds(Condition("BinaryEquals", "k", ("x",)), {"k": ("x",)})


def test_recordings_read_back_as_they_were_written() -> None:
    calls = (Call("ec2", "StartInstances", {"InstanceIds": ["i-1"]}, {"i-1": {"a": "b"}}),)
    one = Recording("recovery", "123456789012", "us-east-1", {"X": "y"}, calls)
    assert read(one.lines()) == (one,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: not a JSON object"),
        ('{"service": "ec2"}', "line 2: `operation`"),
        ('{"service": "ec2", "operation": "X", "tags": []}', "line 2: `tags`"),
        ('{"function": "x", "account": "1"}', "line 2: `region`"),
    ],
)
def test_a_bad_line_is_named(line: str, message: str) -> None:
    head = json.dumps({"function": "f", "account": "1", "region": "r", "environment": {}})
    with pytest.raises(RecordingError, match=message):
        read([head, line])


def test_calls_before_any_function_are_refused() -> None:
    with pytest.raises(RecordingError, match="line 1"):
        read(['{"service": "ec2", "operation": "DescribeInstances"}'])

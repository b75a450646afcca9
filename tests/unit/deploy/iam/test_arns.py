"""ARN shapes: what a text with wildcards can stand for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.deploy.iam import globs
from fleetmend.deploy.iam.arns import Place, build, is_arn, types_of
from fleetmend.deploy.iam.authorization import action, expand, key_fits, resource_type, supports
from fleetmend.deploy.iam.kinds import KINDS

ALPHABET = st.text("ab:/", max_size=6)
GLOB = st.text("ab:/*?", max_size=6)


@given(GLOB, ALPHABET)
def test_a_text_that_a_glob_matches_intersects_it(glob: str, text: str) -> None:
    assert globs.intersect(globs.parts(glob), globs.parts(text)) == globs.matches(glob, text)


@given(GLOB, GLOB, ALPHABET)
def test_globs_with_a_common_text_intersect(left: str, right: str, text: str) -> None:
    if globs.matches(left, text) and globs.matches(right, text):
        assert globs.intersect(globs.parts(left), globs.parts(right))


@given(GLOB, GLOB)
def test_intersection_does_not_depend_on_the_order(left: str, right: str) -> None:
    one, other = globs.parts(left), globs.parts(right)
    assert globs.intersect(one, other) == globs.intersect(other, one)


@pytest.mark.parametrize(
    ("service", "arn", "types"),
    [
        ("s3", "arn:aws:s3:::data", ("bucket",)),
        ("s3", "arn:aws:s3:::data/records/*", ("object",)),
        ("ec2", "arn:aws:ec2:us-east-1:123456789012:instance/*", ("instance",)),
        ("sqs", "arn:aws:sqs:us-east-1:123456789012:jobs", ("queue",)),
        ("sqs", "arn:aws:sns:us-east-1:123456789012:jobs", ()),
        ("ssm", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript", ("document",)),
        ("ssm", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b", ("parameter",)),
    ],
)
def test_an_arn_tells_its_type(service: str, arn: str, types: tuple[str, ...]) -> None:
    assert types_of(arn, service) == types


def test_a_name_is_no_arn() -> None:
    assert is_arn("*")
    assert is_arn("arn:aws:s3:::data")
    assert not is_arn("data")
    assert not is_arn("https://sqs.us-east-1.amazonaws.com/123456789012/jobs")


@pytest.mark.parametrize("pulumi_type", KINDS)
def test_every_kind_is_known_to_aws_and_has_an_arn_of_its_type(pulumi_type: str) -> None:
    kind = KINDS[pulumi_type]
    known = resource_type(kind.service, kind.resource)
    assert known is not None
    made = build(known, "jobs", Place())
    assert is_arn(made)
    assert known.key in types_of(made, kind.service)


def test_parameters_lose_their_first_slash() -> None:
    known = resource_type("ssm", "parameter")
    assert known is not None
    assert build(known, "/a/b", Place()) == "arn:aws:ssm:us-east-1:123456789012:parameter/a/b"


def test_actions_in_any_case_and_with_wildcards() -> None:
    assert action("EC2:startinstances") == action("ec2:StartInstances")
    assert action("ec2:StartInstance") is None
    assert action("nosuch:Thing") is None
    assert "s3:DeleteObjectVersion" in expand("s3:DeleteObject*")
    assert expand("s3:NoSuch*") == ()


@pytest.mark.parametrize("key", ["ec2:ResourceTag/Owner", "aws:ResourceTag/Owner"])
def test_tags_in_both_spellings(key: str) -> None:
    starts, describes = action("ec2:StartInstances"), action("ec2:DescribeInstances")
    assert starts is not None
    assert describes is not None
    assert supports(starts, key)
    assert not supports(describes, key)
    assert supports(describes, "ec2:Region")


def test_a_few_describes_do_know_tags() -> None:
    known = action("ec2:DescribeInstanceAttribute")
    assert known is not None
    assert supports(known, "aws:ResourceTag/Owner")


def test_patterns_of_keys() -> None:
    assert key_fits("ec2:ResourceTag/Owner", "ec2:ResourceTag/${TagKey}")
    assert key_fits("s3:ExistingObjectTag/a", "s3:ExistingObjectTag/<key>")
    assert not key_fits("ec2:RegionX", "ec2:Region")

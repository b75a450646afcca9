"""Blueprints: what is kept, what is hidden, and when two are the same."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.blueprint import (
    Blueprint,
    BlueprintUnreadable,
    Card,
    Disk,
    Piece,
    from_json,
    missing,
    pieces,
    redacted,
    to_json,
    unequal,
)

ROOT = Disk("/dev/sda1", "vol-root", ends=True, size=8, type="gp3", iops=3000)
DATA = Disk("/dev/sdf", "vol-data", ends=False, size=20, type="gp3")
KEPT = Blueprint(
    image="ami-1",
    type="m5.large",
    zone="us-east-1a",
    subnet="subnet-1",
    groups=("sg-1", "sg-2"),
    profile="arn:aws:iam::123456789012:instance-profile/web",
    metadata={"HttpTokens": "required"},
    root="/dev/sda1",
    private_address="10.0.0.5",
    public_address="198.51.100.7",
    allocation="eipalloc-1",
    tags={"Name": "api", "Auto-Rebuild": "true", "aws:x": "y", "fleetmend:rebuilt-from": "i-0"},
    disks=(ROOT, DATA),
    cards=(Card(0, "eni-0", ends=True), Card(1, "eni-1", ends=False)),
    user_data="#!/bin/sh\n",
)

TEXT = st.text(max_size=12)
BLUEPRINTS = st.builds(
    Blueprint,
    image=TEXT,
    type=TEXT,
    zone=TEXT,
    groups=st.lists(TEXT, max_size=3).map(tuple),
    metadata=st.dictionaries(TEXT, TEXT, max_size=3),
    optimized=st.booleans(),
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    disks=st.lists(
        st.builds(Disk, device=TEXT, volume=TEXT, ends=st.booleans(), size=st.integers(0, 99)),
        max_size=3,
    ).map(tuple),
    cards=st.lists(
        st.builds(Card, index=st.integers(0, 9), interface=TEXT, ends=st.booleans()), max_size=3
    ).map(tuple),
    user_data=TEXT,
    redacted=st.integers(-1, 9),
)


@given(BLUEPRINTS)
def test_what_is_written_is_read_back(one: Blueprint) -> None:
    assert from_json(json.loads(json.dumps(to_json(one)))) == one


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(to_json(KEPT))), inner)
)))  # fmt: skip
def test_anything_else_is_an_error_that_names_the_place(value: object) -> None:
    with pytest.raises(BlueprintUnreadable, match="blueprint"):
        from_json(value)


@pytest.mark.parametrize(
    ("place", "value"),
    [("disks", [{"device": "x"}]), ("tags", {"a": 1}), ("optimized", "yes"), ("redacted", True)],
)
def test_one_wrong_field_is_named(place: str, value: object) -> None:
    with pytest.raises(BlueprintUnreadable, match=place):
        from_json({**to_json(KEPT), place: value})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("export DB_PASSWORD=hunter2", 1),
        ("mysql -u x --password=hunter2 --host h", 1),
        ("aws_secret_access_key = hunter2", 1),
        ('{"apiKey": "hunter2", "token": "hunter2"}', 2),
        ("curl https://user:hunter2@host/x", 1),
        ("Authorization: Bearer hunter2hunter2", 1),
        ("id AKIAABCDEFGHIJKLMNOP here", 1),
        ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----", 1),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2 cut off", 1),
        ("echo hello; cat /etc/passwd", 0),
    ],
)
def test_secrets_are_hidden_and_counted(text: str, count: int) -> None:
    hidden, found = redacted(text)
    assert found == count
    assert "hunter2" not in hidden
    assert "AKIAABCDEFGHIJKLMNOP" not in hidden
    assert redacted(hidden) == (hidden, 0), "what is hidden is not counted again"
    assert count or hidden == text


@given(st.text())
def test_hiding_is_total(text: str) -> None:
    hidden, found = redacted(text)
    assert found >= 0
    assert found or hidden == text


def test_the_outline_changes_with_what_ec2_shows_and_with_nothing_else() -> None:
    assert replace(KEPT, user_data="other", allocation="x", redacted=3).outline == KEPT.outline
    bigger = replace(KEPT, disks=(replace(ROOT, size=99), DATA))
    assert bigger.outline == KEPT.outline, "a describe of volumes tells that"
    for changed in (
        replace(KEPT, type="m5.xlarge"),
        replace(KEPT, tags={}),
        replace(KEPT, disks=(ROOT,)),
        replace(KEPT, cards=()),
        replace(KEPT, public_address=""),
    ):
        assert changed.outline != KEPT.outline


def test_what_outlives_an_instance_is_given_back() -> None:
    assert pieces(KEPT, surviving=True) == (
        Piece("volume", "vol-data", "/dev/sdf"),
        Piece("interface", "eni-1", "1"),
        Piece("address", "eipalloc-1"),
    )
    assert Piece("volume", "vol-root", "/dev/sda1") in pieces(KEPT)
    assert missing(pieces(KEPT), KEPT) == ()
    assert missing(pieces(KEPT), replace(KEPT, disks=(ROOT,))) == (
        Piece("volume", "vol-data", "/dev/sdf"),
    )


def test_what_cannot_be_equal_is_no_difference_and_all_else_is() -> None:
    made = replace(
        KEPT,
        tags={**KEPT.own_tags, "fleetmend:rebuilt-from": "i-1", "aws:y": "z"},
        disks=(replace(ROOT, volume="vol-new"), DATA),
        cards=(Card(0, "eni-new", ends=True), Card(1, "eni-1", ends=False)),
        redacted=2,
    )
    assert unequal(KEPT, made) == {}
    other = replace(made, type="m5.xlarge", disks=(replace(ROOT, volume="v", size=9), DATA))
    assert set(unequal(KEPT, other)) == {"type", "disks"}
    lost = replace(made, disks=(made.disks[0], replace(DATA, volume="vol-other")))
    assert set(unequal(KEPT, lost)) == {"disks"}, "a volume that outlives it must be the same"

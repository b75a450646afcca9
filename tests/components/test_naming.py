"""Names: their pattern, their limits, and the hash where they are cut."""

import re

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.components.naming import Limit, Naming, partition
from fleetmend.components.tagging import OWN_KEYS, Tagging

NAMES = Naming("fleetmend", "dev", "us-west-2")

words = st.from_regex(r"[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,8}){0,4}", fullmatch=True)
suffixes = st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True)


def test_the_pattern() -> None:
    assert NAMES.name("queue") == "fleetmend-queue-dev"
    assert NAMES.name("subnet", 2) == "fleetmend-subnet-dev-2"
    assert NAMES.role("flow-logs") == "fleetmend-flow-logs-us-west-2-dev"
    assert NAMES.parameter("mode/all") == "/fleetmend/dev/mode/all"
    assert NAMES.namespace == "Fleetmend/dev"


def test_zero_is_a_number() -> None:
    assert NAMES.name("subnet", 0) == "fleetmend-subnet-dev-0"


@given(words, suffixes, st.none() | st.integers(0, 9), st.sampled_from(list(Limit)))
def test_every_name_fits_and_ends_in_the_suffix(
    kind: str, suffix: str, n: int | None, limit: Limit
) -> None:
    made = Naming("fleetmend", suffix, "us-west-2").name(kind, n, limit=limit, with_region=True)
    assert len(made) <= limit
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", made)
    assert made.endswith(suffix if n is None else f"{suffix}-{n}")


@given(words, words)
def test_cut_names_differ_where_whole_ones_do(one: str, other: str) -> None:
    short = [NAMES.name(kind, limit=Limit.LOAD_BALANCER) for kind in (one, other)]
    assert (short[0] == short[1]) is (one == other)


def test_a_cut_name_is_the_same_on_every_run() -> None:
    made = NAMES.name("a-kind-that-is-far-too-long-for-it", limit=32)
    assert made == "fleetmend-a-kind-that-455ca1-dev"


@pulumi.runtime.test
def test_a_bucket_carries_region_and_account() -> pulumi.Output[None]:
    long = Naming("fleetmend", "a" * 16, "us-west-2").bucket("some-long-kind-of-bucket", "1" * 12)

    def check(made: list[str]) -> None:
        assert made[0] == "fleetmend-ledger-us-west-2-dev-123456789012"
        assert len(made[1]) <= Limit.BUCKET
        assert made[1].endswith("-" + "a" * 16 + "-" + "1" * 12)

    return pulumi.Output.all(NAMES.bucket("ledger", "123456789012"), long).apply(check)


def test_a_limit_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="fits 10 characters"):
        NAMES.name("queue", limit=10)


@pytest.mark.parametrize(
    ("region", "expected"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_the_partition_follows_from_the_region(region: str, expected: str) -> None:
    assert partition(region) == expected


def test_tags_are_the_six_and_the_users() -> None:
    tags = Tagging("fleetmend", "shop", "dev", {"Team": "web"}).tags("vpc", "fleetmend-vpc-dev")
    assert set(tags) == {*OWN_KEYS, "Team"}
    assert tags["Environment"] == "dev"
    assert tags["ManagedBy"] == "fleetmend"


def test_a_users_tag_never_takes_the_place_of_ours() -> None:
    tags = Tagging("fleetmend", "shop", "dev", {"ManagedBy": "me", "Name": "x"}).tags("vpc", "n")
    assert (tags["ManagedBy"], tags["Name"]) == ("fleetmend", "n")

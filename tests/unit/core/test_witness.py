"""Who is behind it, from CloudTrail's own entries; what they do not say is said too."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import witness

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANA = "arn:aws:iam::123456789012:user/ana"
ROLE = "arn:aws:sts::123456789012:assumed-role/ops/bo"


def entry(identity, *, ago=60, call="StopInstances", count=1, **more):
    event = {
        "userIdentity": identity,
        "requestParameters": {"instancesSet": {"items": [{"instanceId": "i"}] * count}},
        **more,
    }
    at = NOW - timedelta(seconds=ago)
    return {"EventName": call, "EventTime": at, "CloudTrailEvent": json.dumps(event)}


def test_the_last_call_that_went_well_counts():
    entries = [
        entry({"arn": ROLE}, ago=10, errorCode="Client.UnauthorizedOperation"),
        entry({"arn": ANA}, ago=60),
        entry({"arn": ROLE}, ago=600),
        entry({"arn": ROLE}, ago=5, call="DescribeInstances"),
    ]
    who = witness.of_one("i-1", "StopInstances", entries)
    assert who.says == f"{ANA} called StopInstances at 2026-03-01 11:59:00 UTC"
    assert who.principals == (ANA,)


def test_a_service_is_named_as_what_it_is():
    called = entry({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"})
    assert "autoscaling.amazonaws.com" in witness.of_one("i-1", "StopInstances", [called]).says


def test_no_entry_is_said_to_be_none_yet():
    who = witness.of_one("i-1", "StopInstances", [])
    assert who.says.startswith("not known: CloudTrail shows no StopInstances of i-1")
    assert who.principals == ()


def test_of_many_the_busiest_come_first_and_failed_calls_do_not_count():
    entries = [
        entry({"arn": ANA}, count=300),
        entry({"arn": ROLE}, count=40),
        entry({"arn": ANA}, count=12),
        entry({"arn": "x"}, count=900, errorCode="Client.UnauthorizedOperation"),
    ]
    who = witness.of_many("StopInstances", entries, more=False)
    assert who.principals == (ANA, ROLE)
    assert f"{ANA} (312 instances), {ROLE} (40 instances)" in who.says
    assert "newest 4 entries" in witness.of_many("StopInstances", entries, more=True).says


garbage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["userIdentity", "arn", "requestParameters", "instancesSet", "items"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.lists(garbage, max_size=3), garbage)
def test_entries_of_any_shape_do_no_harm(shapes, username):
    entries = [
        {
            "EventName": "StopInstances",
            "EventTime": NOW,
            "Username": username,
            "CloudTrailEvent": json.dumps(shape),
        }
        for shape in shapes
    ] + [{}, {"EventName": "StopInstances", "EventTime": "yesterday"}]
    assert witness.of_one("i-1", "StopInstances", entries).says
    assert witness.of_many("StopInstances", entries, more=True).says

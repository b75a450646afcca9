"""Messages: an identity is taken, whatever else they claim is thrown away."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.events import (
    GROUPS,
    Hold,
    Look,
    MessageUnreadable,
    Release,
    Retry,
    Run,
    parse,
)

I = "i-0123456789abcdef0"  # noqa: E741

READ = [
    ({"source": "aws.ec2", "detail": {"instance-id": I, "state": "stopped"}}, Look(I)),
    ({"detail": {"instance-id": I, "state": "running"}}, Look(I)),
    ({"fleetmend": "look", "subject": I, "revision": 3}, Look(I, 3)),
    ({"fleetmend": "look", "subject": "digest:0a1b", "revision": 1}, Look("digest:0a1b", 1)),
    (
        {"fleetmend": "look", "subject": f"unreadable:{I}", "revision": 1},
        Look(f"unreadable:{I}", 1),
    ),
    ({"fleetmend": "release", "subject": I, "by": "ann"}, Release(I, "ann")),
    ({"fleetmend": "retry", "subject": I, "by": "ann", "run": "r1"}, Retry(I, "ann", "r1")),
    ({"fleetmend": "retry", "all": True, "by": "ann"}, Retry("", "ann")),
    ({"fleetmend": "run", "run": "r1", "by": "ann", "plan": True}, Run("r1", "ann", plan=True)),
]


@pytest.mark.parametrize(("body", "message"), READ)
def test_messages_are_read(body, message):
    assert parse(json.dumps(body)) == message


def test_a_concern_s_subjects_are_its_own():
    event = json.dumps({"detail": {"AutoScalingGroupName": "web/eu (1)", "EC2InstanceId": I}})
    with pytest.raises(MessageUnreadable, match="AutoScalingGroupName"):
        parse(event, GROUPS)  # a space is in no group's name
    for name in ("web/eu-(1)", "i", "x" * 255, "digest-me"):
        wake = json.dumps({"fleetmend": "look", "subject": name, "revision": 1})
        assert parse(wake, GROUPS) == Look(name, 1)
        assert parse(json.dumps({"detail": {"AutoScalingGroupName": name}}), GROUPS) == Look(name)
    for name in ("a:b", "", "x" * 256, "ä"):
        with pytest.raises(MessageUnreadable, match="Auto Scaling group"):
            parse(json.dumps({"detail": {"AutoScalingGroupName": name}}), GROUPS)


def test_a_hold_keeps_who_and_why():
    body = {
        "fleetmend": "hold",
        "subject": I,
        "until": "2026-03-01T12:00:00+02:00",
        "by": "ann",
        "reason": "patch",
    }
    hold = parse(json.dumps(body))
    assert isinstance(hold, Hold)
    assert (hold.until.isoformat(), hold.by, hold.reason) == (
        "2026-03-01T10:00:00+00:00",
        "ann",
        "patch",
    )


WRONG = [
    ("", "not JSON"),
    ("[]", "not a JSON object"),
    ("{}", "detail"),
    ('{"detail": {"instance-id": "vol-1"}}', "instance-id"),
    ('{"detail": {"instance-id": "i-1; rm"}}', "instance-id"),
    ('{"fleetmend": "reboot"}', "reboot"),
    ('{"fleetmend": "look", "subject": "i-0123456789abcdef0"}', "revision"),
    (
        '{"fleetmend": "hold", "subject": "i-0123456789abcdef0", "until": "soon", "by": "y"}',
        "until",
    ),
    ('{"fleetmend": "retry", "all": false, "by": "x"}', "subject"),
    ('{"fleetmend": "run", "by": "x"}', "run"),
]


@pytest.mark.parametrize(("body", "named"), WRONG)
def test_what_cannot_be_understood_names_the_key(body, named):
    with pytest.raises(MessageUnreadable, match=named):
        parse(body)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(
                ["detail", "instance-id", "fleetmend", "subject", "revision", "until", "by"]
            )
            | st.text(max_size=5),
            inner,
        )
        | st.lists(inner, max_size=3)
    ),
)
words = st.sampled_from(["look", "hold", "release", "retry", "run"])


@given(
    st.text()
    | values.map(json.dumps)
    | st.builds(
        lambda w, v: json.dumps({"fleetmend": w, "subject": v, "until": v, "by": v}), words, values
    )
)
def test_any_text_is_a_message_or_a_named_mistake(body):
    try:
        parse(body)
    except MessageUnreadable as error:
        assert str(error)

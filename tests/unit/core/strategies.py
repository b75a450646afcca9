"""Anything that can stand in a record or come from EC2, for property tests."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from fleetmend.core.model import (
    Alert,
    Attempt,
    Check,
    Hold,
    Instance,
    Intent,
    IntentState,
    Outcome,
    Record,
    Result,
    Status,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
texts = st.text(max_size=30)
moments = st.integers(-20_000_000, 20_000_000).map(lambda ms: NOW + timedelta(milliseconds=ms))
maybe_moments = st.none() | moments
checks = st.builds(
    Check,
    st.sampled_from(["system", "instance", "attached-ebs"]),
    st.sampled_from(["ok", "impaired", "initializing", "insufficient-data", "not-applicable", ""]),
)
tags = st.dictionaries(
    st.sampled_from(
        [
            *("Auto-Recover", "fleetmend:hold-until", "aws:autoscaling:groupName", "Name", "ключ"),
            *("fleetmend:alternative-types", "fleetmend:original-type"),
            *("Schedule", "quarantine", "karpenter.sh/nodepool", "kubernetes.io/cluster/x"),
        ]
    ),
    st.sampled_from(["true", "2026-03-01T13:00:00Z", "0001-01-01T00:00:00+14:00"])
    | st.sampled_from(["a1.b a2.b", "a2.b", "large"])
    | texts,
)
instances = st.builds(
    Instance,
    st.just("i-1"),
    st.sampled_from(
        ["pending", "running", "stopping", "stopped", "shutting-down", "terminated", "new-state"]
    ),
    st.integers(-60, 0).map(lambda s: NOW + timedelta(seconds=s)),
    tags=tags,
    lifecycle=st.sampled_from(["normal", "normal", "spot", "scheduled"]),
    launched_at=maybe_moments,
    checks=st.lists(checks, max_size=3).map(tuple),
    operator=st.none() | st.none() | texts,
    rootless=st.booleans(),
    stores=st.booleans(),
    type=st.sampled_from(["", "a1.b", "a2.b", "a3.b"]),
    alternatives=st.none()
    | st.dictionaries(st.sampled_from(["a1.b", "a2.b"]), st.sampled_from(["", "no"])),
)
acts = st.sampled_from(["", "", "reboot", "stop", "change-type"])
attempts = st.builds(Attempt, moments, st.sampled_from(Result), texts, texts, acts)
records = st.builds(
    Record,
    st.just("recovery"),
    st.just("i-1"),
    st.sampled_from(Status),
    reason=texts,
    note=texts,
    opened_at=maybe_moments,
    intent=st.none()
    | st.builds(
        Intent,
        texts,
        st.sampled_from(["start", "reboot", "stop", "change-type"]) | texts,
        st.sampled_from(IntentState),
        moments,
        moments,
    ),
    attempts=st.lists(attempts, max_size=8).map(tuple),
    next_look_at=maybe_moments,
    alerts=st.lists(
        st.builds(
            Alert,
            *[texts] * 6,
            since=maybe_moments,
            ends=st.lists(texts, max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    hold=st.none() | st.builds(Hold, moments, texts, texts),
    detail=st.dictionaries(texts, texts | st.integers() | st.lists(texts, max_size=2), max_size=2)
    | st.fixed_dictionaries(
        {
            "original_type": st.sampled_from(["", "a1.b", "a3.b"]),
            "target_type": st.sampled_from(["", "a1.b", "a2.b"]),
            "refused_types": st.lists(st.sampled_from(["a1.b", "a2.b"]), max_size=2),
        }
    ),
    revision=st.integers(0, 10**6),
    nonce=texts,
    written_at=maybe_moments,
)
outcomes = st.builds(Outcome, st.sampled_from(Result), texts, texts)

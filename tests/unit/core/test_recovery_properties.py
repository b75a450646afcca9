"""What must hold of recovery's decisions whatever is seen and whatever is recorded."""

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmend.core import holds, ownership
from fleetmend.core.budgets import due, used_up
from fleetmend.core.decisions.recovery import decide, learn
from fleetmend.core.model import Mode, RecoveryPolicy, Result, Status

from .strategies import NOW, instances, outcomes, records

POLICY = RecoveryPolicy()


@settings(max_examples=400)
@given(st.none() | instances, st.none() | records)
def test_a_start_passes_every_gate(seen, stored):
    decision = decide("i-1", seen, stored, POLICY, NOW, "fresh")
    if not decision.act:
        return
    assert seen is not None
    assert seen.state not in {"running", "pending", "terminated", "shutting-down", "stopping"}
    assert POLICY.selector.matches(seen.tags)
    assert seen.group is None
    assert seen.lifecycle == "normal"
    assert ownership.owner(seen, POLICY) is None
    assert not seen.rootless
    assert not holds.in_force(seen.tags, stored.hold if stored else None, NOW)
    assert decision.record.intent.id == "fresh"
    assert decision.record.spent < POLICY.max_attempts
    assert not used_up(decision.record, POLICY, NOW)
    not_before = due(decision.record, POLICY)
    assert not_before is None or not_before <= NOW
    if stored is not None and stored.status is not Status.CLOSED:
        assert stored.status is not Status.EXHAUSTED
        assert decision.record.spent >= stored.spent


@settings(max_examples=400)
@given(st.none() | instances, st.none() | records)
def test_deciding_twice_is_deciding_once(seen, stored):
    first = decide("i-1", seen, stored, POLICY, NOW, "n")
    if first.act or first.stale or first.record is None:
        return
    second = decide("i-1", seen, first.record, POLICY, NOW, "n")
    assert second.record == first.record
    assert not second.act


@settings(max_examples=400)
@given(st.none() | instances, st.none() | records)
def test_what_is_owed_is_never_forgotten(seen, stored):
    decision = decide("i-1", seen, stored, POLICY, NOW, "n")
    if stored is not None:
        assert {a.fact for a in stored.owed} <= {a.fact for a in decision.record.owed}


@settings(max_examples=400)
@given(records, outcomes)
def test_learning_spends_exactly_what_was_issued(stored, outcome):
    learned = learn(stored, outcome, POLICY, NOW)
    act = stored.intent.action if stored.intent and stored.intent.action != "start" else ""
    assert learned.issued(act) == stored.issued(act) + outcome.result.spends
    assert learned.spent == stored.spent + (outcome.result.spends and not act)
    assert {a.fact for a in stored.owed} <= {a.fact for a in learned.owed}


@given(st.none() | instances, st.none() | records)
def test_off_is_off(seen, stored):
    decision = decide("i-1", seen, stored, RecoveryPolicy(mode=Mode.OFF), NOW, "n")
    assert decision.record is stored
    assert not decision.act


@given(records)
def test_the_interval_between_issued_attempts_is_kept(stored):
    not_before = due(stored, POLICY)
    for attempt in stored.attempts:
        starts = [a for a in stored.attempts if a.result.spends and not a.act]
        if starts and attempt == starts[-1]:
            assert not_before >= attempt.at + POLICY.retry_interval
            assert isinstance(not_before, datetime)


@given(st.text(max_size=40))
def test_any_hold_tag_is_understood_or_holds(text):
    hold = holds.in_force({holds.TAG: text}, None, NOW)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        assert hold is not None
        assert hold.until == holds.FOREVER
    else:
        assert moment is not None


@given(st.sampled_from(Result))
def test_a_deferred_result_never_spends(result):
    assert not (result.deferred and result.spends)

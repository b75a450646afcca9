"""Crash before each call and after each, freeze there, lose the answer; two runs interleaved.

Complete in CI for one stop, and for every crash point where one of two zones is dry; the rest is
sampled there, and complete in the full proof.
"""

import os

import pytest

from fleetmend.lab import sim
from tests.scenarios.points import (
    AT_CALL,
    BASES,
    DRY,
    MASS,
    MOVED,
    ONE,
    RETYPED,
    at_every_call,
    broken,
    two_sweeps,
)

FULL = os.environ.get("FLEETMEND_PROOF") == "full"


@pytest.mark.parametrize("base", BASES.values(), ids=lambda base: base.name)
def test_undisturbed_histories_keep_every_promise(base: object) -> None:
    assert broken(base.scenario()) == []


@pytest.mark.parametrize("what", AT_CALL)
@pytest.mark.parametrize("base", BASES.values(), ids=lambda base: base.name)
def test_at_every_call(base: object, what: str) -> None:
    large = base in (MASS, MOVED, RETYPED)
    complete = FULL or base is ONE or (what.startswith("crash") and base is DRY)
    stride = 1 if complete else 53 if base is RETYPED else 23 if large else 7
    failures = {k: found for k, one in at_every_call(base, what, stride) if (found := broken(one))}
    assert not failures, f"{what} at call {min(failures)}: {failures[min(failures)]}"


def test_what_is_disturbed_is_disturbed() -> None:
    """Each of the disturbances really strikes, so that the test above proves something."""
    for what in AT_CALL:
        (_, scenario) = next(at_every_call(ONE, what))
        fired = sim.record(scenario)[1].tape.fired
        assert len(fired) >= 3, f"{what}: {fired}"  # the stop, the verb, and its strike


def test_two_sweeps_meet_at_every_call() -> None:
    calls = sum(call.at < 200 for call in sim.record(two_sweeps(10_000))[1].tape.calls)
    assert calls > 30
    pairs = [(first, 0) for first in range(1, calls + 1)]
    if FULL:
        pairs += [(a, b) for a in range(1, calls + 1) for b in range(a + 1, min(a + 25, calls + 1))]
    failures = {pair: found for pair in pairs if (found := broken(two_sweeps(*pair)))}
    assert not failures, f"frozen at calls {min(failures)}: {failures[min(failures)]}"

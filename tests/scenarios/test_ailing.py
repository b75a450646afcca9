"""Health's proof: one thing wrong at every call, seeded histories with many, planted bugs."""

import os
from itertools import islice

import pytest

from fleetmend.lab import sim
from fleetmend.lab.checker import check
from tests.scenarios.ailing import BASES, MUTANTS, Mutant, at_every_call, broken, tally
from tests.scenarios.points import AT_CALL

FULL = os.environ.get("FLEETMEND_PROOF") == "full"
SEEDS = 600 if FULL else 14
FAULTS = frozenset(
    {
        *("crash before", "crash after", "pause before", "pause after", "answer lost"),
        *("throttled", "answer late", "event lost", "event repeated", "concurrent_runs"),
        *("impair", "unhealthy_target", "heal", "stop", "terminate", "slow_boot", "no_capacity"),
        *("retire", "silence_agent", "refresh", "hold", "release"),
    }
)
REASONS = frozenset(
    {
        *("open: watching", "open: replace", "open: replacing", "open: suspend", "open: outage"),
        *("open: reset", "open: resume", "open: budget", "open: held", "open: refreshing"),
        *("open: below-floor", "closed: healthy"),
    }
)


@pytest.mark.parametrize("base", BASES)
def test_undisturbed_histories_keep_every_promise(base: str) -> None:
    assert broken(BASES[base][0]()) == []


@pytest.mark.parametrize("what", AT_CALL)
@pytest.mark.parametrize("base", BASES)
def test_at_every_call(base: str, what: str) -> None:
    stride = 1 if FULL else (13 if what.startswith("crash") else 41)
    failures = {k: found for k, one in at_every_call(base, what, stride) if (found := broken(one))}
    assert not failures, f"{what} at call {min(failures)}: {failures[min(failures)]}"


def test_every_promise_is_kept_whatever_happens() -> None:
    whole = tally(range(1, SEEDS + 1))
    assert not whole.broken, (
        f"{len(whole.broken)} of {SEEDS} break a promise; replay one with "
        f".venv/bin/python -m tests.scenarios.ailing {min(whole.broken)}\n{whole.broken}"
    )
    if FULL:
        assert not {what: whole.fired[what] for what in FAULTS if whole.fired[what] < 20}
        assert not REASONS - set(whole.reasons)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_planted_bugs_are_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.plant(monkeypatch)
    for scenario in islice(mutant.hunt(), mutant.within):
        _, world = sim.record(scenario)
        if check(world.tape, world.law(), quiet=True):
            return
    pytest.fail(f"{mutant.name} survived {mutant.within} histories")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_hunts_find_nothing_in_the_real_code(mutant: Mutant) -> None:
    (scenario,) = islice(mutant.hunt(), 1)
    assert broken(scenario) == []

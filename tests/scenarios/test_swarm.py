"""Seeded histories under random subsets of faults: promises kept, faults fired, paths taken."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from tests.scenarios.swarm import Tally, hunt, tally

FULL = os.environ.get("FLEETMEND_PROOF") == "full"
SEEDS = 2400 if FULL else 120
EACH = 100 if FULL else 1
"""How often each fault must have fired."""

FAULTS = frozenset(
    {
        *("crash before", "crash after", "crashed", "pause before", "pause after"),
        *("throttled", "answer lost", "answer late", "stale_reads", "skewed_clock"),
        *("event lost", "event repeated", "event late", "false_event", "drop_sweeps"),
        *("garbage_record", "concurrent_runs", "redeliver"),
        *("fall_back", "slow_boot", "impair", "start", "stop", "terminate", "retag"),
        *("no_capacity", "hold", "release", "mode", "retry"),
        *("fault:timeout", "fault:connection", "fault:AccessDenied", "fault:InternalError"),
        "fault:InsufficientInstanceCapacity",
    }
)
RECORDS = frozenset(
    {
        *("open: starting", "open: started", "open: verifying", "open: stopping", "open: pending"),
        *("open: capacity", "open: fell-back", "open: retry", "exhausted: exhausted"),
        *("refused: held", "refused: spot", "refused: in-group", "refused: karpenter"),
        *("refused: managed", "refused: no-root-volume"),
        *("closed: recovered", "closed: running", "closed: terminated", "closed: out-of-scope"),
        *("closed: unreadable", "set-aside: "),
    }
)
"""Status and reason of the records that must have been written."""

SELDOM = frozenset({"open: throttled", "open: refused", "open: unknown", "would refused: observe"})
"""More of them, which only the full proof has histories enough for."""


def total() -> Tally:
    """All seeds, on every core."""
    chunks = [range(n, min(n + 20, SEEDS + 1)) for n in range(1, SEEDS + 1, 20)]
    whole = Tally()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 8), mp_context=context) as pool:
        for part in pool.map(tally, chunks):
            whole.add(part)
    return whole


def test_every_promise_is_kept_whatever_happens() -> None:
    """Promises kept in every history; and enough happened in them for that to mean something."""
    whole = total()
    print(whole.told())
    shown = "\n".join(
        f"seed {seed}: {found[:3]}" for seed, found in sorted(whole.broken.items())[:5]
    )
    assert not whole.broken, (
        f"{len(whole.broken)} of {SEEDS} histories break a promise; replay one with "
        f".venv/bin/python -m tests.scenarios.swarm {min(whole.broken)}\n{shown}"
    )
    seldom = {what: whole.fired[what] for what in FAULTS if whole.fired[what] < EACH}
    assert not seldom, f"fired fewer than {EACH} times: {seldom}"
    missing = (RECORDS | (SELDOM if FULL else frozenset())) - set(whole.reasons)
    assert not missing, f"never written: {sorted(missing)}"


def test_a_seed_replays_exactly() -> None:
    (first, one), (second, other) = hunt(17), hunt(17)
    assert first == second
    assert one.events == other.events

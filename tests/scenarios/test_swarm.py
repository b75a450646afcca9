"""Seeded histories under random subsets of faults: promises kept, faults fired, paths taken."""

import os
from dataclasses import dataclass

import pytest

from tests.scenarios import ailing, swarm, swarm_rebuild, swarm_types
from tests.scenarios.swarm import Swarm, hunt, total

FULL = os.environ.get("FLEETMEND_PROOF") == "full"

COMMON = frozenset(
    {
        *("crash before", "crash after", "pause before", "pause after"),
        *("throttled", "answer lost", "answer late", "event lost", "event repeated"),
    }
)
"""What goes wrong in every family."""

OF_CALLS = COMMON | {
    *("crashed", "stale_reads", "skewed_clock", "false_event", "drop_sweeps"),
    *("garbage_record", "concurrent_runs", "redeliver"),
    "fault:timeout",
}
"""What may go wrong whatever a controller does."""

RECOVERY = OF_CALLS | {
    *("event late", "fall_back", "slow_boot", "impair", "start", "stop", "terminate", "retag"),
    *("no_capacity", "hold", "release", "mode", "retry"),
    *("fault:AccessDenied", "fault:InsufficientInstanceCapacity"),
    *("fault:connection", "fault:InternalError"),
}
REBUILD = OF_CALLS | {
    *("event late", "slow_boot", "impair", "terminate", "retag", "no_capacity", "hold", "release"),
    *("mode", "retry", "take_address", "spoil_launch", "detach_volume", "detach_interfaces"),
}
MANY = COMMON | {"crashed", "event late", "stop", "terminate", "hold", "retry_all"}
HEALTH = COMMON | {
    *("concurrent_runs", "impair", "unhealthy_target", "heal", "stop", "terminate", "slow_boot"),
    *("no_capacity", "retire", "silence_agent", "refresh", "hold", "release"),
}


@dataclass(frozen=True)
class Family:
    """Histories of one kind.

    Each of `faults` must have fired `least` times, and `each` times in the full proof. `records`
    are the status and reason of records that must have been written; `seldom` are more of them,
    which only the full proof has histories enough for.
    """

    of: Swarm
    few: int
    all: int
    each: int
    least: int
    faults: frozenset[str]
    records: frozenset[str]
    seldom: frozenset[str] = frozenset()


FAMILIES = {
    "recovery": Family(
        swarm.scenario,
        few=90,
        all=2400,
        each=100,
        least=1,
        faults=RECOVERY,
        records=frozenset(
            {
                *("open: starting", "open: started", "open: verifying", "open: stopping"),
                *("open: pending", "open: capacity", "open: fell-back", "open: retry"),
                *("exhausted: exhausted", "refused: held", "refused: spot", "refused: in-group"),
                *("refused: karpenter", "refused: managed", "refused: no-root-volume"),
                *("closed: recovered", "closed: running", "closed: terminated"),
                *("closed: out-of-scope", "closed: unreadable", "set-aside: "),
            }
        ),
        seldom=frozenset(
            {"open: throttled", "open: refused", "open: unknown", "would refused: observe"}
        ),
    ),
    "types": Family(
        swarm_types.scenario,
        few=8,
        all=600,
        each=20,
        least=0,
        faults=RECOVERY,
        records=frozenset({"open: capacity", "open: changing-type", "open: type-changed"}),
    ),
    "mass stop": Family(
        swarm.many,
        few=10,
        all=400,
        each=10,
        least=0,
        faults=MANY,
        records=frozenset(
            {
                *("exhausted: mass-stop", "refused: mass-stop", "open: gathering", "open: paced"),
                *("open: pacing", "closed: over", "closed: recovered", "closed: digest"),
            }
        ),
    ),
    "health": Family(
        ailing.scenario,
        few=14,
        all=1000,
        each=100,
        least=0,
        faults=HEALTH,
        records=frozenset({"open: watching", "open: replace", "closed: healthy"}),
        seldom=frozenset(
            {
                *("open: replacing", "open: suspend", "open: outage", "open: reset"),
                *("open: resume", "open: budget", "open: held", "open: refreshing"),
                "open: below-floor",
            }
        ),
    ),
    "rebuild": Family(
        swarm_rebuild.scenario,
        few=40,
        all=1600,
        each=50,
        least=1,
        faults=REBUILD,
        records=frozenset(
            {
                *("open: settling", "open: launch", "open: verifying", "open: attach"),
                *("open: fell-back", "closed: kept", "closed: rebuilt"),
                "set-aside: ",
            }
        ),
        seldom=frozenset(
            {
                *(
                    "open: capacity",
                    "open: address-taken",
                    "open: shutting-down",
                    "open: drifted",
                    "open: restore",
                ),
                *("exhausted: exhausted", "refused: held", "refused: out-of-scope"),
                *("closed: no-blueprint", "closed: out-of-scope", "would refused: observe"),
            }
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_promise_is_kept_whatever_happens(name: str) -> None:
    """Promises kept in every history; and enough happened in them for that to mean something."""
    family = FAMILIES[name]
    seeds, each = (family.all, family.each) if FULL else (family.few, family.least)
    whole = total(seeds, family.of)
    print(whole.told())
    shown = "\n".join(
        f"seed {seed}: {found[:3]}" for seed, found in sorted(whole.broken.items())[:5]
    )
    place = f"{family.of.__module__} {min(whole.broken, default=0)} {family.of.__name__}"
    assert not whole.broken, (
        f"{len(whole.broken)} of {seeds} histories break a promise; "
        f"replay one with .venv/bin/python -m {place}\n{shown}"
    )
    seldom = {what: whole.fired[what] for what in family.faults if whole.fired[what] < each}
    assert not seldom, f"fired fewer than {each} times: {seldom}"
    missing = (family.records | (family.seldom if FULL else frozenset())) - set(whole.reasons)
    assert not missing, f"never written: {sorted(missing)}"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_seed_replays_exactly(name: str) -> None:
    of = FAMILIES[name].of
    (first, one), (second, other) = hunt(17, of), hunt(17, of)
    assert first == second
    assert one.events == other.events

"""The simulated world: the real functions and SDK over AWS in memory, in virtual time."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from fleetmend.core.compliance import CONCERN as COMPLIANCE
from fleetmend.lab.history import History
from fleetmend.lab.scenario import Scenario
from fleetmend.lab.sim.compliance import ComplianceWorld
from fleetmend.lab.sim.product import entry
from fleetmend.lab.sim.verbs import carry_out
from fleetmend.lab.sim.world import World

__all__ = ["World", "play", "record"]


def play(scenario: Scenario, *, seed: int | None = None) -> History:
    """Play a scenario; the same scenario and seed give the same history.

    Args:
        scenario: what happens.
        seed: the source of all chance, instead of the scenario's own.
    """
    return record(scenario, seed=seed)[0]


def record(scenario: Scenario, *, seed: int | None = None) -> tuple[History, World]:
    """Play a scenario and keep the world as it then is, with its tape, for the history checker."""
    kind = ComplianceWorld if scenario.concern == COMPLIANCE else World
    world = kind(scenario, entry, scenario.seed if seed is None else seed)
    with _quiet():
        return world.play(carry_out), world


@contextmanager
def _quiet() -> Generator[None]:
    """The function's log lines belong to its log, not to whoever plays a scenario."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)

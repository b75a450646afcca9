"""A play in the emulator world that can be watched while it goes on."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from fleetmend.core.graph import Graph
from fleetmend.lab.emulator.verbs import refuse_what_cannot_be
from fleetmend.lab.emulator.world import World, opened
from fleetmend.lab.history import History
from fleetmend.lab.scenario import Scenario

LOOK_EVERY = 0.4
"""Real seconds between two looks at what happened."""


def play(
    scenario: Scenario,
    *,
    graph: Graph,
    artifact: Path,
    speed: float,
    tell: Callable[[str], None],
    seen: Callable[[History, float], None],
) -> History:
    """Play a scenario and show its history again and again as it grows.

    Args:
        scenario: what happens.
        graph: the captured installation.
        artifact: the Lambda zip.
        speed: scenario seconds per real second.
        tell: gets a line for each step of the preparation.
        seen: gets the history so far and the scenario time, twice a second.

    Raises:
        EmulatorFailed: an emulator or the installation failed, or the scenario asks for what
            this world cannot do.
    """
    refuse_what_cannot_be(step.verb for step in scenario.timeline)
    prepared = threading.Event()

    def until_prepared(line: str) -> None:
        if not prepared.is_set():  # from then on `seen` tells it all
            tell(line)

    world_is = opened(scenario, graph=graph, artifact=artifact, speed=speed, tell=until_prepared)
    with world_is as world:
        prepared.set()
        _run(world, seen)
        return world.history()


def _run(world: World, seen: Callable[[History, float], None]) -> None:
    """Let it happen in a thread, and look on from this one."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            world.run()
        except BaseException as failure:  # noqa: BLE001 -- raised again below, in the caller
            failures.append(failure)

    playing = threading.Thread(target=run, name="lab-play", daemon=True)
    playing.start()
    while playing.is_alive():
        playing.join(LOOK_EVERY)
        seen(world.history(), min(world.scenario.end, max(0.0, world.clock(time.time()))))
    if failures:
        raise failures[0]

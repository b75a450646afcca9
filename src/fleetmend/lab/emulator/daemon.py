"""The process behind `lab up`: `python -m fleetmend.lab.emulator.daemon DIRECTORY`.

It reads what to install from a request file in the directory, writes the state file when all is
up, and ends on SIGTERM or SIGINT.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from fleetmend.core.graph import Graph, Node
from fleetmend.lab.emulator.processes import EmulatorFailed
from fleetmend.lab.emulator.state import REQUEST, STATE, LabState, write
from fleetmend.lab.emulator.untyped import Fields, Untyped, items
from fleetmend.lab.emulator.world import opened
from fleetmend.lab.scenario import Scenario


def graph_from(data: Mapping[str, Untyped]) -> Graph:
    """The graph whose fields these are."""

    def node(given: Fields) -> Node:
        listed = {key: tuple(given[key]) for key in ("dependencies", "secret_paths")}
        return Node(**dict(given, **listed))

    nodes, invokes = (tuple(map(node, items(data[key]))) for key in ("nodes", "invokes"))
    return Graph(data["project"], data["stack"], nodes, invokes, data["outputs"])


def say(line: str) -> None:
    """One line of progress for whoever reads the log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Start, write the state file, wait for the signal, stop."""
    directory = Path(sys.argv[1])
    ended = threading.Event()

    def end(_number: int, _frame: object) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    request = json.loads((directory / REQUEST).read_text("utf-8"))
    (directory / REQUEST).unlink()
    scenario = Scenario.model_validate(request["scenario"])
    try:
        with opened(
            scenario,
            graph=graph_from(request["graph"]),
            artifact=Path(request["artifact"]),
            speed=float(request["speed"]),
            tell=say,
        ) as world:
            write(
                directory,
                LabState(
                    pid=os.getpid(),
                    region=scenario.region,
                    speed=world.speed,
                    since=time.time(),
                    environment=world.emulators.environment(),
                    installed=world.installed.as_json(),
                    fleet=world.fleet.ids,
                ),
            )
            say("the lab is up")
            with world.sweeping():
                ended.wait()
    except EmulatorFailed as error:
        say(f"{error}\n{error.remedy}".rstrip())
        return 1
    finally:
        (directory / STATE).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The emulator world: AWS on loopback, the real artifact in it, and the faults it lacks.

`play` plays a scenario and gives its history; `opened` leaves the world open for a while; `up`,
`find` and `down` are about a lab that stays up in a process of its own. Each of them takes the
captured graph of an installation and the Lambda artifact: this room may not make either.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleetmend.lab.emulator.emulators import Emulators, client
    from fleetmend.lab.emulator.installer import Installation, install
    from fleetmend.lab.emulator.processes import EmulatorFailed
    from fleetmend.lab.emulator.state import LabState, down, find, up
    from fleetmend.lab.emulator.world import World, opened, play, tolerance

__all__ = [
    "EmulatorFailed",
    "Emulators",
    "Installation",
    "LabState",
    "World",
    "client",
    "down",
    "find",
    "install",
    "opened",
    "play",
    "tolerance",
    "up",
]

_PLACES = {
    "emulators": ("Emulators", "client"),
    "installer": ("Installation", "install"),
    "processes": ("EmulatorFailed",),
    "state": ("LabState", "down", "find", "up"),
    "world": ("World", "opened", "play", "tolerance"),
}


def __getattr__(name: str) -> object:
    """Load on first use: MiniStack's own process needs none of it, and it costs a second."""
    for place, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What the lab knows of an emulated instance and moto does not."""

import math
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Body:
    """What is known of an instance beyond moto's own.

    `ready_at` and `running_at` are readings of the monotonic clock, `retires_at` is real time
    since the epoch. `succeeds` is the member of its group in whose place it came.
    """

    ready_at: float = 0.0
    impaired: dict[str, str] = field(default_factory=dict[str, str])  # check → what mends it
    falls_back: int = 0
    spoiled: bool = False
    running_at: float = -math.inf
    target_ill: bool = False
    retires_at: float | None = None
    succeeds: str = ""
    checks_take: float | None = None
    stopping_takes: float | None = None
    operator: str = ""
    turn: int = 0  # counts changes, so that an overtaken timer does nothing
    past: list[tuple[float, str, datetime]] = field(
        default_factory=list[tuple[float, str, datetime]]
    )

"""Things that happen later: one thread, in the order of their time."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

_LOGGER = logging.getLogger(__name__)


class Timers:
    """Calls functions after a delay in real seconds, one at a time; `stop` forgets the rest."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="lab-timers", daemon=True)
        self._thread.start()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` so many seconds from now; at once for 0 or less."""
        with self._changed:
            due = time.monotonic() + max(0.0, seconds)
            heapq.heappush(self._due, (due, next(self._number), action))
            self._changed.notify()

    def stop(self) -> None:
        """Forget what is still to come, and end."""
        with self._changed:
            self._ended = True
            self._due.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._ended and (
                    not self._due or self._due[0][0] > time.monotonic() + 0.0005
                ):
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    self._changed.wait(wait)
                if self._ended:
                    return
                action = heapq.heappop(self._due)[2]
            try:
                action()
            except Exception:  # one action that fails must not keep the others from happening
                _LOGGER.exception("a timed action of the lab failed")

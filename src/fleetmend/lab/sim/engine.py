"""Virtual time: one clock, one queue of things to come, and threads that take turns.

A function run is a `Fiber`: a thread of its own, of which at most one runs at any moment and
only while the engine waits for it. Whoever sleeps hands the turn back, so what happens in which
order depends on the virtual times alone: the same seed gives the same history.
"""

import heapq
import threading
from collections.abc import Callable
from itertools import count


class Unwound(BaseException):
    """Ends a fiber from outside, past every `except Exception`, as a vanished machine would."""


class Crashed(Unwound):
    """The machine under the run is gone."""


class TimedOut(Unwound):
    """Lambda ended the run at its time-out."""


class Ended(Unwound):
    """The simulation is over, and nobody will know how the run would have gone on."""


class Fiber:
    """A thread that runs only while the engine lets it."""

    def __init__(self, engine: "Engine", body: Callable[[], None]) -> None:
        self._engine = engine
        self._body = body
        self._turn = threading.Lock()
        self._turn.acquire()
        self._doom: Unwound | None = None
        self.started = False
        self.done = False
        self.deadline = float("inf")
        self.pace = 1.0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)

    def start(self) -> None:
        """Let it run for the first time, now."""
        self.started = True
        self._thread.start()
        self.resume()

    def resume(self) -> None:
        """Give it the turn, and wait until it gives it back. Called by the engine only."""
        if self.done:
            return
        previous, self._engine.fiber = self._engine.fiber, self
        self._turn.release()
        self._engine.turn.acquire()
        self._engine.fiber = previous

    def end(self, doom: Unwound) -> None:
        """Unwind it where it sleeps."""
        if not self.done:
            self._doom = doom
            self.resume()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, `pace` times as fast. Called by the fiber itself.

        Raises:
            TimedOut: its deadline comes first.
        """
        wake = self._engine.now + max(seconds, 0.0) / self.pace
        late = wake > self.deadline
        self._engine.after(max(min(wake, self.deadline) - self._engine.now, 0.0), self.resume)
        self._wait()
        if late:
            raise TimedOut

    def _wait(self) -> None:
        self._engine.turn.release()
        self._turn.acquire()
        if self._doom is not None:
            raise self._doom

    def _main(self) -> None:
        self._turn.acquire()
        try:
            if self._doom is None:
                self._body()
        except BaseException as error:  # noqa: BLE001 -- the engine's thread raises it, not this one
            self.failure = error
        self.done = True
        self._engine.turn.release()


class Engine:
    """The clock, in seconds from the start, and what is to come. Equal times keep their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fiber: Fiber | None = None
        self.turn = threading.Lock()
        self.turn.acquire()
        self._order = count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._fibers: list[Fiber] = []

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it so much later."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), action))

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do it at that moment, or at once when it is past."""
        heapq.heappush(self._queue, (max(moment, self.now), next(self._order), action))

    def spawn(self, body: Callable[[], None]) -> Fiber:
        """A new fiber, which runs from now on.

        Whatever `body` raises stands in `failure`; a defect of the lab is the body's to report.
        """
        fiber = Fiber(self, body)
        self._fibers = [other for other in self._fibers if not other.done]
        self._fibers.append(fiber)
        self.after(0.0, fiber.start)
        return fiber

    def run(self, until: float) -> None:
        """Let everything happen that is due up to that moment."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = max(self.now, until)

    def close(self) -> None:
        """Unwind every fiber still under way, so that no thread is left behind."""
        self._queue.clear()
        for fiber in self._fibers:
            if fiber.started:
                fiber.end(Ended())
        self._fibers.clear()

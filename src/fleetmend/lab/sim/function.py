"""Lambda: runs that take turns, time out, crash and freeze, in containers that stay warm."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from fleetmend.aws.clients import THREADS
from fleetmend.core.ports import Parallel
from fleetmend.lab.sim import wire
from fleetmend.lab.sim.engine import Crashed, Ended, Engine, Fiber, TimedOut
from fleetmend.lab.sim.installed import Installed
from fleetmend.lab.tape import Run, Tape

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Machine:
    """What the function finds where it runs."""

    container: wire.Container
    clock: Callable[[], datetime]
    nonce: Callable[[], str]
    parallel: Parallel
    environment: Mapping[str, str]


Entry = Callable[[Mapping[str, Any], Any, Machine], Any]
"""The function: (event, Lambda's context, the machine) → what it returns."""


@dataclass(frozen=True)
class Context:
    """Lambda's context object, as far as anybody reads it."""

    aws_request_id: str
    function_name: str
    invoked_function_arn: str
    remaining: Callable[[], float]
    memory_limit_in_mb: int = 256
    function_version: str = "1"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the run."""
        return max(0, int(self.remaining() * 1000))


Note = Callable[..., None]


@dataclass
class Function:
    """The function, and the runs of it that are under way."""

    engine: Engine
    tape: Tape
    installed: Installed
    entry: Entry
    random: Random
    note: Note
    skew: float = 0.0
    skewed_until: float = 0.0
    defects: list[BaseException] = field(default_factory=list[BaseException])
    _under_way: dict[int, tuple[Run, int]] = field(default_factory=dict[int, tuple[Run, int]])

    def invoke(
        self, event: Mapping[str, Any], trigger: str, done: Callable[[str, Any], None]
    ) -> None:
        """Start a run; `done` hears how it ended (`finished`, `failed`, …) and what it returned."""
        run = Run(len(self.tape.runs) + 1, trigger, self.engine.now)
        self.tape.runs.append(run)
        busy = {number for _, number in self._under_way.values()}
        number = next(n for n in range(1000) if n not in busy)
        fiber = self.engine.spawn(lambda: self._body(fiber, run, event, number, done))
        fiber.deadline = self.engine.now + self.installed.timeout
        self._under_way[id(fiber)] = (run, number)

    def current(self) -> tuple[Fiber, Run]:
        """The fiber and the run whose turn it is."""
        fiber = self.engine.fiber
        if fiber is None:
            raise RuntimeError("a call from outside of every run")
        return fiber, self._under_way[id(fiber)][0]

    def pause(self, fiber: Fiber, run: Run, seconds: float) -> None:
        """Freeze the run; its time-out does not tick, as nothing ticks in a frozen machine."""
        began = self.engine.now
        fiber.deadline += seconds
        pace, fiber.pace = fiber.pace, 1.0
        self.note("run", "", "paused", run=run.n)
        fiber.sleep(seconds)
        fiber.pace = pace
        run.paused.append((began, self.engine.now))
        self.note("run", "", "resumed", run=run.n)

    def _body(
        self,
        fiber: Fiber,
        run: Run,
        event: Mapping[str, Any],
        number: int,
        done: Callable[[str, Any], None],
    ) -> None:
        self.note("run", "", "started", run=run.n, trigger=run.trigger)
        container = wire.container(self.installed.region, number)
        result: Any = None
        try:
            result = self.entry(event, self._context(fiber, run), self._machine(container))
            run.how = "finished"
        except Ended:
            return
        except Crashed:
            run.how = "crashed"
        except TimedOut:
            run.how = "timed-out"
        except NotImplementedError as defect:
            self.defects.append(defect)
            run.how = "failed"
        except Exception as error:  # noqa: BLE001 -- Lambda takes whatever a handler raises
            first = str(error).partition("\n")[0]
            run.how, run.error = "failed", f"{type(error).__name__}: {first}"
        run.ended = self.engine.now
        del self._under_way[id(fiber)]
        if run.how in {"crashed", "timed-out"}:
            container.fresh()
            self.tape.fire(run.how)
        self.note("run", "", run.how, run=run.n, trigger=run.trigger, error=run.error)
        done(run.how, result)

    def _machine(self, container: wire.Container) -> Machine:
        return Machine(
            container,
            self._clock,
            lambda: f"{self.random.getrandbits(128):032x}",
            self._parallel,
            self.installed.environment(),
        )

    def _parallel(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """One after the other, with time running as if THREADS of them went on at once."""
        fiber, _ = self.current()
        todo = list(items)
        before, fiber.pace = fiber.pace, float(max(1, min(THREADS, len(todo))))
        try:
            return [function(item) for item in todo]
        finally:
            fiber.pace = before

    def _clock(self) -> datetime:
        skew = self.skew if self.engine.now <= self.skewed_until else 0.0
        return self.installed.epoch + timedelta(seconds=self.engine.now + skew)

    def _context(self, fiber: Fiber, run: Run) -> Context:
        name = self.installed.queue_name
        arn = f"arn:aws:lambda:{self.installed.region}:{self.installed.account}:function:{name}"
        return Context(
            f"{run.n:08d}-0000-4000-8000-000000000000",
            name,
            arn,
            lambda: fiber.deadline - self.engine.now,
        )

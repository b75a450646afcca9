"""Virtual time and turns: order, sleep, deadlines, unwinding; nothing depends on the machine."""

import threading

import pytest

from fleetmend.lab.sim.engine import Crashed, Engine, TimedOut


def test_equal_times_keep_their_order() -> None:
    engine, seen = Engine(), []
    for n in range(5):
        engine.at(3.0, lambda n=n: seen.append(n))
    engine.after(1.0, lambda: seen.append("first"))
    engine.run(10.0)
    assert seen == ["first", 0, 1, 2, 3, 4]
    assert engine.now == 10.0


def test_fibers_take_turns_by_virtual_time() -> None:
    engine, seen = Engine(), []

    def body(name: str, step: float) -> None:
        for _ in range(3):
            engine.fiber.sleep(step)
            seen.append((name, engine.now))

    engine.spawn(lambda: body("a", 2.0))
    engine.spawn(lambda: body("b", 3.0))
    engine.run(100.0)
    assert seen == [("a", 2.0), ("b", 3.0), ("a", 4.0), ("b", 6.0), ("a", 6.0), ("b", 9.0)]


def test_a_deadline_ends_a_sleep() -> None:
    engine, seen = Engine(), []

    def body() -> None:
        try:
            engine.fiber.sleep(90.0)
        except TimedOut:
            seen.append(engine.now)

    fiber = engine.spawn(body)
    fiber.deadline = 60.0
    engine.run(100.0)
    assert seen == [60.0]


def test_no_except_exception_survives_an_unwinding() -> None:
    engine, seen = Engine(), []

    def body() -> None:
        try:
            engine.fiber.sleep(1000.0)
        except Exception:  # noqa: BLE001
            seen.append("swallowed")
        seen.append("went on")

    fiber = engine.spawn(body)
    engine.at(5.0, lambda: fiber.end(Crashed()))
    engine.run(10.0)
    assert seen == []
    assert isinstance(fiber.failure, Crashed)


def test_closing_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    engine = Engine()
    for _ in range(5):
        engine.spawn(lambda: engine.fiber.sleep(1e9))
    engine.run(1.0)
    assert threading.active_count() == before + 5
    engine.close()
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(1.0)
    assert threading.active_count() == before


def test_a_faster_pace_divides_sleeps() -> None:
    engine, seen = Engine(), []

    def body() -> None:
        engine.fiber.pace = 16.0
        engine.fiber.sleep(8.0)
        seen.append(engine.now)

    engine.spawn(body)
    engine.run(10.0)
    assert seen == [pytest.approx(0.5)]

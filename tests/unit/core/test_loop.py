"""The loop alone: what it promises of any concern, with recovery as the example."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core.events import Hold, Retry
from fleetmend.core.loop import Ports, amend, run
from fleetmend.core.model import Check, Instance, Outcome, RecoveryPolicy, Result, Status
from fleetmend.core.ports import LedgerUnavailable, Lost, ObservationFailed, PortError
from fleetmend.core.practices import recovering
from fleetmend.core.survey import Survey

from .memory import MemoryWorld

POLICY = RecoveryPolicy()


@pytest.fixture
def world():
    return MemoryWorld()


def stop(world, *names):
    for name in names:
        world.instances[name] = Instance(
            name, "stopped", world.time, "m7g.large", "z-1", tags={"Auto-Recover": "true"}
        )


def heal(world, name):
    ok = (Check("system", "ok"), Check("instance", "ok"))
    world.instances[name] = replace(world.instances[name], state="running", checks=ok)


def look(world, *names, **options):
    counter = iter(range(10_000))
    ports = Ports(world, world, world, world.parallel, lambda: f"id-{next(counter)}")
    cases = run(
        recovering(world, Survey(world, world, POLICY), POLICY),
        ports,
        dict.fromkeys(names),
        **options,
    )
    return {case.subject: case for case in cases}


def later(world, seconds):
    world.time += timedelta(seconds=seconds)


def test_a_stopped_instance_is_started_verified_told_and_closed(world):
    stop(world, "i-1")
    assert look(world, "i-1")["i-1"].outcome.result is Result.ACCEPTED
    assert world.hints == {"i-1"}
    later(world, 40)
    heal(world, "i-1")
    assert look(world, "i-1")["i-1"].decision.reason == "recovered"
    assert [fact.rsplit("/", 1)[1] for fact in world.sent] == ["recovered"]
    assert world.records["i-1"].status is Status.CLOSED
    assert world.hints == set()


def test_the_intent_is_written_before_the_act(world):
    stop(world, "i-1")
    written = []
    world.before_write = lambda record: written.append(
        (record.intent.state.value, list(world.starts))
    )
    look(world, "i-1")
    assert written == [("planned", []), ("issued", [["i-1"]])]


def test_one_bad_subject_stops_no_other(world):
    stop(world, "i-1", "i-2", "i-3")
    world.broken = {"i-2"}
    cases = look(world, "i-1", "i-2", "i-3")
    assert isinstance(cases["i-2"].failure, LedgerUnavailable)
    assert world.starts == [["i-1", "i-3"]]


def test_a_defect_met_on_one_subject_stops_no_other(world):
    stop(world, "i-1", "i-2")

    def explode(record):
        if record.subject == "i-1":
            raise ZeroDivisionError

    world.before_write = explode
    cases = look(world, "i-1", "i-2")
    assert "ZeroDivisionError" in str(cases["i-1"].failure)
    assert world.starts == [["i-2"]]


def test_nothing_is_done_on_an_intent_that_could_not_be_written(world):
    stop(world, "i-1", "i-2")

    def refuse(record):
        if record.subject == "i-1":
            raise LedgerUnavailable("503")

    world.before_write = refuse
    assert look(world, "i-1", "i-2")["i-1"].failure
    assert world.starts == [["i-2"]]


def test_a_describe_that_fails_decides_nothing(world):
    stop(world, "i-1")
    world.blind = True
    assert isinstance(look(world, "i-1")["i-1"].failure, PortError)
    assert world.records == {}


def test_a_subject_that_could_not_be_seen_is_that_one_s_failure(world):
    stop(world, "i-1", "i-2")
    real = world.observe
    world.observe = lambda ids: real(ids) | {"i-1": ObservationFailed("its own trouble")}
    cases = look(world, "i-1", "i-2")
    assert "its own trouble" in str(cases["i-1"].failure)
    assert world.starts == [["i-2"]]
    assert set(world.records) == {"i-2"}


def test_whoever_loses_the_write_decides_again_and_does_not_act(world):
    stop(world, "i-1")
    other = MemoryWorld()
    other.instances, other.records, other.hints = world.instances, world.records, world.hints

    def race(record):
        world.before_write = lambda record: None
        look(other, "i-1")

    world.before_write = race
    later(world, 0)
    case = look(world, "i-1")["i-1"]
    assert other.starts == [["i-1"]]
    assert world.starts == []
    assert case.outcome is None


def test_an_endless_quarrel_ends_as_a_failure(world):
    stop(world, "i-1")

    def always(record):
        raise Lost("i-1")

    world.before_write = always
    assert isinstance(look(world, "i-1")["i-1"].failure, Lost)


def test_an_undelivered_alert_is_told_later_by_another_run(world):
    stop(world, "i-1")
    world.outcome = lambda subject: Outcome(Result.REFUSED, "Nope")
    world.mute = True
    look(world, "i-1")
    world.mute = False
    look(world, "i-1", hints={"i-1"})
    assert world.sent == [], "its writer still has time"
    later(world, 91)
    look(world, "i-1", hints={"i-1"})
    look(world, "i-1", hints={"i-1"})
    assert len(world.sent) == 1


def test_many_alerts_become_one_digest(world):
    names = [f"i-{n}" for n in range(20)]
    stop(world, *names)
    world.outcome = lambda subject: Outcome(Result.REFUSED, "Nope")
    look(world, *names)
    assert len(world.sent) == 1
    assert all(world.records[n].alerts[0].delivered.startswith("digest:") for n in names)
    later(world, 200)
    look(world, *world.open())
    assert len(world.sent) == 1


def test_a_digest_that_could_not_be_sent_is_sent_later(world):
    names = [f"i-{n}" for n in range(20)]
    stop(world, *names)
    world.outcome = lambda subject: Outcome(Result.REFUSED, "Nope")
    world.mute = True
    look(world, *names)
    digest = next(name for name in world.hints if name.startswith("digest:"))
    world.mute = False
    later(world, 91)
    look(world, hints=[digest])
    assert len(world.sent) == 1
    assert digest not in world.hints


def test_garbage_is_set_aside_told_once_and_left_alone(world):
    stop(world, "i-1", "i-2")
    world.garbage["i-1"] = b"{"
    for _ in range(2):
        look(world, "i-1", "i-2")
    assert world.starts == [["i-2"]]
    assert [fact.split("/")[1] for fact in world.sent] == ["unreadable:i-1"]


def test_only_a_person_starts_garbage_anew(world):
    stop(world, "i-1")
    world.garbage["i-1"] = b"{"
    ports = Ports(world, world, world, world.parallel, lambda: "id")
    practice = recovering(world, Survey(world, world, POLICY), POLICY)
    with pytest.raises(PortError, match="cannot be read"):
        amend(practice, ports, "i-1", Hold("i-1", world.time, "ann", "why"))
    assert amend(practice, ports, "i-1", Retry("i-1", "ann")).status is Status.OPEN
    look(world, "i-1")
    assert world.starts == [["i-1"]]


def test_a_stale_hint_is_removed(world):
    world.hints = {"i-9"}
    look(world, hints=["i-9"])
    assert world.hints == set()


def test_a_wake_up_names_the_last_revision_written(world):
    stop(world, "i-1")
    look(world, "i-1")
    [wakes] = world.wakes
    assert wakes == {"i-1": (world.records["i-1"].revision, 30.0)}


def test_an_early_wake_up_is_put_back_and_an_outdated_one_dropped(world):
    stop(world, "i-1")
    world.outcome = lambda subject: Outcome(Result.CAPACITY)
    look(world, "i-1")
    revision = world.records["i-1"].revision
    world.wakes.clear()
    later(world, 10)
    ports = Ports(world, world, world, world.parallel, lambda: "id")
    run(recovering(world, Survey(world, world, POLICY), POLICY), ports, {"i-1": revision})
    assert world.wakes == [{"i-1": (revision, 20.0)}]
    world.wakes.clear()
    run(recovering(world, Survey(world, world, POLICY), POLICY), ports, {"i-1": revision - 1})
    assert world.wakes == []


def test_a_retry_gives_an_exhausted_incident_a_new_budget(world):
    stop(world, "i-1")
    world.outcome = lambda subject: Outcome(Result.REFUSED, "Nope")
    for _ in range(3):
        look(world, "i-1")
        later(world, 400)
    assert world.records["i-1"].status is Status.EXHAUSTED
    look(world, "i-1")
    assert len(world.starts) == 3
    ports = Ports(world, world, world, world.parallel, lambda: "id")
    amend(
        recovering(world, Survey(world, world, POLICY), POLICY), ports, "i-1", Retry("i-1", "ann")
    )
    look(world, "i-1")
    assert len(world.starts) == 4

"""Many fail one after the other, told of by many runs: few messages, the first ones at once."""

from typing import Any

import pytest

from fleetmend.core import gathering
from fleetmend.lab import sim
from fleetmend.lab.checker import check
from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet, general

COUNT = 36
ON = {"Auto-Recover": "true"}


@pytest.fixture(scope="module")
def world() -> sim.World:
    """As a thousand in an hour: one every 3.6 s, and none of them can be started."""
    names = [f"api-{k + 1}" for k in range(COUNT)]
    steps = [Step(0.0, fleet.FallBack(subject=name, times=9)) for name in names]
    steps += [Step(10.0 + 3.6 * k, fleet.Stop(subject=name)) for k, name in enumerate(names)]
    storm = Scenario(
        name="a storm bit by bit",
        fleet=Fleet(instances=(Instances(name="api", count=COUNT, tags=ON),)),
        settings=Installed(recovery={"mass_count": 100_000}),
        timeline=(*steps, Step(1500.0, general.End())),
    )
    return sim.record(storm)[1]


def writes(world: sim.World) -> list[tuple[float, Any]]:
    """Every record as it was written."""
    return [
        (call.done, call.written)
        for call in world.tape.calls
        if call.done is not None and isinstance(call.written, dict)
    ]


def test_a_storm_that_comes_bit_by_bit_is_few_messages_and_every_fact_is_told_once(world) -> None:
    assert check(world.tape, world.law(), quiet=True) == []
    owed: dict[str, float] = {}
    for at, body in writes(world):
        for alert in body.get("alerts", ()):
            if not str(body["subject"]).startswith("digest:"):
                owed.setdefault(alert["fact"], at)
    alone = {one.fact for one in world.tape.told}
    carried = {
        entry[1] for _, body in writes(world) for entry in body.get("detail", {}).get("joined", ())
    }
    assert len(owed) == 3 * COUNT
    assert not alone & carried
    assert len(world.tape.told) < len(owed) / 2
    assert min(one.at for one in world.tape.told) - min(owed.values()) < 10


def test_what_joined_is_told_when_its_time_has_come(world) -> None:
    joined: dict[str, float] = {}
    for at, body in writes(world):
        if body.get("detail", {}).get("joined"):
            joined.setdefault(str(body["subject"]), at)
    told = {one.subject: one.at for one in world.tape.told}
    assert joined
    latest = gathering.WAIT.total_seconds() + 120 + 10  # the next sweep, where nothing else comes
    for carrier, since in joined.items():
        assert told[carrier] - since <= latest, carrier


def test_the_checker_knows_a_storm(monkeypatch: pytest.MonkeyPatch, world) -> None:
    from fleetmend.lab.checker import records  # noqa: PLC0415

    monkeypatch.setattr(records, "MOST_MESSAGES", 15)
    found = {one.rule for one in check(world.tape, world.law(), quiet=True)}
    assert found == {"storm"}

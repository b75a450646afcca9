"""The packaged product in the embedded AWS."""

import os
import time
from pathlib import Path

import pytest

from fleetmend.cli.building import Build
from fleetmend.lab.emulator import (
    EmulatorFailed,
    LabState,
    client,
    down,
    find,
    opened,
    play,
    tolerance,
    up,
)
from fleetmend.lab.emulator.processes import HOST, listen
from fleetmend.lab.emulator.state import write
from fleetmend.lab.judge import judge
from fleetmend.lab.scenario import loads
from tests.scenarios.emulated import REGION, leftovers, state

pytestmark = pytest.mark.emulator


PLAIN = """
name: a plain stop
fleet:
  instances:
    - {name: api, tags: {Auto-Recover: "true"}}
    - {name: other, tags: {Auto-Recover: "no"}}
timeline:
  - {at: 0s, stop: api, takes: 2s}
  - {at: 0s, stop: other, takes: 2s}
  - {at: 20s, end: true}
expect:
  - {first_attempt: api, within: 30s}
  - {attempts: api, exactly: 1}
  - {state: api, is: running}
  - {untouched: other}
"""


def test_an_event_brings_a_start_within_thirty_seconds(build: Build) -> None:
    scenario = loads(PLAIN)
    with opened(scenario, graph=build.graph, artifact=build.artifact, speed=1.0) as world:
        assert world.installed.may_start == ("Auto-Recover", "true"), "as the role declares it"
        assert world.installed.sweep_input == '{"fleetmend": "sweep"}'
        assert world.installed.sweep_target.endswith(":live")
        world.run()
        history = world.history()
    verdicts = judge(scenario, history)  # real time, no tolerance
    assert all(verdict.held for verdict in verdicts), verdicts
    assert not [event for event in history.of("run") if event.what == "failed"]
    started = history.of("call", "ec2:StartInstances")[0]
    run = started.detail["run"]
    trigger = {
        event.detail["run"]: event.detail["trigger"] for event in history.of("run", "started")
    }
    assert trigger[run] == "queue", "the event did it, not the sweep"


TROUBLE = """
name: garbage, a crash and a lost answer
seed: 3
fleet:
  instances:
    - {count: 3, name: api, tags: {Auto-Recover: "true"}}
    - {name: late, tags: {Auto-Recover: "true"}}
    - {name: broken, tags: {Auto-Recover: "true"}}
timeline:
  - {at: 0s, garbage_record: broken}
  - {at: 1s, lost_answer: {service: ec2, operation: StartInstances, subject: api-1, times: 1}}
  - {at: 1s, crash_at_call: {call: 2, service: s3, operation: PutObject}}
  - {at: 2s, stop: api}
  - {at: 2s, stop: broken}
  - {at: 6m, stop: late}
  - {at: 6m, crash_at_call: {service: ec2, operation: StartInstances, when: after}}
  - {at: 25m, end: true}
expect:
  - {recovered: api}
  - {recovered: late}
  - {attempts: late, exactly: 1}
  - {set_aside: broken}
  - {untouched: broken}
  - {crashed_runs: {exactly: 2}}
"""


def test_a_crash_a_lost_answer_and_garbage(build: Build) -> None:
    scenario = loads(TROUBLE)
    history = play(scenario, graph=build.graph, artifact=build.artifact, speed=40.0)
    verdicts = judge(scenario, history, tolerance=tolerance(40.0))
    assert all(verdict.held for verdict in verdicts), verdicts
    assert any(event.detail["lost"] for event in history.of("call", "ec2:StartInstances", "api-1"))
    crashed = [event.detail["run"] for event in history.of("run", "crashed")]
    assert len(crashed) == 2, "each crash ends the one run that made the call"
    last = {event.detail["run"]: event.what for event in history.of("call")}
    assert [last[run] for run in crashed] == ["s3:PutObject", "ec2:StartInstances"]


def test_a_lab_stays_up_until_it_is_ended(build: Build, tmp_path: Path) -> None:
    told: list[str] = []
    state_of_it = up(
        graph=build.graph,
        artifact=build.artifact,
        scenario=loads(PLAIN),
        directory=tmp_path,
        tell=told.append,
    )
    try:
        assert "the lab is up" in told
        assert find(tmp_path) == state_of_it
        assert oct((tmp_path / "lab.json").stat().st_mode)[-3:] == "600"
        ec2 = client(state_of_it.environment, "ec2", app="somebody")
        assert state(ec2, state_of_it.fleet["api-1"]) == "running"
        with pytest.raises(EmulatorFailed, match="up already"):
            up(
                graph=build.graph,
                artifact=build.artifact,
                scenario=loads(PLAIN),
                directory=tmp_path,
            )
    finally:
        assert down(tmp_path)
    assert not leftovers(state_of_it.pid)
    assert find(tmp_path) is None
    assert not down(tmp_path)


def test_a_state_file_whose_lab_is_gone_is_removed(tmp_path: Path) -> None:
    with listen() as free:
        port = int(free.getsockname()[1])
    url = f"http://{HOST}:{port}"
    environment = {"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_EC2": url}
    write(tmp_path, LabState(os.getpid(), REGION, 1.0, time.time(), environment, {}, {}))
    assert find(tmp_path) is None
    assert not (tmp_path / "lab.json").exists()


def test_a_state_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text("{}")
    with pytest.raises(EmulatorFailed, match=r"lab\.json is not a lab's state"):
        find(tmp_path)


def test_what_this_world_cannot_do_is_said_before_it_starts(build: Build) -> None:
    text = PLAIN.replace("stop: other, takes: 2s", "skewed_clock: {ahead: 1m, for: 1m}")
    with pytest.raises(EmulatorFailed, match="cannot carry out: skewed_clock"):
        play(loads(text), graph=build.graph, artifact=build.artifact)
    with pytest.raises(EmulatorFailed, match="speed 1000 is not possible"):
        play(loads(PLAIN), graph=build.graph, artifact=build.artifact, speed=1000)

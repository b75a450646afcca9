"""A lab that stays up: the file that says where it is, and how others find and end it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from fleetmend.core.graph import Graph
from fleetmend.lab.emulator.control import Control
from fleetmend.lab.emulator.emulators import say_nothing
from fleetmend.lab.emulator.processes import EmulatorFailed
from fleetmend.lab.emulator.untyped import Fields
from fleetmend.lab.scenario import Scenario

DIRECTORY = Path(".fleetmend")
STATE, REQUEST, LOG = "lab.json", "lab.request.json", "lab.log"

_STARTS_WITHIN = 180.0
_STOPS_WITHIN = 15.0


@dataclass(frozen=True, slots=True)
class LabState:
    """A running lab.

    `environment` is what an AWS SDK needs to speak to it. `installed` is the installation's
    project, suffix, function, queue, bucket and topic; `fleet` the instances' ids by name.
    `since` is real time since the epoch.
    """

    pid: int
    region: str
    speed: float
    since: float
    environment: Mapping[str, str]
    installed: Mapping[str, str]
    fleet: Mapping[str, str]

    @property
    def project(self) -> str:
        """The installation's project."""
        return self.installed["project"]

    @property
    def suffix(self) -> str:
        """The installation's environment suffix."""
        return self.installed["suffix"]

    @property
    def names(self) -> dict[str, str]:
        """The fleet's names by instance id."""
        return {identity: name for name, identity in self.fleet.items()}

    @property
    def endpoint(self) -> str:
        """Where everything but EC2, Auto Scaling and load balancing is."""
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def ec2_endpoint(self) -> str:
        """Where EC2, Auto Scaling and load balancing are."""
        return self.environment["AWS_ENDPOINT_URL_EC2"]


def find(directory: Path = DIRECTORY) -> LabState | None:
    """The running lab of this directory; a file left by one that is gone is removed.

    Raises:
        EmulatorFailed: the file is there and cannot be read.
    """
    file = directory / STATE
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EmulatorFailed(f"{file} cannot be read: {error.strerror}") from error
    try:
        given: Fields = json.loads(text)
        state = LabState(**given)
        answers = _answers(state)
    except (ValueError, TypeError, KeyError) as error:
        raise EmulatorFailed(
            f"{file} is not a lab's state: {error}", remedy=f"remove it: rm {file}"
        ) from error
    if answers:
        return state
    file.unlink(missing_ok=True)
    return None


def write(directory: Path, state: LabState) -> None:
    """Put the file there, readable by its owner only, all at once."""
    directory.mkdir(parents=True, exist_ok=True)
    passing = directory / f"{STATE}.{os.getpid()}"
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file, indent=1)
    passing.replace(directory / STATE)


def up(
    *,
    graph: Graph,
    artifact: Path,
    scenario: Scenario,
    speed: float = 1.0,
    directory: Path = DIRECTORY,
    tell: Callable[[str], None] = say_nothing,
) -> LabState:
    """Start a lab in a process of its own that goes on until `down`.

    Args:
        graph: the captured installation.
        artifact: the Lambda zip.
        scenario: gives the region, the fleet and the settings; its timeline is not played.
        speed: as in `play`.
        directory: where the state file and the log are.
        tell: gets a line for each step.

    Raises:
        EmulatorFailed: one is up already, or it does not start; the end of its log is in it.
    """
    running = find(directory)
    if running:
        raise EmulatorFailed(
            f"a lab is up already (process {running.pid})", remedy="fleetmend lab down"
        )
    directory.mkdir(parents=True, exist_ok=True)
    kept = scenario.model_dump(
        mode="json",
        include={"name", "concern", "seed", "region", "fleet", "settings"},
        by_alias=True,
    )
    request = {
        "graph": asdict(graph),
        "artifact": str(artifact.resolve()),
        "scenario": kept,
        "speed": speed,
    }
    (directory / REQUEST).write_text(json.dumps(request), "utf-8")
    log = directory / LOG
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this program and one path
            [sys.executable, "-m", "fleetmend.lab.emulator.daemon", str(directory.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _await_state(process, directory, tell)
    except BaseException:
        _end(process.pid)
        raise


def _await_state(
    process: "subprocess.Popen[bytes]", directory: Path, tell: Callable[[str], None]
) -> LabState:
    """Pass the log on until the state file is there."""
    log, told, until = directory / LOG, 0, time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until:
        lines = log.read_text("utf-8", "replace").splitlines(keepends=True)
        whole = [line.rstrip() for line in lines if line.endswith("\n")]
        for line in whole[told:]:
            tell(line)
        told = len(whole)
        if process.poll() is not None:
            break
        state = find(directory)
        if state and state.pid == process.pid:
            return state
        time.sleep(0.1)
    end = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
    raise EmulatorFailed(f"the lab did not start; the end of {log}:\n{end}")


def down(directory: Path = DIRECTORY) -> bool:
    """End the lab of this directory; whether there was one.

    Raises:
        EmulatorFailed: it does not end.
    """
    state = find(directory)
    if state is None:
        return False
    if not _end(state.pid):
        raise EmulatorFailed(
            f"the lab's process {state.pid} does not end", remedy=f"kill -9 {state.pid}"
        )
    (directory / STATE).unlink(missing_ok=True)
    return True


def _answers(state: LabState) -> bool:
    """Whether the process of the file is alive and is the lab: process ids are used again."""
    try:
        return bool(Control(state.ec2_endpoint).get("who")["pid"] == state.pid)
    except OSError:
        return False


def _end(pid: int) -> bool:
    """Ask a process to end, then make it; whether it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + _STOPS_WITHIN
        while time.monotonic() < until:
            if _gone(pid):
                return True
            time.sleep(0.05)
    return False


def _gone(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # our own child would stay as a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False

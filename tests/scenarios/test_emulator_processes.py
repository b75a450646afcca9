"""Starting and ending, with nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleetmend.lab.emulator import EmulatorFailed, Emulators
from fleetmend.lab.emulator.processes import HOST, MinistackProcess, listen
from tests.scenarios.emulated import REGION, eventually, leftovers, run, state

pytestmark = pytest.mark.emulator


def test_nothing_is_left_behind() -> None:
    ministack = MinistackProcess(region=REGION)
    with ministack:
        folder, process = ministack.folder, ministack.pid
        assert folder.is_dir()
        assert leftovers(process)
    assert not folder.exists()
    assert not leftovers(process)


KILLED = """
import signal
import time
from fleetmend.lab.emulator.processes import MinistackProcess

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
ministack = MinistackProcess(region="eu-west-1")
ministack.start()
print(ministack.pid, ministack.folder, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_owner_however_that_ends(number: int) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    assert owner.stdout is not None
    process, folder = owner.stdout.readline().split()
    os.kill(owner.pid, number)
    owner.wait(20)
    eventually(lambda: not leftovers(int(process)))
    eventually(lambda: not Path(folder).exists())


def test_a_port_that_is_taken_is_named() -> None:
    with listen() as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(
            EmulatorFailed, match=rf"port {port} on {HOST} cannot be opened"
        ) as failed:
            Emulators(region="ap-south-1", ports=(0, port)).start()
        assert "free" in failed.value.remedy
        with pytest.raises(EmulatorFailed, match=rf"port {port} "):
            Emulators(region="ap-south-1", ports=(port, 0)).start()


def test_a_region_is_served_once_in_a_process(lab: Emulators) -> None:
    with pytest.raises(EmulatorFailed, match=rf"EC2 of {REGION} already"):
        Emulators(region=REGION).start()
    assert state(lab.client("ec2"), run(lab)[0]) == "running"

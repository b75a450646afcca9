"""What the tests of the embedded AWS share."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fleetmend.lab.emulator import Emulators
from fleetmend.lab.emulator.physics import Pace

REGION = "eu-west-1"
"""Not that of the plays: moto keeps one state for each region of the process."""

PACE = Pace(pending=0.3, checks=0.4, stopping=0.3, shutting_down=0.2, speed=100.0)


def eventually(true: Callable[[], object], within: float = 15.0) -> None:
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)


def run(lab: Emulators, count: int = 1, kind: str = "m5.large", zone: str = "a") -> list[str]:
    """Instances that run, with their checks ok."""
    lab.physics.born_settled = True
    try:
        made = lab.client("ec2").run_instances(
            ImageId="ami-0123456789abcdef0",
            MinCount=count,
            MaxCount=count,
            InstanceType=kind,
            Placement={"AvailabilityZone": f"{REGION}{zone}"},
        )
    finally:
        lab.physics.born_settled = False
    return [instance["InstanceId"] for instance in made["Instances"]]


def state(ec2: Any, name: str) -> str:
    found = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def checks(ec2: Any, name: str) -> dict[str, str]:
    found = ec2.describe_instance_status(InstanceIds=[name], IncludeAllInstances=True)
    one = found["InstanceStatuses"][0]
    return {
        key: one[key]["Status"] for key in ("SystemStatus", "InstanceStatus", "AttachedEbsStatus")
    }


def stop(lab: Emulators, *names: str) -> None:
    ec2 = lab.client("ec2")
    ec2.stop_instances(InstanceIds=list(names))
    eventually(lambda: all(state(ec2, name) == "stopped" for name in names))


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def leftovers(process: int) -> list[str]:
    """Processes whose parent is the given one, or that run out of one of the lab's folders."""
    found = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    )
    return [line for line in found.stdout.splitlines() if f" {process} " in f" {line} "]

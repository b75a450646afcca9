"""One embedded AWS for all tests of a worker: it takes seconds to start."""

from collections.abc import Iterator
from typing import Any

import pytest

from fleetmend.cli.building import Build, built
from fleetmend.lab.emulator import Emulators, client
from tests.scenarios.emulated import PACE, REGION


@pytest.fixture(scope="session")
def lab() -> Iterator[Emulators]:
    """MiniStack and EC2 in a region of their own, at a quick pace."""
    with Emulators(region=REGION, pace=PACE) as emulators:
        yield emulators


@pytest.fixture(autouse=True)
def _calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a fault to the next."""
    yield
    if "lab" in request.fixturenames:
        emulators: Emulators = request.getfixturevalue("lab")
        emulators.calm()


@pytest.fixture
def stranger(lab: Emulators) -> Any:
    """An EC2 client that faults do strike."""
    return client(lab.environment(), "ec2", app="somebody")


@pytest.fixture(scope="session")
def build() -> Iterator[Build]:
    """The real artifact and the captured installation."""
    with built("us-east-1") as installation:
        yield installation


@pytest.fixture(scope="session")
def rebuild_build() -> Iterator[Build]:
    """The same with rebuild's controller in recovery's place."""
    with built("us-east-1", "rebuild") as installation:
        yield installation


@pytest.fixture(scope="session")
def remediation_build() -> Iterator[Build]:
    """The same with remediation's controller beside recovery's."""
    with built("us-east-1", "remediation") as installation:
        yield installation


@pytest.fixture(scope="session")
def health_build() -> Iterator[Build]:
    """The same with health's controller in recovery's place."""
    with built("us-east-1", "health") as installation:
        yield installation

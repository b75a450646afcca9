"""What tests of the adapters share."""

import pytest
from botocore import endpoint

from fleetmend.lab.sim import wire
from tests.unit.aws.ledgers import World


@pytest.fixture
def no_waiting(monkeypatch):
    """The SDK sends again at once."""
    monkeypatch.setattr(endpoint.time, "sleep", lambda _: None)


@pytest.fixture
def world():
    """A bucket and its ledgers."""
    made = World()
    with wire.connected(made.serve, made.waited.append, seed=1):
        for number in range(3):
            wire.container("us-east-1", number).fresh()
        yield made

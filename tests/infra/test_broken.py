"""`check` names exactly the one fault of each broken program, and nothing in its sound twin."""

import importlib
import pkgutil
from types import ModuleType

import pytest

from fleetmend.deploy.capture import capture
from fleetmend.deploy.check import Finding, Severity, check
from tests.infra import broken

NOT_PROGRAMS = {"parts"}
PROGRAMS = [
    importlib.import_module(f"{broken.__name__}.{found.name}")
    for found in pkgutil.iter_modules(broken.__path__)
    if found.name not in NOT_PROGRAMS
]


def found(module: ModuleType, *, faulty: bool) -> list[Finding]:
    graph = capture(lambda: module.program(broken=faulty), config={}, project="broken")
    return [finding for finding in check(graph) if finding.severity is not Severity.INFO]


@pytest.mark.parametrize("module", PROGRAMS, ids=lambda m: m.__name__.rpartition(".")[2])
def test_names_the_one_fault(module: ModuleType) -> None:
    faults = found(module, faulty=True)
    assert [(fault.rule, fault.resource) for fault in faults] == [(module.RULE, module.RESOURCE)]
    assert faults[0].message
    assert faults[0].remedy


@pytest.mark.parametrize("module", PROGRAMS, ids=lambda m: m.__name__.rpartition(".")[2])
def test_the_sound_twin_is_clean(module: ModuleType) -> None:
    assert found(module, faulty=False) == []


def test_there_are_enough_of_them() -> None:
    assert len(PROGRAMS) >= 25
    assert len({module.RULE for module in PROGRAMS}) >= 20

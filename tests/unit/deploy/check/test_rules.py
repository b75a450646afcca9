"""Every rule has been seen to name its fault, and to say nothing where there is none."""

import pytest

from fleetmend.deploy.check import RULES
from tests.infra import test_broken
from tests.unit.deploy.check.cases import CASES
from tests.unit.deploy.check.cases_parts import Case
from tests.unit.deploy.check.graphs import found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{CASES.index(case)}")
def test_the_fault_is_named_and_its_absence_is_not(case: Case) -> None:
    faults = found(case.rule, *case.faulty)
    assert {fault.resource for fault in faults} == {case.blamed}
    assert all(fault.message and fault.remedy for fault in faults)
    assert found(case.rule, *case.sound) == []


SHOWN_ELSEWHERE = {
    "accept-unknown": "test_acceptance.py",
    "accept-unmet": "test_acceptance.py",
    "iam-denied-call": "tests/infra/test_privilege.py",
    "iam-unused-grant": "tests/infra/test_privilege.py",
}


def test_every_rule_has_been_seen_to_find_something() -> None:
    shown = {case.rule for case in CASES} | {module.RULE for module in test_broken.PROGRAMS}
    assert sorted(set(RULES) - shown - set(SHOWN_ELSEWHERE)) == []

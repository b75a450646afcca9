"""The outputs are one fixed table: documented, complete, and exported by the program only."""

import re
from pathlib import Path

import pulumi
import pytest

from fleetmend.components import outputs
from fleetmend.components.outputs import NAMES, OutputsIncomplete, export, reference
from tests.components.installed import BASE, EVERYTHING, installed

ROOT = Path(__file__).parents[2]
LEAST = BASE | {
    "deployNetwork": "false",
    "deployCompute": "false",
    "deployBackup": "false",
    "deployRecovery": "false",
    "deployHealth": "false",
    "deployBridge": "false",
    "deployDashboard": "false",
    "deploySecret": "false",
}
LATER = {"state_machine_arn", "athena_workgroup", "glue_database"}
"""Outputs of concerns that are not part of an installation yet."""


def test_the_page_is_what_the_table_says() -> None:
    page = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m fleetmend.components.outputs docs/outputs.md"


def test_no_name_stands_twice_and_every_one_says_how_to_use_it() -> None:
    assert len(NAMES) == len(set(NAMES))
    for group in outputs.GROUPS.values():
        for described in group:
            assert described.what
            assert described.use
            assert re.fullmatch(r"[a-z][a-z_]*", described.name)


def test_everything_that_is_installed_has_a_value() -> None:
    found = installed(EVERYTHING).outputs
    empty = {name for name in NAMES if found.get(name) in (None, "", [], {})}
    assert empty == LATER
    assert set(found) <= set(NAMES)


def test_what_is_left_out_is_null_or_empty_and_nothing_fails() -> None:
    found = installed(LEAST).outputs
    assert set(found) <= set(NAMES)
    for name in ("vpc_id", "group_name", "dashboard_url", "backup_vault_name"):
        assert found.get(name) is None
    for name in ("function_arns", "queue_urls", "alarm_arns", "private_subnet_ids"):
        assert not found.get(name)
    assert found["ledger_bucket"]


@pytest.mark.parametrize("fault", ["missing", "unknown"])
def test_a_name_without_a_value_or_without_a_line_fails_the_program(fault: str) -> None:
    values: dict[str, pulumi.Input[object]] = dict.fromkeys(NAMES, "x")
    if fault == "missing":
        del values["vpc_id"]
    else:
        values["vpc_identity"] = "x"
    with pytest.raises(OutputsIncomplete, match="vpc_id"):
        export(values)


def test_no_component_exports_anything() -> None:
    exporting = [
        path.name
        for path in (ROOT / "src" / "fleetmend" / "components").glob("*.py")
        if "pulumi.export(" in path.read_text(encoding="utf-8")
    ]
    assert exporting == ["outputs.py"]

"""Each contract of `.importlinter` fails when something imports what it must not."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repo.files import ROOT

LINT = ROOT / ".venv/bin/lint-imports"
PLANTED = {
    "layers": ("core/ranges.py", "import fleetmend.aws.clients"),
    "core-layers": ("core/model.py", "import fleetmend.core.ports"),
    "decisions-apart": (
        "core/decisions/health/__init__.py",
        "import fleetmend.core.decisions.recovery",
    ),
    "core-pure": ("core/ranges.py", "import socket"),
    "artifact-pure": ("aws/clients.py", "import pydantic"),
    "components-speak-pulumi": ("components/naming.py", "import boto3"),
    "cli-through-rooms": ("cli/output.py", "import boto3"),
    "checker-independent": ("lab/checker/records.py", "import fleetmend.core.model"),
}
"""Contract → a file, and an import that breaks the contract there."""


def contracts() -> dict[str, str]:
    """Contract → its name for people."""
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter")
    sections = [one for one in read.sections() if one.startswith("importlinter:contract:")]
    return {one.rpartition(":")[2]: read[one]["name"] for one in sections}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of a copy with every wrong import in it: name → KEPT or BROKEN."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "src", folder / "src")
    shutil.copy(ROOT / ".importlinter", folder)
    for place, line in PLANTED.values():
        planted: Path = folder / "src/fleetmend" / place
        planted.write_text(f"{planted.read_text()}\n{line}\n")
    told = subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return dict(re.findall(r"^(.+?)(?: \(.*\))? (KEPT|BROKEN)$", told, flags=re.MULTILINE))


def test_every_contract_is_tried() -> None:
    assert set(PLANTED) == set(contracts())


@pytest.mark.parametrize("contract", PLANTED)
def test_a_wrong_import_breaks_its_contract(contract: str, verdicts: dict[str, str]) -> None:
    assert verdicts[contracts()[contract]] == "BROKEN"

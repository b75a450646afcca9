"""What docs/compliance.md says to try is run as it stands there, by somebody who is new.

Beside every other test the commands that need no lab are run against an account in memory. With
FLEETMEND_PROOF=full all of them are, in a shell, against a lab of its own.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from fleetmend.aws.remedying import Ec2Remedies
from tests.repo.files import ROOT

FULL = os.environ.get("FLEETMEND_PROOF") == "full"
TOOL = ".venv/bin/fleetmend "


def lines() -> list[str]:
    """The commands to try, in their order."""
    text = (ROOT / "docs" / "compliance.md").read_text().partition("## Try it")[2]
    (block, *_) = re.findall(r"```\n(.*?)```", text, flags=re.DOTALL)
    return block.splitlines()


def ends(line: str) -> int:
    """The exit code that the page names."""
    return 1 if " comply " in line else 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project in it, and nothing that an earlier try left behind."""
    for name in (".venv", "examples", "scenarios", "infra", "src", "pyproject.toml", "locks"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_what_needs_no_lab(folder, account, fleetmend, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(Ec2Remedies, "creator", lambda *_: "")  # moto knows no LookupEvents
    account.instance(stopped=False, tags={"Owner": "web", "Environment": "prod"})
    account.instance(stopped=False, tags={"Name": "whose?"})
    said: list[str] = []
    for line in lines():
        command = shlex.split(line.removeprefix(TOOL), comments=True)
        assert line.startswith(TOOL)
        if command[0] != "lab":
            ran = fleetmend(*command)
            assert ran.code == ends(line), (line, ran.err)
            said.append(ran.out)
    assert "no tag Owner" in said[0]
    assert "(nobody)" in said[1]
    assert "environment" in said[2]
    assert "remediation would" in said[3]
    assert (folder / "reports/reports/latest/compliance.html").stat().st_size > 1000


@pytest.mark.emulator
@pytest.mark.skipif(not FULL, reason="a lab of its own takes half a minute; make proof runs it")
def test_all_of_it_in_a_shell(folder):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS", "FLEETMEND"))
    }
    try:
        for line in lines():
            ran = subprocess.run(
                ["bash", "-c", line],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert ran.returncode == ends(line), (line, ran.stdout, ran.stderr)
    finally:
        subprocess.run([f"{TOOL.strip()}", "lab", "down"], cwd=folder, env=environment, check=False)
    assert (folder / "reports/reports/latest/compliance.html").exists()

"""The pages are true: links lead somewhere, tables name what there is, examples run."""

import ast
import json
import re
import tomllib
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from fleetmend.core.groups import HealthPolicy
from fleetmend.core.kinds import KINDS
from fleetmend.core.model import RecoveryPolicy
from fleetmend.core.rebuilding import RebuildPolicy
from fleetmend.lab import mails, sim
from fleetmend.lab.judge import judge
from fleetmend.lab.reference import page as words
from fleetmend.lab.scenario import loads
from tests.repo.files import ROOT, pages, python, shown

DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("path", pages(), ids=shown)
def test_links_lead_somewhere(path: Path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(path: Path) -> set[str]:
    """The anchors GitHub gives a page's headings."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", pages(), ids=shown)
def test_files_that_are_named_exist(path: Path):
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|yaml|toml|txt|zip))`", path.read_text()):
        if name.startswith(("dist/", "out/")):
            continue
        places = (ROOT, ROOT / "src" / "fleetmend", path.parent)
        assert any((place / name).exists() for place in places), name


@pytest.mark.parametrize("path", pages(), ids=shown)
def test_make_targets_that_are_named_exist(path: Path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(), flags=re.MULTILINE)
    assert set(named) <= targets


def dependencies() -> set[str]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    groups += PROJECT["dependency-groups"].values()
    return {re.split(r"[\[<>=~! ]", one)[0] for group in groups for one in group}


def test_every_dependency_has_its_reason():
    text = (DOCS / "architecture.md").read_text().partition("## Dependencies")[2]
    listed = dict(re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", text, flags=re.MULTILINE))
    assert set(listed) == dependencies()
    assert all(len(reason) > 10 for reason in listed.values())


@pytest.mark.parametrize("policy", [RecoveryPolicy, HealthPolicy])
def test_every_setting_of_the_policy_is_explained(policy):
    page = {RecoveryPolicy: "recovery.md", HealthPolicy: "health.md"}[policy]
    text = (DOCS / page).read_text().partition("\n## Settings")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| .+ \|$", text, flags=re.MULTILINE))
    for field in fields(policy):
        if field.name == "mode":
            continue
        default = getattr(policy(), field.name)
        if isinstance(default, timedelta):
            default = f"{default.total_seconds():g}"
        if isinstance(default, tuple):
            default = f"`{json.dumps(default)}`"
        if field.name != "selector":
            assert listed[field.name] == (str(default) or "(empty)"), field.name
        assert field.name in listed


def test_every_setting_of_rebuilds_own_is_explained():
    text = (DOCS / "rebuild.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| .+ \|$", text, flags=re.MULTILINE))
    known = {field.name for field in fields(RecoveryPolicy)}
    for field in fields(RebuildPolicy):
        if field.name in known:
            continue
        default = getattr(RebuildPolicy(), field.name)
        if isinstance(default, timedelta):
            default = f"{default.total_seconds():g}"
        shown_as = f"`{json.dumps(default)}`" if isinstance(default, str) else str(default)
        assert listed[field.name] in {shown_as, default}, field.name


def test_every_kind_of_rebuilds_alerts_is_explained():
    table = (DOCS / "rebuild.md").read_text().partition("## Alerts")[2].partition("## Limits")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {kind for cell in cells for kind in re.findall(r"`([\w-]+)`", cell)}
    own = python("src/fleetmend/core/decisions/rebuild")
    everyones = ROOT / "src" / "fleetmend" / "lambdas" / "controller.py"
    assert alert_kinds(*own, everyones) | {"unsure", "exhausted"} == listed - {"unreadable"}


def recovery_kinds() -> set[str]:
    """The kinds of alerts recovery can tell."""
    core = ROOT / "src" / "fleetmend" / "core"
    told = (*python("src/fleetmend/core/decisions/recovery"), core / "telling.py")
    shared = [path for path in python("src/fleetmend/lambdas") if path.name != "compliance.py"]
    return alert_kinds(*told, *shared) | {"terminated", "gone"}


def alert_kinds(*paths: Path) -> set[str]:
    """The kinds of alerts that are told in these files: the literals the code hands over."""
    kinds: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            place = {"telling": 0, "tell_directly": 2, "_tell": 0, "Told": 0}.get(name)
            if place is not None and len(node.args) > place:
                given = ast.walk(node.args[place])
                kinds |= {str(one.value) for one in given if isinstance(one, ast.Constant)}
    return kinds


def test_every_kind_of_alert_is_explained():
    text = (DOCS / "recovery.md").read_text().partition("## Alerts")[2].partition("## Limits")[0]
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = {kind for cell in table for kind in re.findall(r"`([\w-]+)`", cell)}
    assert recovery_kinds() == listed


def test_every_kind_of_alert_of_compliance_is_explained():
    text = (DOCS / "compliance.md").read_text().partition("## Alerts")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([\w-]+)` \|", text, flags=re.MULTILINE))
    told = alert_kinds(ROOT / "src" / "fleetmend" / "lambdas" / "compliance.py")
    assert listed == told | {"changed", "incomplete", "weekly"}


def test_every_kind_of_healths_alerts_is_explained():
    table = (DOCS / "health.md").read_text().partition("## Alerts")[2].partition("## Metrics")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {kind for cell in cells for kind in re.findall(r"`([\w-]+)`", cell)}
    core = ROOT / "src" / "fleetmend" / "core"
    decisions = python("src/fleetmend/core/decisions/health")
    own = (*decisions, core / "health_watch.py", core / "telling.py")
    told = alert_kinds(*own, ROOT / "src" / "fleetmend" / "lambdas" / "controller.py")
    assert told - {"claimed"} == listed, "groups are claimed by nobody"


def test_the_scenario_in_the_page_about_the_lab_holds():
    text = (DOCS / "lab.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    scenario = loads(example, "docs/lab.md")
    found = judge(scenario, sim.play(scenario))
    assert [verdict for verdict in found if not verdict.held] == []


def test_the_page_of_words_is_what_the_words_say():
    fix = "run: python -m fleetmend.lab.reference docs/scenario-words.md"
    assert (DOCS / "scenario-words.md").read_text() == words(), fix


def test_the_page_of_alerts_is_what_is_sent():
    fix = "run: python -m fleetmend.lab.mails docs/alerts.md"
    assert (DOCS / "alerts.md").read_text() == mails.page(), fix
    assert {one.alert.kind for one in mails.samples()} == set(KINDS)


def test_the_readme_opens_with_the_two_commands_and_a_picture():
    head = (ROOT / "README.md").read_text().splitlines()[:14]
    assert head[3].startswith("make demo")
    assert head[4].startswith("make test")
    picture = re.search(r"\((docs/img/[\w.]+)\)", "\n".join(head))
    assert picture
    drawn = (ROOT / picture[1]).read_text()
    assert "make" in drawn
    assert "StartInstances" in drawn


def test_ci_runs_what_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in script
    assert "make test" in script

"""Engines: which one, and what they tell, with commands and stacks of straw."""

import json
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pulumi_aws as aws
import pytest
from pulumi import automation

from fleetmend.deploy.capture import capture
from fleetmend.deploy.engine import Changes, Deployment, EngineError, choose, remains
from fleetmend.deploy.engine_pulumi import Pulumi
from fleetmend.deploy.engine_terraform import Terraform

STRAW = """#!{python}
import json, os, pathlib, sys
told = json.loads(pathlib.Path({script!r}).read_text())
with open({calls!r}, "a") as calls:
    call = [sys.argv[1:], os.environ.get("TF_CLI_CONFIG_FILE"), os.getcwd()]
    calls.write(json.dumps(call) + "\\n")
answer = told.get(sys.argv[1], {{}})
for line in answer.get("lines", []):
    print(json.dumps(line) if isinstance(line, dict) else line)
print(answer.get("stderr", ""), file=sys.stderr)
sys.exit(answer.get("code", 0))
"""


def program() -> None:
    aws.sqs.Queue("q", name="q")
    aws.kms.Key("k", deletion_window_in_days=7)
    aws.secretsmanager.Secret("gone", name="gone", recovery_window_in_days=0)
    aws.secretsmanager.Secret("kept", name="kept", recovery_window_in_days=9)


def summary(add: int, change: int = 0, remove: int = 0) -> dict:
    return {
        "type": "change_summary",
        "@message": f"Plan: {add}",
        "changes": {"add": add, "change": change, "remove": remove},
    }


def failure(text: str) -> dict:
    return {
        "type": "diagnostic",
        "@message": text,
        "diagnostic": {
            "severity": "error",
            "summary": text,
            "detail": "because",
            "address": "aws_sqs_queue.q",
        },
    }


@pytest.fixture
def straw(tmp_path):
    """A `terraform` that answers by a script."""

    def make(answers: dict, **settings) -> tuple[Terraform, Path]:
        script, calls, command = (tmp_path / name for name in ("script", "calls", "terraform"))
        script.write_text(json.dumps(answers))
        calls.write_text("")
        command.write_text(
            STRAW.format(python=sys.executable, script=str(script), calls=str(calls))
        )
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        deployment = Deployment(program, {}, tmp_path / "deployed", **settings)
        return Terraform(deployment, str(command)), calls

    return make


def calls_of(calls: Path) -> list:
    return [json.loads(line) for line in calls.read_text().splitlines()]


@pytest.mark.parametrize(
    ("installed", "prefer", "name"),
    [
        ({"pulumi", "terraform"}, "auto", "pulumi"),
        ({"terraform", "tofu"}, "auto", "terraform"),
        ({"tofu"}, "auto", "tofu"),
        ({"pulumi", "terraform"}, "terraform", "terraform"),
    ],
)
def test_the_engine_that_is_there(tmp_path, installed, prefer, name):
    found = choose(
        Deployment(program, {}, tmp_path),
        prefer=prefer,
        find=lambda command: f"/bin/{command}" if command in installed else None,
    )
    assert found.name == name


def test_an_emulator_is_for_terraform(tmp_path):
    deployment = Deployment(program, {}, tmp_path, endpoints={"sqs": "http://127.0.0.1:1"})
    assert choose(deployment, find=lambda command: f"/bin/{command}").name == "terraform"


def test_no_engine_says_how_to_get_one(tmp_path):
    with pytest.raises(EngineError) as caught:
        choose(Deployment(program, {}, tmp_path), find=lambda _: None)
    assert "export terraform" in caught.value.remedy


def test_plan_exports_and_counts(straw):
    engine, calls = straw({"plan": {"lines": [summary(4)]}})
    lines = list(engine.plan())
    assert engine.changes == Changes(add=4)
    assert lines[-1] == "Plan: 4"
    assert [arguments[0] for arguments, *_ in calls_of(calls)] == ["init", "plan"]
    assert calls_of(calls)[0][2].endswith("/deployed")


def test_up_applies_the_plan_it_showed(straw):
    done = {"type": "apply_complete", "@message": "aws_sqs_queue.q: Creation complete"}
    engine, calls = straw({"plan": {"lines": [summary(4)]}, "apply": {"lines": [done]}})
    assert "aws_sqs_queue.q: Creation complete" in list(engine.up())
    arguments = calls_of(calls)[-1][0]
    assert arguments == ["apply", "-json", "-input=false", "fleetmend.tfplan"]


def test_up_does_nothing_when_there_is_nothing_to_do(straw):
    engine, calls = straw({"plan": {"lines": [summary(0)]}})
    assert list(engine.up())[-1] == "nothing to do"
    assert calls_of(calls)[-1][0][0] == "plan"


def test_a_failed_up_says_what_exists_and_the_way_on_and_back(straw):
    engine, _ = straw(
        {
            "plan": {"lines": [summary(2)]},
            "apply": {"lines": [failure("denied")], "code": 1},
            "state": {"lines": ["data.aws_region.r", "aws_kms_key.k"]},
        }
    )
    with pytest.raises(EngineError) as caught:
        list(engine.up())
    assert "aws_sqs_queue.q: denied: because" in str(caught.value)
    assert caught.value.exists == ("aws_kms_key.k",)
    assert "`up` again" in caught.value.remedy
    assert "`down`" in caught.value.remedy


def test_a_failed_plan_changes_nothing(straw):
    engine, calls = straw({"plan": {"lines": [failure("no")], "code": 1}})
    with pytest.raises(EngineError, match="no: because") as caught:
        list(engine.up())
    assert "Nothing was changed" in caught.value.remedy
    assert "apply" not in [arguments[0] for arguments, *_ in calls_of(calls)]


def test_down_lists_what_remains(straw):
    engine, calls = straw({"apply": {"lines": [summary(0, 0, 4)]}})
    lines = list(engine.down())
    assert calls_of(calls)[-1][0][:2] == ["apply", "-json"]
    assert "-destroy" in calls_of(calls)[-1][0]
    assert [line for line in lines if line.startswith("remains: ")] == [
        "remains: key k: AWS deletes it after 7 days; until then it can be kept",
        "remains: secret kept: AWS deletes it after 9 days; its name is taken",
    ]


def test_a_provider_that_cannot_be_had(straw):
    engine, _ = straw(
        {"init": {"stderr": "Failed to query available provider packages", "code": 1}}
    )
    with pytest.raises(EngineError) as caught:
        list(engine.plan())
    assert "FLEETMEND_TF_PLUGIN_DIR" in caught.value.remedy


def test_the_plugin_folder_is_a_setting(straw):
    engine, calls = straw({}, environment={"FLEETMEND_TF_PLUGIN_DIR": "/plugins"})
    list(engine.plan())
    assert "-plugin-dir=/plugins" in calls_of(calls)[0][0]


def test_a_settings_file_that_is_missing_is_not_passed_on(straw, monkeypatch, tmp_path):
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing"))
    engine, calls = straw({})
    list(engine.plan())
    assert calls_of(calls)[0][1] is None
    present = tmp_path / "present"
    present.touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(present))
    list(engine.plan())
    assert calls_of(calls)[-1][1] == str(present)


def test_endpoints_lie_beside_the_export(straw):
    engine, _ = straw({}, endpoints={"sqs": "http://127.0.0.1:1"})
    list(engine.plan())
    folder = engine._deployment.folder
    override = json.loads((folder / "lab_override.tf.json").read_text())
    assert override["provider"]["aws"][0]["endpoints"] == [{"sqs": "http://127.0.0.1:1"}]
    assert "127.0.0.1" not in (folder / "main.tf.json").read_text()


def test_outputs(straw):
    answer = json.dumps({"vpc": {"value": "vpc-1", "sensitive": False}})
    engine, _ = straw({"output": {"lines": [answer]}})
    engine._deployment.folder.mkdir()
    assert engine.outputs() == {"vpc": "vpc-1"}


def test_remains_of_the_program():
    assert len(remains(capture(program, config={}))) == 2


class StrawStack:
    """A stack of Pulumi's automation API that does nothing."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.config: dict = {}

    def set_all_config(self, config):
        self.config = config

    def _run(self, on_output, result):
        on_output("one\n")
        if self.error:
            raise self.error
        on_output("two\n")
        return result

    def preview(self, *, on_output):
        counts = {automation.OpType.CREATE: 3, automation.OpType.REPLACE: 1}
        return self._run(on_output, SimpleNamespace(change_summary=counts))

    def up(self, *, on_output):
        summary = SimpleNamespace(resource_changes={"create": 2, "same": 1})
        return self._run(on_output, SimpleNamespace(summary=summary))

    def destroy(self, *, on_output):
        summary = SimpleNamespace(resource_changes={"delete": 4})
        return self._run(on_output, SimpleNamespace(summary=summary))

    def outputs(self):
        return {"vpc": SimpleNamespace(value="vpc-1")}

    def export_stack(self):
        resources = [{"urn": "a", "custom": True}, {"urn": "b"}]
        return SimpleNamespace(deployment={"resources": resources})


def pulumi_engine(tmp_path, stack: StrawStack) -> Pulumi:
    deployment = Deployment(program, {"a": "1", "aws:x": "2"}, tmp_path, secret_keys=["a"])
    return Pulumi(deployment, opener=lambda _: stack)


def test_pulumi_tells_line_by_line(tmp_path):
    stack = StrawStack()
    engine = pulumi_engine(tmp_path, stack)
    assert list(engine.plan()) == ["one", "two"]
    assert engine.changes == Changes(add=4, remove=1)
    assert list(engine.up()) == ["one", "two"]
    assert engine.changes == Changes(add=2)
    assert stack.config["fleetmend:a"].secret
    assert not stack.config["aws:x"].secret
    assert engine.outputs() == {"vpc": "vpc-1"}
    lines = list(engine.down())
    assert lines[:2] == ["one", "two"]
    assert lines[2].startswith("remains: key k")


def test_a_failed_pulumi_up(tmp_path):
    engine = pulumi_engine(tmp_path, StrawStack(RuntimeError("denied")))
    told: list[str] = []
    with pytest.raises(EngineError, match="denied") as caught:
        told.extend(engine.up())
    assert told[:1] == ["one"]
    assert caught.value.exists == ("a",)
    assert "`up` again" in caught.value.remedy

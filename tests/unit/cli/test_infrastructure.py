"""Programs judged, exported and deployed from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetmend.aws import leftovers
from fleetmend.aws.leftovers import Leftover
from fleetmend.cli import infrastructure
from fleetmend.core.ports import PortError
from fleetmend.deploy import engine as engines
from fleetmend.deploy.engine import Changes, EngineError

BUCKET = """
import pulumi_aws as aws
aws.s3.Bucket("logs", bucket="some-logs")
"""
STACK = """
config:
  fleetmend:environmentSuffix: dev
  fleetmend:region: us-east-1
  fleetmend:deployNetwork: false
  fleetmend:deployCompute: false
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "program.py"
    file.write_text(BUCKET)
    return str(file)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(STACK)
    return file


def test_check_names_what_is_wrong_with_another_program(fleetmend, program):
    ran = fleetmend("check", "--program", program, "--json")
    assert ran.code == 1, ran
    assert ran.json["counts"]["error"] == len(
        [one for one in ran.json["findings"] if one["severity"] == "error"]
    )
    assert {"resource", "rule", "remedy", "value"} <= set(ran.json["findings"][0])
    shown = fleetmend("check", "--program", program)
    assert shown.code == 1
    assert "remedy:" in shown.out


def test_every_wrong_setting_is_told_at_once(fleetmend):
    ran = fleetmend("check", "--set", "environmentSuffix=D!", "--set", "region=mars")
    assert ran.code == 2
    assert "environmentSuffix" in ran.err
    assert "region" in ran.err


@pytest.mark.parametrize("given", ["region", "=x", ""])
def test_an_assignment_that_is_none(fleetmend, given):
    ran = fleetmend("check", "--set", given)
    assert ran.code == 2
    assert "KEY=VALUE" in ran.err


@pytest.mark.parametrize("text", ["config: [", "- a", "config: 7", "\x00"])
def test_a_stack_file_that_is_none(fleetmend, stack, text):
    stack.write_text(text)
    ran = fleetmend("check", "--config", str(stack))
    assert ran.code == 2, ran
    assert str(stack) in ran.err
    assert fleetmend("check", "--config", "none.yaml").code == 2


def test_export_writes_terraform_json(fleetmend, program, tmp_path):
    ran = fleetmend("export", "terraform", str(tmp_path / "tf"), "--program", program, "--json")
    assert ran.code == 0, ran
    assert ran.json["resources"] == 1
    main = json.loads((tmp_path / "tf" / "main.tf.json").read_text())
    assert "aws_s3_bucket" in main["resource"]


EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(
    ("name", "stack_file", "more"),
    [
        ("everything", "Pulumi.prod.yaml", ()),
        ("network-only", "Pulumi.dev.yaml", ()),
        ("recovery-only", "Pulumi.dev.yaml", ("--set", "emails=ops@example.com")),
    ],
)
def test_an_example_is_checked_with_its_own_stack_file(fleetmend, name, stack_file, more):
    """Each is a project of its own, and its settings stand under its own name."""
    folder = EXAMPLES / name
    args = ("--program", str(folder / "__main__.py"), "--config", str(folder / stack_file))
    ran = fleetmend("check", *args, *more, "--strict")
    assert ran.code == 0, ran


def test_a_setting_that_a_program_misses_is_asked_for(fleetmend):
    folder = EXAMPLES / "recovery-only"
    args = ("--program", str(folder / "__main__.py"), "--config", str(folder / "Pulumi.dev.yaml"))
    ran = fleetmend("check", *args)
    assert ran.code == 2, ran
    assert "--set mend:emails=" in ran.err


@pytest.mark.parametrize("text", ["raise RuntimeError('boom')", "import no_such_module"])
def test_a_program_that_fails_is_named(fleetmend, tmp_path, text):
    file = tmp_path / "program.py"
    file.write_text(text)
    ran = fleetmend("check", "--program", str(file))
    assert ran.code == 2, ran
    assert f"{file} failed" in ran.err


def test_an_engine_is_told_whose_program_it_is(fleetmend, monkeypatch, tmp_path):
    chosen = []
    monkeypatch.setattr(engines, "choose", lambda told, **_: chosen.append(told) or Fake())
    (tmp_path / "Pulumi.yaml").write_text("name: other")
    (tmp_path / "Pulumi.night.yaml").write_text("config: {other:a: b, aws:region: us-east-1}")
    (tmp_path / "__main__.py").write_text("")
    args = ("--program", str(tmp_path / "__main__.py"), "--config")
    assert fleetmend("plan", *args, str(tmp_path / "Pulumi.night.yaml")).code == 0
    assert [(told.project, told.stack, told.config) for told in chosen] == [
        ("other", "night", {"a": "b", "aws:region": "us-east-1"})
    ]


def test_what_only_pulumi_can_decrypt_is_left_out_or_asked_for(fleetmend, stack, monkeypatch):
    stack.write_text(STACK + "  fleetmend:alertEmails: {secure: v1:abc}\n")
    ran = fleetmend("check", "--config", str(stack), "--json")
    assert "alertEmails" in ran.err
    assert ran.code in {0, 1}, ran
    ran = fleetmend("plan", "--config", str(stack))
    assert ran.code == 2
    assert "FLEETMEND_ALERT_EMAILS" in ran.err
    chosen = []
    monkeypatch.setattr(engines, "choose", lambda told, **_: chosen.append(told) or Fake())
    monkeypatch.setenv("FLEETMEND_ALERT_EMAILS", "ops@example.com")
    assert fleetmend("plan", "--config", str(stack)).code == 0
    args = ("--config", str(stack), "--set", "alertEmails=ops@example.com")
    assert fleetmend("plan", *args).code == 0
    assert [told.secret_keys for told in chosen] == [frozenset(), frozenset({"alertEmails"})]


class Fake:
    """An engine that does as it is told."""

    name = "fake"

    def __init__(self, fails: bool = False) -> None:
        self.changes = Changes()
        self.fails = fails
        self.done: list[str] = []

    def work(self, what: str) -> Iterator[str]:
        self.done.append(what)
        yield f"{what} begins"
        if self.fails:
            raise EngineError("AWS refused", remedy="run it again", exists=("aws_s3_bucket.a",))
        self.changes = Changes(2, 1, 0)

    def plan(self) -> Iterator[str]:
        return self.work("plan")

    def up(self) -> Iterator[str]:
        return self.work("up")

    def down(self) -> Iterator[str]:
        return self.work("down")


class Account:
    """What lies in an account, in place of AWS; `refuses` by name, None where nobody answers."""

    def __init__(self) -> None:
        self.there: list[Leftover] | None = []
        self.refuses: set[str] = set()
        self.asked: list[tuple[dict[str, str], tuple[str, ...]]] = []

    def __call__(self, clients, tags, vaults):
        self.asked.append((dict(tags), tuple(vaults)))
        return self

    def found(self) -> list[Leftover]:
        if self.there is None:
            raise PortError("backup: no credentials")
        return list(self.there)

    def purge(self, leftovers):
        for one in leftovers:
            if one.name in self.refuses:
                yield one, PortError(f"deleting {one.name}: locked")
            else:
                self.there.remove(one)
                yield one, None


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(leftovers, "Leftovers", made)
    return made


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(engines, "choose", lambda *_, **__: fake)
    return fake


def test_the_engine_is_driven_and_its_changes_counted(fleetmend, engine, stack):
    for what, more in (("plan", []), ("up", ["--yes"]), ("down", ["--yes"])):
        ran = fleetmend(what, "--config", str(stack), *more, "--json")
        assert ran.code == 0, ran
        left = {"purged": [], "remains": []} if what == "down" else {}
        assert ran.json == {
            "engine": "fake",
            "changes": {"add": 2, "change": 1, "remove": 0},
            "lines": [f"{what} begins"],
            **left,
        }
    assert engine.done == ["plan", "up", "down"]


POINTS = [
    Leftover("snapshot", "snap-1"),
    Leftover("recovery point", "arn:aws:ec2:us-east-1::image/ami-2", vault="fleetmend-backup-dev"),
]


def test_down_lists_what_protects_data_and_leaves_it(fleetmend, engine, stack, account):
    account.there = list(POINTS)
    ran = fleetmend("down", "--config", str(stack), "--yes")
    assert ran.code == 0, ran
    assert "remains: snapshot snap-1: it protects data" in ran.out
    assert "in the vault fleetmend-backup-dev" in ran.out
    assert account.there == POINTS
    tags = {"Project": "fleetmend", "Environment": "dev", "ManagedBy": "fleetmend"}
    assert account.asked == [(tags, ("fleetmend-backup-dev",))]


def test_purging_comes_before_the_engine_and_is_told(fleetmend, engine, stack, account):
    account.there = list(POINTS)
    ran = fleetmend("down", "--config", str(stack), "--yes", "--purge", "--json")
    assert ran.code == 0, ran
    assert ran.json["purged"] == [one.name for one in POINTS]
    assert ran.json["remains"] == []
    assert engine.done == ["down"]


def test_what_came_after_the_question_is_listed_and_not_purged(
    fleetmend, engine, stack, account, monkeypatch
):
    account.there = POINTS[:1]
    late = Leftover("snapshot", "snap-late")
    monkeypatch.setattr(engine, "down", lambda: iter(account.there.append(late) or ["down"]))
    ask = infrastructure._ask

    def asked(question: str, **how: bool) -> None:
        ask(question, **how)
        account.there.append(POINTS[1])

    monkeypatch.setattr(infrastructure, "_ask", asked)
    ran = fleetmend("down", "--config", str(stack), "--yes", "--purge", "--json")
    assert ran.json["purged"] == [POINTS[0].name]
    assert ran.json["remains"] == [str(POINTS[1]), str(late)]


def test_what_cannot_be_purged_keeps_the_installation(fleetmend, engine, stack, account):
    account.there, account.refuses = list(POINTS), {"snap-1"}
    ran = fleetmend("down", "--config", str(stack), "--yes", "--purge")
    assert ran.code == 3
    assert "deleting snap-1: locked" in ran.err
    assert engine.done == []
    assert account.there == POINTS[:1]


def test_production_is_not_purged(fleetmend, engine, stack, account, program):
    account.there = list(POINTS)
    args = ("--config", str(stack), "--set", "environment=prod", "--yes", "--purge")
    ran = fleetmend("down", *args)
    assert ran.code == 2, ran
    assert "production data is not thrown away" in ran.err
    ran = fleetmend("down", "--program", program, "--yes", "--purge")
    assert ran.code == 2, ran
    assert engine.done == []
    assert account.there == POINTS


def test_an_account_that_cannot_be_asked_stops_only_a_purge(fleetmend, engine, stack, account):
    account.there = None
    ran = fleetmend("down", "--config", str(stack), "--yes")
    assert ran.code == 0, ran
    assert "is not known: backup:" in ran.err
    ran = fleetmend("down", "--config", str(stack), "--yes", "--purge")
    assert ran.code == 3
    assert engine.done == ["down"]


@pytest.mark.parametrize("what", ["up", "down"])
def test_nothing_is_changed_without_a_yes(fleetmend, engine, stack, what):
    ran = fleetmend(what, "--config", str(stack))
    assert ran.code == 2
    assert "--yes" in ran.err
    assert engine.done == []


def test_a_failed_up_says_what_exists_and_how_to_go_on(fleetmend, engine, stack):
    engine.fails = True
    ran = fleetmend("up", "--config", str(stack), "--yes")
    assert ran.code == 3
    assert "aws_s3_bucket.a" in ran.err
    assert "remedy: run it again" in ran.err


def test_no_engine_is_wrong_use(fleetmend, stack, monkeypatch):
    def none(*_: object, **__: object) -> None:
        raise EngineError("Pulumi is not installed", remedy="install it")

    monkeypatch.setattr(engines, "choose", none)
    ran = fleetmend("plan", "--config", str(stack))
    assert ran.code == 2
    assert "remedy: install it" in ran.err

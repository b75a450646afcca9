"""`fleetmend comply --out` and `fleetmend query`: a report is kept, and asked."""

import pytest

from tests.unit.cli.conftest import BUCKET

RULES = "rules:\n  - {name: environment, tag: Environment, allowed: [prod, dev]}\n"


@pytest.fixture
def kept(account, fleetmend, tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    account.instance(stopped=False, tags={"Environment": "prod"})
    account.instance(stopped=False, tags={"Environment": "qa", "Owner": "web"})
    arguments = ("--rules", "rules.yaml", "--out", "reports", "--region", "eu-west-1", "--no-lab")
    assert fleetmend("comply", *arguments).code == 1
    return tmp_path


def test_a_report_can_be_asked(kept, fleetmend):
    ran = fleetmend("query", "worst-owners", "--from", "reports", "--json")
    assert ran.json == [{"owner": "web", "findings": 1, "resources": 1}]
    ran = fleetmend("query", "SELECT problem FROM latest", "--from", "reports")
    assert "not-allowed" in ran.out
    assert "1 row" in ran.err
    assert "50.0 %" in (kept / "reports/reports/latest/compliance.html").read_text()


def test_a_second_run_adds_to_the_history(kept, fleetmend):
    arguments = ("--rules", "rules.yaml", "--out", "reports", "--region", "eu-west-1", "--no-lab")
    said = fleetmend("comply", *arguments, "--json").json
    assert said["judged"] == 2
    runs = fleetmend(
        "query", "SELECT count(DISTINCT run) AS n FROM runs", "--from", "reports", "--json"
    )
    assert runs.json == [{"n": 2}]


def test_reports_of_a_bucket_are_fetched_and_asked(kept, account, fleetmend):
    for path in (kept / "reports").rglob("*.gz"):
        account.put(path.relative_to(kept / "reports").as_posix(), path.read_bytes())
    where = ("--region", "eu-west-1", "--no-lab", "--json")
    rows = fleetmend("query", "trend", "--from", f"s3://{BUCKET}", *where).json
    assert [(row["judged"], row["violating"]) for row in rows] == [(2, 1)]
    rows = fleetmend("query", "trend", "-e", "test", "--region", "eu-west-1", "--json").json
    assert len(rows) == 1


def test_questions_with_names_are_listed(fleetmend):
    assert "Who has most to mend" in fleetmend("query").out
    assert "FROM latest" in fleetmend("query", "--json").json["worst-owners"]["sql"]


def test_what_cannot_be_asked_is_told(kept, fleetmend):
    ran = fleetmend("query", "SELECT nothing FROM latest", "--from", "reports")
    assert ran.code == 2
    assert "docs/compliance.md names the tables" in ran.err
    assert fleetmend("query", "trend", "--from", "nowhere").code == 2
    assert fleetmend("query", "trend", "--from", "reports", "--engine", "athena").code == 2

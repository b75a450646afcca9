"""`fleetmend comply`: what a rules file finds in a region."""

import json

import pytest

from fleetmend.cli import complying

RULES = """\
rules:
  - {name: environment, tag: Environment, allowed: [prod, dev]}
  - {name: backup, tag: Backup, severity: warning}
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def comply(fleetmend, rules, *more):
    return fleetmend("comply", "--rules", str(rules), "--region", "eu-west-1", "--no-lab", *more)


def test_what_violates_is_listed_and_ends_with_1(account, fleetmend, rules):
    good = account.instance(stopped=False, tags={"Environment": "prod", "Backup": "x"})
    near = account.instance(
        stopped=True, tags={"environment": "prod", "Backup": "x", "Owner": "web"}
    )
    ran = comply(fleetmend, rules)
    assert ran.code == 1
    assert near in ran.out
    assert good not in ran.out
    assert "'environment' instead of 'Environment'" in ran.out
    assert "1 of 2 resources comply (50.0 %)" in ran.out


def test_warnings_alone_are_fine(account, fleetmend, rules):
    account.instance(stopped=False, tags={"Environment": "prod"})
    ran = comply(fleetmend, rules)
    assert ran.code == 0
    assert "no tag Backup" in ran.out


def test_machines_get_everything(account, fleetmend, rules):
    broken = account.instance(stopped=False, tags={"Environment": "qa"})
    said = comply(fleetmend, rules, "--json").json
    assert (said["judged"], said["violating"], said["rate"]) == (1, 1, 0.0)
    assert said["by_rule"] == {"environment": 1, "backup": 1}
    first = said["findings"][0]
    assert (first["id"], first["problem"], first["found"]) == (broken, "not-allowed", "qa")


def test_a_broken_rules_file_is_refused_with_file_line_and_reason(fleetmend, rules):
    rules.write_text(RULES.replace("severity: warning", "severity: grave"))
    ran = comply(fleetmend, rules)
    assert ran.code == 2
    assert f"{rules}:3: rules[1].severity" in ran.err
    assert "docs/compliance.md" in ran.err


def test_long_lists_are_cut_for_people(account, fleetmend, rules, monkeypatch):
    monkeypatch.setattr(complying, "SHOWN", 1)
    account.instance(stopped=False, tags={"Name": "x"})
    assert "… and 1 more; --json lists them all" in comply(fleetmend, rules).out


def test_a_region_must_be_known(fleetmend, rules):
    ran = fleetmend("comply", "--rules", str(rules), "--no-lab")
    assert ran.code == 2
    assert "no region is given" in ran.err


SUMMARY = {
    "run": "20260314T090000Z-00000001",
    "finished_at": "2026-03-14T09:01:00+00:00",
    "complete": True,
    "judged": 4,
    "violating": 1,
    "rate": 0.75,
    "by_rule": {"owner": 1},
    "by_owner": {"(nobody)": 1},
    "by_severity": {"warning": 1},
    "branches": [{"account": "111111111111", "region": "eu-west-1", "failure": ""}],
}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"by_severity": {"error": 1}}, 1),
        (
            {
                "complete": False,
                "branches": [
                    {"account": "2" * 12, "region": "eu-west-1", "failure": "AccessDenied: no"}
                ],
            },
            3,
        ),
    ],
)
def test_the_installed_controllers_report_says_how_it_ended(account, fleetmend, changes, code):
    summary = {**SUMMARY, **changes}
    account.put("reports/latest/compliance.json", json.dumps(summary).encode())
    ran = fleetmend("comply", "-e", "test", "--region", "eu-west-1")
    assert ran.code == code
    assert "3 of 4 resources comply (75.0 %)" in ran.out
    assert ("AccessDenied" in ran.out) == (code == 3)
    ran = fleetmend("comply", "-e", "test", "--region", "eu-west-1", "--json")
    assert (ran.code, ran.json) == (code, summary)


def test_without_a_report_it_says_what_to_do(account, fleetmend):
    ran = fleetmend("comply", "-e", "test", "--region", "eu-west-1")
    assert ran.code == 3
    assert "fleetmend comply --rules FILE" in ran.err


def test_a_plan_says_what_remediation_would_do_and_does_nothing(account, fleetmend, rules):
    rules.write_text(
        "rules:\n"
        "  - {name: owner, tag: Owner, default: platform, remedy: fill}\n"
        "  - {name: backup, tag: Backup, remedy: stop, stop_after: 7d}\n"
        "  - {name: environment, tag: Environment}\n"
    )
    bare = account.instance(stopped=False, tags={"Name": "bare"})
    owned = account.instance(stopped=False, tags={"Owner": "web"})
    fine = account.instance(stopped=False, tags={"Owner": "web", "Backup": "x"})
    ran = comply(fleetmend, rules, "--plan", "--json")
    found = {one["id"]: one for one in ran.json["remedies"]}
    assert (found[bare]["act"], found[bare]["note"][:27]) == ("fill", "filling in Owner=platform (")
    assert (found[owned]["act"], found[owned]["reason"]) == ("", "grace")
    assert "has until" in found[owned]["note"]
    assert fine not in found, "its rule names no remedy"
    shown = comply(fleetmend, rules, "--plan").out
    assert "remediation would" in shown
    tags = account.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [bare]}])["Tags"]
    assert [tag["Key"] for tag in tags] == ["Name"], "a plan changes nothing"
    assert "remedies" not in comply(fleetmend, rules, "--json").json

"""Compliance as declared does what its code takes for granted, and may do no more."""

import base64
import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from fleetmend.aws import scans
from fleetmend.components import controller
from fleetmend.components.compliance import Compliance, ComplianceArgs
from fleetmend.components.dashboard import Dashboard
from fleetmend.components.spoke import DESCRIBES
from fleetmend.core import history, rules
from fleetmend.core.compliance import CompliancePolicy
from fleetmend.core.declared import COMPLIANCE as POLICY
from fleetmend.core.graph import Graph
from fleetmend.core.rules import Rule, Rules
from fleetmend.lambdas import envelope
from fleetmend.lambdas.compliance import GOOD_KEY, RULES_KEY
from tests.components.graphs import ACCOUNT, CONCERN, ME, REGION, badly_tagged, graph, one
from tests.components.iam_rules import faults

RULES = Rules((Rule("owner", "Owner"),), "v1")
ARGS: ComplianceArgs = {
    **CONCERN,
    "rules": rules.encode(RULES).decode(),
}


@cache
def _compliance(more: str) -> Graph:
    args: Any = {**ARGS, **json.loads(more)}
    return graph(lambda opts: Compliance("compliance", args, opts) and None)


def compliance(**more: Any) -> Graph:
    return _compliance(json.dumps(more, sort_keys=True))


FOUND = compliance()


def statements(found: Graph, name: str) -> dict[str, dict[str, Any]]:
    node = one(found, "aws:iam/rolePolicy:RolePolicy", name)
    return {each["Sid"]: each for each in json.loads(node.inputs["policy"])["Statement"]}


@pytest.mark.parametrize("name", ["may-compliance", "spoke-may"])
def test_every_grant_fits_its_action(name: str):
    assert [fault for each in statements(FOUND, name).values() for fault in faults(each)] == []


def test_the_spoke_only_looks_and_only_where_it_shall():
    (looks,) = statements(compliance(regions=["eu-west-1", "us-east-1"]), "spoke-may").values()
    assert looks["Action"] == list(DESCRIBES)
    assert looks["Condition"] == {"StringEquals": {"ec2:Region": ["eu-west-1", "us-east-1"]}}


def test_the_spoke_lets_in_one_function_that_knows_the_word():
    role = one(FOUND, "aws:iam/role:Role", "spoke-role")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "fleetmend-dev"}}
    function = one(FOUND, "aws:lambda/function:Function")
    variables = function.inputs["environment"]["variables"]
    assert variables["FLEETMEND_EXTERNAL_ID"] == "fleetmend-dev"
    assert variables["FLEETMEND_SCAN_ROLE"] == role.inputs["name"]
    assumes = statements(FOUND, "may-compliance")["LooksInto"]["Resource"]
    assert assumes == [f"arn:aws:iam::{ACCOUNT}:role/{role.inputs['name']}"]


def test_only_roles_of_listed_accounts_are_taken():
    found = compliance(accounts=["111111111111", "222222222222"])
    assumes = statements(found, "may-compliance")["LooksInto"]["Resource"]
    assert [arn.split(":")[4] for arn in assumes] == ["111111111111", "222222222222"]


def test_what_is_installed_is_what_the_function_reads():
    found = compliance(accounts=["111111111111"], regions=["eu-west-1"], digest="mon", lanes=7)
    parameter = one(found, "aws:ssm/parameter:Parameter", "policy")
    problems: list[str] = []
    policy = POLICY.parse(parameter.inputs["insecureValue"], "p", problems)
    assert problems == []
    assert policy == CompliancePolicy(
        accounts=("111111111111",), regions=("eu-west-1",), digest="mon", lanes=7
    )
    kept = one(found, "aws:s3/bucketObjectv2:BucketObjectv2")
    assert kept.inputs["key"] == RULES_KEY
    assert rules.decode(kept.inputs["content"].encode()) == RULES
    writes = statements(found, "may-compliance")["WritesReports"]["Resource"]
    assert f"arn:aws:s3:::fleetmend-ledger/{GOOD_KEY}" in writes
    assert all("records/" not in arn for arn in writes)


def test_the_machine_starts_itself_and_follows_no_other():
    fans = statements(FOUND, "machine-may")
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}"
    assert fans["FansOut"]["Resource"] == [f"{arn}:stateMachine:fleetmend-compliance-dev"]
    assert fans["Follows"]["Resource"] == [f"{arn}:execution:fleetmend-compliance-dev:*"]
    for sid in ("FansOut", "Follows"):
        assert list(faults(fans[sid])) == []


def test_the_machine_calls_the_alias_and_stands_failed_branches():
    machine = one(FOUND, "aws:sfn/stateMachine:StateMachine")
    states = json.loads(machine.inputs["definition"])["States"]
    branches = states["Branches"]
    assert branches["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert branches["ToleratedFailurePercentage"] == 100
    examine = branches["ItemProcessor"]["States"]["Examine"]
    assert examine["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    called = {examine["Parameters"]["FunctionName"], states["Finish"]["Parameters"]["FunctionName"]}
    allowed = statements(FOUND, "machine-may")["Calls"]["Resource"]
    assert called == set(allowed)


def test_athena_finds_what_the_runs_write():
    tables = {
        node.inputs["name"]: node.inputs
        for node in FOUND.of_type("aws:glue/catalogTable:CatalogTable")
    }
    assert set(tables) == {history.FINDINGS_TABLE, history.RUNS_TABLE, *history.VIEWS}
    findings = tables[history.FINDINGS_TABLE]
    assert findings["storageDescriptor"]["location"] == f"s3://fleetmend-ledger/{history.FINDINGS}"
    columns = {one["name"]: one["type"] for one in findings["storageDescriptor"]["columns"]}
    assert columns == dict(history.FINDING_COLUMNS)
    keys = [key["name"] for key in findings["partitionKeys"]]
    projected = {name.split(".")[1] for name in findings["parameters"] if name.count(".") == 2}
    assert projected == set(keys) == set(history.FINDING_PARTITIONS)
    group = one(FOUND, "aws:athena/workgroup:Workgroup").inputs["configuration"]
    assert group["enforceWorkgroupConfiguration"] is True
    assert group["bytesScannedCutoffPerQuery"] > 0
    queries = FOUND.of_type("aws:athena/namedQuery:NamedQuery")
    assert {node.inputs["query"] for node in queries} == {
        history.whole(question.sql) for question in history.NAMED.values()
    }


def test_athena_has_the_committed_views_and_they_give_what_they_say():
    views = {
        node.inputs["name"]: node.inputs
        for node in FOUND.of_type("aws:glue/catalogTable:CatalogTable")
        if node.inputs["tableType"] == "VIRTUAL_VIEW"
    }
    assert set(views) == set(history.VIEWS)
    with duckdb.connect(":memory:") as engine:
        for name, columns, partitions in (
            (history.FINDINGS_TABLE, history.FINDING_COLUMNS, history.FINDING_PARTITIONS),
            (history.RUNS_TABLE, history.RUN_COLUMNS, history.RUN_PARTITIONS),
        ):
            typed = {**columns, **dict.fromkeys(partitions, "string")}
            listed = ", ".join(f"{key} {kind}" for key, kind in typed.items())
            engine.execute(f"CREATE TABLE {name} ({listed})")
        for name in history.VIEWS:
            view = views[name]
            text = view["viewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
            presto = json.loads(base64.b64decode(text))
            assert presto["schema"] == "fleetmend_dev"
            engine.execute(f"CREATE VIEW {name} AS {presto['originalSql']}")
            given = [
                (row[0], row[1].lower()) for row in engine.execute(f"DESCRIBE {name}").fetchall()
            ]
            assert given == [(one["name"], one["type"]) for one in presto["columns"]]
            shown = [(one["name"], one["type"]) for one in view["storageDescriptor"]["columns"]]
            assert shown == list(history.columns_of(name).items())


def test_its_own_alarms_watch_the_machine_the_branches_and_the_runs():
    alarms = {
        node.inputs["metricName"]: node.inputs
        for node in compliance(sweep_minutes=360).of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    assert "stateMachine" in str(alarms["ExecutionsFailed"]["dimensions"]["StateMachineArn"])
    dimensions = {"concern": "compliance", "service": "compliance"}
    for metric in ("BranchesFailed", "ComplianceRate"):
        assert alarms[metric]["dimensions"] == dimensions
        assert alarms[metric]["period"] == 6 * 3600
    assert alarms["ComplianceRate"]["treatMissingData"] == "breaching"
    assert alarms["ComplianceRate"]["statistic"] == "SampleCount"


SPACE = "Fleetmend/dev"


def written(capsys, monkeypatch) -> list[tuple[str, str, set[str]]]:
    """What a run's end writes: namespace, metric and names of dimensions."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", SPACE)
    monkeypatch.setattr(envelope._metrics.provider, "namespace", SPACE)
    monkeypatch.setattr(envelope._metrics.provider, "service", "compliance")
    context: Any = SimpleNamespace(aws_request_id="r", function_name="f")
    counts = dict.fromkeys(("judged", "violating", "broken", "fixed"), 1)
    more = {"run": "r", "complete": True, "rate": 0.5, "branches": [], "by_rule": {"o": 2}}
    with envelope.opened("compliance", context):
        envelope.complied({**counts, **more})
    return [
        (told["Namespace"], metric["Name"], set(dimensions))
        for line in capsys.readouterr().out.splitlines()
        if "_aws" in line
        for told in json.loads(line)["_aws"]["CloudWatchMetrics"]
        for metric in told["Metrics"]
        for dimensions in told["Dimensions"]
    ]


def test_the_dashboard_asks_for_what_the_function_writes(capsys, monkeypatch):
    args: Any = {"installation": ME, "concerns": [], "alarm_arns": [], "compliance": True}
    board = graph(lambda opts: Dashboard("board", args, opts) and None)
    body = one(board, "aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"]
    shown = [widget["properties"] for widget in json.loads(body)["widgets"]]
    lines = [
        line
        for widget in shown
        for line in widget.get("metrics", [])
        if "compliance" in widget["title"]
    ]
    (search,) = [line[0]["expression"] for line in lines if isinstance(line[0], dict)]
    asked = [(line[0], line[1], set(line[2:-1:2])) for line in lines if isinstance(line[0], str)]
    known = written(capsys, monkeypatch)
    assert len(asked) == 4
    assert [line for line in asked if line not in known] == []
    assert search == f"SEARCH('{{{SPACE},concern,rule}} MetricName=\"Violations\"', 'Maximum')"
    assert (SPACE, "Violations", {"concern", "rule"}) in known
    assert any("a run ended" in widget["query"] for widget in shown if "query" in widget)


def test_a_person_calls_the_alias_that_the_schedule_calls():
    assert scans.ALIAS == controller.ALIAS


def test_everything_says_whose_it_is():
    assert badly_tagged(FOUND) == []

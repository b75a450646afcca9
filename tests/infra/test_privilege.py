"""Least privilege both ways, over what the functions really call in every scenario."""

import dataclasses
import json
from types import SimpleNamespace

import pytest

from fleetmend.aws import inventory
from fleetmend.components.installation import main as installation
from fleetmend.components.rules_file import KINDS
from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.capture import capture
from fleetmend.deploy.check import Severity, check
from fleetmend.deploy.lambdas import FUNCTION
from fleetmend.deploy.privilege import (
    ACCEPTED,
    Accepted,
    Call,
    Recording,
    Report,
    judge,
    kinds,
    shipped,
)
from fleetmend.deploy.privilege.judge import Rules
from fleetmend.deploy.privilege.operations import UnknownOperation, needs
from fleetmend.deploy.privilege.world import OtherInstallation, function_of, world
from fleetmend.deploy.view import View
from tests.infra import recordings

pytestmark = pytest.mark.xdist_group("privilege")  # one recording serves all of them

RENEW = "renew it: python -m tests.infra.recordings"


def verdict(graph: Graph, calls: tuple[Recording, ...], function: str = "recovery") -> Report:
    return next(report for report in judge(graph, calls) if report.function == function)


def changed(graph: Graph, name: str, change) -> Graph:
    """The graph with the policy document of one node put through `change`."""

    def other(node: Node) -> Node:
        if node.name != name:
            return node
        document = json.loads(node.inputs["policy"])
        change({s["Sid"]: s for s in document["Statement"]}, document["Statement"])
        return dataclasses.replace(node, inputs={**node.inputs, "policy": json.dumps(document)})

    assert any(node.name == name for node in graph.nodes)
    return dataclasses.replace(graph, nodes=tuple(other(node) for node in graph.nodes))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return recordings.graph()


@pytest.fixture(scope="module")
def played() -> tuple[Recording, ...]:
    return recordings.played()


RECOVERY = "recovery-controller-may-recovery"
RUNS = "recovery-controller-may-runs"


def test_nothing_is_denied_and_nothing_granted_in_vain(graph: Graph, played) -> None:
    reports = judge(graph, played)
    assert [problem for report in reports for problem in report.problems()] == []
    assert all(report.passed for report in reports)


def test_every_function_of_the_installation_is_judged(graph: Graph, played) -> None:
    judged = {report.function for report in judge(graph, played)}
    concerns = {
        node.inputs["environment"]["variables"]["POWERTOOLS_SERVICE_NAME"]
        for node in graph.of_type(FUNCTION)
    }
    assert judged == concerns


def test_a_missing_grant_fails(graph: Graph) -> None:
    def without_starting(statements, _) -> None:
        statements["Observes"]["Action"].remove("ec2:DescribeInstanceStatus")

    report = verdict(changed(graph, RECOVERY, without_starting), shipped())
    assert [(d.by, d.action) for d in report.denied] == [
        ("ec2:DescribeInstanceStatus", "ec2:DescribeInstanceStatus")
    ]
    assert not report.passed


def test_a_grant_missing_for_what_lambda_itself_does_fails(graph: Graph) -> None:
    def without_deleting(statements, _) -> None:
        statements["Wakes"]["Action"].remove("sqs:DeleteMessage")

    report = verdict(changed(graph, RUNS, without_deleting), shipped())
    assert [(d.by, d.action) for d in report.denied] == [
        ("Lambda polls the queue", "sqs:DeleteMessage")
    ]


def test_a_key_that_may_not_be_used_on_the_way_fails(graph: Graph) -> None:
    def through_another(statements, _) -> None:
        test = statements["LedgerKey"]["Condition"]["StringEquals"]
        test["kms:ViaService"] = ["sqs.us-east-1.amazonaws.com"]

    denied = verdict(changed(graph, RECOVERY, through_another), shipped()).denied
    assert {(d.by, d.action) for d in denied} == {
        ("s3:GetObject", "kms:Decrypt"),
        ("s3:PutObject", "kms:GenerateDataKey"),
    }
    assert all("kms:ViaService" in d.why for d in denied)


@pytest.mark.parametrize(
    ("sid", "action"),
    [("Starts", "ec2:TerminateInstances"), ("WritesRecords", "s3:PutObjectAcl")],
)
def test_an_action_too_many_fails(graph: Graph, sid: str, action: str) -> None:
    report = verdict(
        changed(graph, RECOVERY, lambda statements, _: statements[sid]["Action"].append(action)),
        shipped(),
    )
    assert {grant.action for grant in report.unused} == {action}
    assert not report.denied


def test_a_resource_too_many_fails(graph: Graph) -> None:
    def elsewhere(statements, _) -> None:
        statements["ReadsRecords"]["Resource"].append("arn:aws:s3:::somebody-elses/*")

    unused = verdict(changed(graph, RECOVERY, elsewhere), shipped()).unused
    assert [grant.resource for grant in unused] == ["arn:aws:s3:::somebody-elses/*"]


def test_a_wildcard_is_spelt_out(graph: Graph) -> None:
    def all_deletes(statements, _) -> None:
        statements["ForgetsHints"]["Action"] = ["s3:DeleteObject*"]

    unused = {g.action for g in verdict(changed(graph, RECOVERY, all_deletes), shipped()).unused}
    assert "s3:DeleteObjectVersion" in unused
    assert "s3:DeleteObject" not in unused


def test_tags_are_those_that_the_instance_had(graph: Graph) -> None:
    one = next(one for one in shipped() if one.function == "recovery")
    start = next(call for call in one.calls if call.operation == "StartInstances")
    untagged = dataclasses.replace(start, tags={}, error="")
    report = verdict(graph, (*shipped(), dataclasses.replace(one, calls=(untagged,))))
    assert {denied.action for denied in report.denied} == {"ec2:StartInstances"}
    assert all("ec2:ResourceTag/Auto-Recover" in denied.why for denied in report.denied)


def test_an_unconditional_write_is_denied_by_the_buckets_policy(graph: Graph) -> None:
    one = next(one for one in shipped() if one.function == "recovery")
    params = {"Bucket": one.environment["FLEETMEND_LEDGER_BUCKET"], "Key": "records/recovery/x"}
    call = Call("s3", "PutObject", params)
    denied = verdict(graph, (*shipped(), dataclasses.replace(one, calls=(call,)))).denied
    assert [d.why for d in denied] == ["RecordsByCompareAndSwap denies it"]


def test_a_call_denied_in_the_lab_must_be_denied_by_the_policies(graph: Graph) -> None:
    one = next(one for one in shipped() if one.function == "recovery")
    start = next(call for call in one.calls if call.operation == "StartInstances")
    refused = dataclasses.replace(start, error="UnauthorizedOperation")
    report = verdict(graph, (*shipped(), dataclasses.replace(one, calls=(refused,))))
    assert len(report.mismatches) == 1
    retagged = dataclasses.replace(refused, tags={})
    report = verdict(graph, (*shipped(), dataclasses.replace(one, calls=(retagged,))))
    assert report.passed


def test_a_reason_that_is_no_longer_needed_fails(graph: Graph) -> None:
    old = Accepted("recovery", "ec2:StartInstances", "*", "It was not called yet at the time.")
    report = next(iter(judge(graph, shipped(), (*ACCEPTED, old))))
    assert report.stale == (old,)
    assert not report.passed


def test_a_scan_needs_all_that_the_spoke_may_do_and_nothing_else(graph: Graph, played) -> None:
    called: list[Call] = []
    client = inventory.scanner(
        "us-east-1",
        credentials=dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "none"),
    )

    def note(model, **_) -> tuple[object, object]:
        called.append(Call("ec2", model.name))
        nothing = {"ResponseMetadata": {}, "Page": SimpleNamespace(instances=list)}
        return SimpleNamespace(status_code=200), nothing

    client.meta.events.register("before-call.ec2", note)
    for kind in KINDS:
        assert [batch.resources for batch in inventory.scan(client, kind)] == [[]]
    view = View(graph)
    function = function_of(view, "compliance")
    one = next(one for one in played if one.function == "compliance")
    (role,) = [n for n in graph.of_type("aws:iam/role:Role") if n.name.endswith("spoke-role")]
    place = world(view, function, one)
    rules = Rules(place, role)
    verdicts = [rules.verdict(need) for call in called for need in needs(call, place)]
    assert [verdict.why for verdict in verdicts if not verdict.allowed] == []
    used = {grant for verdict in verdicts for grant in verdict.grants}
    assert set(rules.grants) == used
    elsewhere = world(view, function, dataclasses.replace(one, region="eu-north-1"))
    assert not Rules(elsewhere, role).verdict(next(iter(needs(called[0], elsewhere)))).allowed


def test_types_are_changed_with_all_that_their_role_may_do_and_nothing_else(graph: Graph) -> None:
    view = View(graph)
    one = next(one for one in shipped() if one.function == "recovery")
    place = world(view, function_of(view, "recovery"), one)
    (role,) = [n for n in graph.of_type("aws:iam/role:Role") if n.name.endswith("types-role")]
    rules, called = Rules(place, role), recordings.with_types()
    assert {call.operation for call in called} == {"CreateTags", "ModifyInstanceAttribute"}

    def refused(*calls: Call) -> list[str]:
        found = [rules.verdict(need) for call in calls for need in needs(call, place)]
        return [verdict.why for verdict in found if not verdict.allowed]

    verdicts = [rules.verdict(need) for call in called for need in needs(call, place)]
    assert refused(*called) == []
    assert set(rules.grants) == {grant for verdict in verdicts for grant in verdict.grants}
    (change, *_) = [call for call in called if call.operation == "ModifyInstanceAttribute"]
    (mark, *_) = [call for call in called if call.operation == "CreateTags"]
    user_data = {"InstanceId": change.params["InstanceId"], "UserData": {"Value": b"x"}}
    assert refused(dataclasses.replace(change, params=user_data))
    assert refused(dataclasses.replace(change, tags={}))
    another = {**mark.params, "Tags": [{"Key": "Auto-Recover", "Value": "true"}]}
    assert refused(dataclasses.replace(mark, params=another))
    assert refused(dataclasses.replace(mark, tags={}))


TYPES = {"ec2:ModifyInstanceAttribute", "ec2:DescribeInstanceTypeOfferings"}


def test_without_the_switch_nothing_may_change_a_type(graph: Graph) -> None:
    off = capture(installation, config={**recordings.CONFIG, "deployTypeChange": "false"})
    told = [*TYPES, "recovery-types", "fleetmend:original-type", "FLEETMEND_TYPE_ROLE"]
    for found, expected in ((graph, True), (off, False)):
        texts = " ".join(json.dumps(dict(node.inputs)) for node in found.nodes)
        assert [word in texts for word in told] == [expected] * len(told)
    assert [f for f in check(off) if f.severity is not Severity.INFO] == []


def test_every_reason_is_a_sentence() -> None:
    assert all(len(item.reason.split()) > 5 and item.reason.endswith(".") for item in ACCEPTED)


def test_an_operation_nobody_looked_up_is_an_error(graph: Graph) -> None:
    one = next(one for one in shipped() if one.function == "recovery")
    call = Call("ec2", "ModifyVolume", {})
    with pytest.raises(UnknownOperation, match=r"operations\.py"):
        judge(graph, [dataclasses.replace(one, calls=(call,))])


def test_a_recording_of_another_installation_is_refused(graph: Graph) -> None:
    one = next(one for one in shipped() if one.function == "recovery")
    other = {**one.environment, "FLEETMEND_SUFFIX": "elsewhere"}
    with pytest.raises(OtherInstallation, match="elsewhere"):
        judge(graph, [dataclasses.replace(one, environment=other)])


def test_the_shipped_recording_shows_every_kind_of_call(graph: Graph, played) -> None:
    assert _kinds(graph, shipped()) == _kinds(graph, played), RENEW


def test_the_tables_are_current() -> None:
    text = recordings.SECURITY.read_text(encoding="utf-8")
    assert recordings.security(text) == text, RENEW


def _kinds(graph: Graph, some: tuple[Recording, ...]) -> dict[str, set]:
    found: dict[str, set] = {}
    for one in some:
        found.setdefault(one.function, set()).update(kinds(graph, one))
    return found


@pytest.mark.parametrize(
    "config",
    [
        {"environmentSuffix": "dev", "region": "us-east-1"},
        {
            "environmentSuffix": "prod",
            "environment": "prod",
            "region": "us-west-2",
            "recoverTagKey": "Keep-Running",
            "recoverTagValue": "yes",
            "alertWebhooks": "https://hooks.example.com/services/1",
        },
        {
            "environmentSuffix": "own",
            "region": "us-west-2",
            "deployCompliance": "true",
            "complianceRules": "examples/rules/required-tags.yaml",
        },
        {
            "environmentSuffix": "many",
            "region": "us-east-1",
            "deployCompliance": "true",
            "complianceRules": "examples/rules/required-tags.yaml",
            "complianceAccounts": "111111111111,222222222222",
            "complianceRegions": "us-east-1,eu-west-1",
        },
    ],
    ids=["defaults", "another region and tag", "compliance", "compliance of other accounts"],
)
def test_check_judges_other_installations_by_the_shipped_recording(config) -> None:
    graph = capture(recordings.installation, config=config)
    findings = [f for f in check(graph) if f.severity is not Severity.INFO]
    assert findings == []
    cut = changed(graph, RECOVERY, lambda _, statements: statements.pop(0))
    assert {f.rule for f in check(cut) if f.severity is not Severity.INFO} == {"iam-denied-call"}
    wide = changed(
        graph,
        RECOVERY,
        lambda statements, _: statements["Starts"]["Action"].append("ec2:StopInstances"),
    )
    found = [f for f in check(wide) if f.severity is not Severity.INFO]
    assert [f.rule for f in found] == ["iam-unused-grant"]
    assert "ec2:StopInstances" in found[0].message


@pytest.mark.parametrize(
    "rule",
    [
        "tag: Team, default: core, remedy: fill",
        "tag: Team, from: vpc, remedy: [fill, stop], stop_after: 1d",
    ],
)
def test_check_judges_remediation_by_the_rules_of_the_installation(rule: str, tmp_path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(f"rules: [{{name: team, {rule}}}]", encoding="utf-8")
    config = {
        "environmentSuffix": "dev",
        "region": "us-west-2",
        "deployCompliance": "true",
        "deployRemediation": "true",
        "complianceRules": str(file),
    }
    graph = capture(installation, config=config)
    assert [f for f in check(graph) if f.severity is not Severity.INFO] == []

    def others(statements, _) -> None:
        statements["Tags"]["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"] = ["Owner"]

    cut = changed(graph, "remediation-controller-may-remediation", others)
    assert "iam-denied-call" in {f.rule for f in check(cut) if f.severity is not Severity.INFO}


@pytest.mark.parametrize(
    ("impaired", "granted"),
    [("off", set[str]()), ("reboot", {"ec2:RebootInstances"})],
)
def test_what_is_switched_off_is_neither_granted_nor_missed(impaired: str, granted) -> None:
    config = {**recordings.CONFIG, "impaired": impaired, "deployTypeChange": "false"}
    graph = capture(installation, config=config)
    node = next(node for node in graph.nodes if node.name == RECOVERY)
    allowed = {
        action
        for statement in json.loads(node.inputs["policy"])["Statement"]
        for action in statement["Action"]
    }
    mends = {"ec2:RebootInstances", "ec2:StopInstances", "ec2:DescribeInstanceTypes"}
    assert allowed & mends == granted
    assert [f for f in check(graph) if f.severity is not Severity.INFO] == []

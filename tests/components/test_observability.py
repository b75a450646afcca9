"""Everything tells the topic, everybody can be told, and the dashboard shows the real metrics."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fleetmend.components.alarms import function_dimensions
from fleetmend.components.alerts import Alerts
from fleetmend.components.backup import Backup
from fleetmend.components.bridge import Bridge
from fleetmend.components.dashboard import Dashboard
from fleetmend.core.graph import Graph
from fleetmend.core.loop import Case
from fleetmend.core.model import Decision, Outcome, Result
from fleetmend.core.remediation import FILL, STOP, UNDO
from fleetmend.lambdas import bridge, envelope
from tests.components.graphs import ACCOUNT, ME, REGION, astray, badly_tagged, graph, one
from tests.components.iam_rules import faults
from tests.components.installed import filled, installed, policy, role_statements

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/main"


def alerts(**more: Any) -> Graph:
    args: Any = {"installation": ME, "account_id": ACCOUNT, "key_arn": KEY, **more}
    return graph(lambda opts: Alerts("tell", args, opts) and None)


def test_the_topic_has_a_key_that_alarms_can_use_and_lets_them_publish() -> None:
    found = alerts()
    topic = one(found, "aws:sns/topic:Topic")
    assert topic.inputs["kmsMasterKeyId"] == KEY
    lets_in, tls = policy(found, one(found, "aws:sns/topicPolicy:TopicPolicy"))
    assert lets_in["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert lets_in["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"]},
    }
    assert tls["Effect"] == "Deny"
    assert badly_tagged(found) == []
    assert list(astray(found, "tell")) == []


def test_who_leaves_moves_nobody_else() -> None:
    """A subscription that is replaced has to be confirmed again by its owner."""
    before = {
        node.name for node in alerts(emails=["a@x.io", "b@x.io", "c@x.io"]).of_type(SUBSCRIPTION)
    }
    after = {node.name for node in alerts(emails=["a@x.io", "c@x.io"]).of_type(SUBSCRIPTION)}
    assert after < before
    assert len(before) == 3


def test_addresses_are_secret_and_queues_are_not() -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox"
    found = alerts(emails=["a@x.io"], queue_arns=[queue])
    email = one(found, SUBSCRIPTION, _named(found, "email"))
    assert email.secret_paths == ("endpoint",)
    inbox = one(found, SUBSCRIPTION, _named(found, "queue"))
    assert inbox.inputs["endpoint"] == queue
    assert inbox.inputs["protocol"] == "sqs"


def _named(found: Graph, kind: str) -> str:
    return next(node.name for node in found.of_type(SUBSCRIPTION) if kind in node.name)


def bridge_graph(*, webhooks: bool) -> Graph:
    args: Any = {
        "installation": ME,
        "account_id": ACCOUNT,
        "artifact": "x.zip",
        "key_arn": KEY,
        "topic_arn": TOPIC,
        "webhooks": webhooks,
    }
    return graph(lambda opts: Bridge("bridge", args, opts) and None)


def test_the_bridge_is_subscribed_only_where_there_are_webhooks() -> None:
    with_webhooks, without = bridge_graph(webhooks=True), bridge_graph(webhooks=False)
    assert one(with_webhooks, SUBSCRIPTION).inputs["protocol"] == "lambda"
    assert not without.of_type(SUBSCRIPTION)
    assert not without.of_type("aws:lambda/permission:Permission")


@pytest.mark.parametrize("webhooks", [True, False])
def test_the_bridge_may_count_and_read_its_webhooks_and_nothing_else(webhooks: bool) -> None:
    found = bridge_graph(webhooks=webhooks)
    own = role_statements(found, "bridge-controller-may-bridge")
    assert [fault for each in own for fault in faults(each)] == []
    actions = {action for each in own for action in each["Action"]}
    wanted = {"sns:GetTopicAttributes"}
    assert actions == wanted | ({"ssm:GetParameter", "kms:Decrypt"} if webhooks else set())


def test_the_bridge_understands_its_schedule_and_its_environment() -> None:
    found = bridge_graph(webhooks=True)
    said = json.loads(one(found, "aws:scheduler/schedule:Schedule").inputs["target"]["input"])
    assert said == {"fleetmend": bridge.SUBSCRIPTIONS}
    variables = one(found, "aws:lambda/function:Function").inputs["environment"]["variables"]
    assert variables["FLEETMEND_WEBHOOKS_NAME"] == "/fleetmend/dev/alerts/webhooks"
    assert variables["FLEETMEND_TOPIC_ARN"] == TOPIC


def test_nobody_subscribed_raises_an_alarm_and_so_does_nobody_who_counts() -> None:
    alarm = one(bridge_graph(webhooks=False), ALARM, "alarm-subscribers").inputs
    assert alarm["comparisonOperator"] == "LessThanThreshold"
    assert alarm["threshold"] == 1
    assert alarm["treatMissingData"] == "breaching"
    assert alarm["metricName"] == "SubscriptionsConfirmed"


def written_dimensions(concern: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The dimensions under which the functions' own code writes a metric."""
    provider = envelope._metrics.provider
    provider.namespace, provider.service = "Fleetmend/dev", concern
    provider.dimension_set.clear()
    context: Any = SimpleNamespace(aws_request_id="r")
    with envelope.opened(concern, context):
        envelope._metrics.add_metric(name="X", unit="Count", value=1)
    line = next(text for text in capsys.readouterr().out.splitlines() if "_aws" in text)
    metrics = json.loads(line)
    (names,) = metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    return {name: metrics[name] for name in names}


@pytest.mark.parametrize("concern", ["recovery", "bridge"])
def test_alarms_read_metrics_as_the_functions_write_them(
    concern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert function_dimensions(concern) == written_dimensions(concern, capsys)


def dashboard(**more: Any) -> Graph:
    args: Any = {
        "installation": ME,
        "concerns": ["recovery"],
        "alarm_arns": ["arn:alarm"],
        "bridge": True,
        "group_name": "fleetmend-group-dev",
        **more,
    }
    return graph(lambda opts: Dashboard("look", args, opts) and None)


def widgets(found: Graph) -> list[dict[str, Any]]:
    body = one(found, "aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"]
    return json.loads(filled(found, body))["widgets"]


def test_every_line_has_its_dimensions_and_every_widget_its_region() -> None:
    for widget in widgets(dashboard()):
        properties = widget["properties"]
        if widget["type"] == "alarm":
            assert properties["alarms"] == ["arn:alarm"]
            continue
        assert properties["region"] == REGION
        for namespace, metric, *dimensions, options in properties.get("metrics", []):
            assert namespace
            assert metric
            assert len(dimensions) >= 2
            assert len(dimensions) % 2 == 0
            assert set(options) == {"stat"}


def test_what_remediation_changed_is_shown_as_its_function_counts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not any("changes" in str(one["properties"].get("title")) for one in widgets(dashboard()))
    (shown,) = [
        one["properties"]
        for one in widgets(dashboard(concerns=["remediation"]))
        if one["properties"].get("title") == "remediation: changes"
    ]
    counted: dict[str, int] = {}
    monkeypatch.setattr(
        envelope._metrics, "add_metric", lambda name, unit, value: counted.update({name: value})
    )
    cases = [
        Case("i-1", decision=Decision("r", None, act=act), outcome=Outcome(result))
        for act in (FILL, STOP, UNDO)
        for result in (Result.ACCEPTED, Result.REFUSED)
    ]
    envelope._tell(cases)
    names = {line[1] for line in shown["metrics"]}
    assert names <= counted.keys()
    assert {line[3] for line in shown["metrics"]} == {"remediation"}


def test_widgets_do_not_overlap_and_fit_the_grid() -> None:
    cells = [
        (x, y)
        for widget in widgets(dashboard())
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_shows_what_there_is() -> None:
    found = installed()
    real = {
        "FunctionName": {n.inputs["name"] for n in found.of_type("aws:lambda/function:Function")},
        "QueueName": {n.inputs["name"] for n in found.of_type("aws:sqs/queue:Queue")},
        "TopicName": {n.inputs["name"] for n in found.of_type("aws:sns/topic:Topic")},
        "AutoScalingGroupName": {
            n.inputs["name"] for n in found.of_type("aws:autoscaling/group:Group")
        },
    }
    shown = set()
    for widget in widgets(found):
        for _, _, *dimensions, _ in widget["properties"].get("metrics", []):
            for key, value in zip(dimensions[::2], dimensions[1::2], strict=True):
                if key in real:
                    assert value in real[key], (key, value)
                    shown.add(key)
    assert shown == set(real)


def test_alarms_watch_what_there_is() -> None:
    found = installed()
    real = {
        "FunctionName": {n.inputs["name"] for n in found.of_type("aws:lambda/function:Function")},
        "QueueName": {n.inputs["name"] for n in found.of_type("aws:sqs/queue:Queue")},
        "BackupVaultName": {n.inputs["name"] for n in found.of_type("aws:backup/vault:Vault")},
    }
    for alarm in found.of_type(ALARM):
        for key, value in alarm.inputs["dimensions"].items():
            if key in real:
                assert value in real[key], alarm.name


def test_every_alarm_of_the_installation_tells_its_topic() -> None:
    found = installed()
    topic = f"<<TF:{one(found, 'aws:sns/topic:Topic').urn}|arn>>"
    for alarm in found.of_type(ALARM):
        assert alarm.inputs["alarmActions"] == [topic], alarm.name


def test_queries_read_log_groups_that_are_there() -> None:
    found = installed()
    groups = {node.inputs["name"] for node in found.of_type("aws:cloudwatch/logGroup:LogGroup")}
    queries = found.of_type("aws:cloudwatch/queryDefinition:QueryDefinition")
    assert len(queries) == 6
    for node in queries:
        assert set(node.inputs["logGroupNames"]) <= groups
    for widget in widgets(found):
        if widget["type"] == "log":
            assert widget["properties"]["query"].split("'")[1] in groups


def backup(**more: Any) -> Graph:
    args: Any = {"installation": ME, "key_arn": KEY, "topic_arn": TOPIC, **more}
    return graph(lambda opts: Backup("keep", args, opts) and None)


def test_backups_are_encrypted_kept_as_long_as_said_and_chosen_by_tag() -> None:
    found = backup(retention_days=50, tag_key="Keep", tag_value="yes", schedule="cron(0 1 ? * * *)")
    assert one(found, "aws:backup/vault:Vault").inputs["kmsKeyArn"] == KEY
    (rule,) = one(found, "aws:backup/plan:Plan").inputs["rules"]
    assert rule["lifecycle"] == {"deleteAfter": 50}
    assert rule["schedule"] == "cron(0 1 ? * * *)"
    (tag,) = one(found, "aws:backup/selection:Selection").inputs["selectionTags"]
    assert tag == {"type": "STRINGEQUALS", "key": "Keep", "value": "yes"}
    assert badly_tagged(found) == []
    assert list(astray(found, "keep")) == []


def test_restores_are_tried_where_asked_for() -> None:
    assert not backup().of_type("aws:backup/restoreTestingPlan:RestoreTestingPlan")
    found = backup(restore_testing=True)
    plan = one(found, "aws:backup/restoreTestingPlan:RestoreTestingPlan")
    assert plan.inputs["name"].replace("_", "").isalnum()
    vault = one(found, "aws:backup/vault:Vault")
    assert plan.inputs["recoveryPointSelection"]["includeVaults"] == [f"<<TF:{vault.urn}|arn>>"]

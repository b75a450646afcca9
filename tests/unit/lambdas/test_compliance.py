"""Compliance's function: a run over three accounts and two regions, one of which refuses."""

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from fleetmend.aws import clients
from fleetmend.core import history, rules
from fleetmend.core.ports import PortError
from fleetmend.core.rules import Rule, Rules
from fleetmend.lambdas import compliance, envelope, settings
from fleetmend.lambdas.compliance import Reach, run
from fleetmend.lambdas.inbox import EventUnreadable
from fleetmend.lambdas.wiring import World
from tests.unit.cli.conftest import one_loader

__all__ = ["one_loader"]

HUB, HERE, THERE = "123456789012", "eu-west-1", "us-east-1"
ACCOUNTS = (HUB, "111111111111", "222222222222")
BUCKET = "ledger-of-the-hub"
RULES = Rules((Rule("owner", "Owner"),), "v1")


class Context:
    aws_request_id = "r"
    function_name = "f"

    def __init__(self) -> None:
        self.left = 300_000
        self.invoked_function_arn = f"arn:aws:lambda:{HERE}:{HUB}:function:fleetmend-compliance-dev"

    def get_remaining_time_in_millis(self) -> int:
        return self.left


class Hub:
    """The hub's account, with instances in every account and region."""

    def __init__(self) -> None:
        s3, ssm = boto3.client("s3", HERE), boto3.client("ssm", HERE)
        where = {"LocationConstraint": HERE}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        self.s3, self.ssm = s3, ssm
        self.put(compliance.RULES_KEY, rules.encode(RULES))
        self.parameter("mode/all", "act")
        self.parameter("mode/compliance", "act")
        self.parameter("compliance/policy", "{}")
        self.parameter("compliance/overrides", "{}")
        self.topic = boto3.client("sns", HERE).create_topic(Name="alerts")["TopicArn"]
        self.machine = boto3.client("stepfunctions", HERE).create_state_machine(
            name="compliance",
            definition='{"StartAt": "x", "States": {"x": {"Type": "Succeed"}}}',
            roleArn=f"arn:aws:iam::{HUB}:role/machine",
        )["stateMachineArn"]
        self.environment = settings.Settings("compliance", "fm", "dev", BUCKET, "", self.topic)
        self.reach = Reach(self.machine, "scan", "fm-dev")
        self.context = Context()
        self.refusing: set[str] = set()
        self.session = boto3.session.Session(region_name=HERE)
        self.clients: dict[str, object] = {}
        self.said: list[dict] = []
        self.told: list[str] = []
        self.now = datetime(2026, 3, 14, 9, tzinfo=UTC)
        self.count = 0
        self.fleet(HUB, HERE)

    def spread(self) -> None:
        """Three accounts and two regions are scanned from now on."""
        scope = {"accounts": list(ACCOUNTS), "regions": [HERE, THERE]}
        self.parameter("compliance/policy", json.dumps(scope))
        for account in ACCOUNTS:
            for region in (HERE, THERE):
                if (account, region) != (HUB, HERE):
                    self.fleet(account, region)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def read(self, key: str):
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def parameter(self, name: str, value: str) -> None:
        self.ssm.put_parameter(Name=f"/fm/dev/{name}", Value=value, Type="String", Overwrite=True)

    def fleet(self, account: str, region: str) -> None:
        """Two instances, one of which is nobody's."""
        keys = boto3.client("sts", HERE).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/maker", RoleSessionName="maker"
        )["Credentials"]
        ec2 = boto3.client(
            "ec2",
            region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        for tag in ({"Key": "Owner", "Value": "web"}, {"Key": "Name", "Value": "whose?"}):
            ec2.run_instances(
                ImageId="ami-12345678",
                MinCount=1,
                MaxCount=1,
                TagSpecifications=[{"ResourceType": "instance", "Tags": [tag]}],
            )

    def client(self, service: str):
        if service in self.clients:
            return self.clients[service]
        made = self.clients[service] = clients.client(service, self.session)
        if service == "sts":
            made.meta.events.register("before-call.sts.AssumeRole", self._assume)
        if service == "sns":
            made.meta.events.register("provide-client-params.sns.Publish", self._publish)
        return made

    def _assume(self, params, **_):
        asked = params["body"]
        self.said.append(asked)
        if any(account in asked["RoleArn"] for account in self.refusing):
            error = {"Code": "AccessDenied", "Message": "no trust"}
            return SimpleNamespace(status_code=403, headers={}), {
                "Error": error,
                "ResponseMetadata": {"HTTPStatusCode": 403},
            }
        return None

    def _publish(self, params, **_):
        self.told.append(json.loads(params["Message"])["default"])

    def nonce(self) -> str:
        self.count += 1
        return f"{self.count:032x}"

    def call(self, **event):
        world = World(
            self.client, lambda: self.now, self.nonce, lambda f, items: [f(i) for i in items]
        )
        with (
            patch.object(envelope._metrics.provider, "namespace", "Fleetmend/dev"),
            patch.object(envelope._metrics.provider, "service", "compliance"),
            redirect_stdout(io.StringIO()),
        ):
            return run(event, self.context, self.environment, self.reach, world)

    def whole(self):
        """What the state machine does with a run."""
        begun = self.call(fleetmend="sweep")
        plan = self.read(f"progress/compliance/{begun['run']}/plan.json")
        for account, region in plan["branches"]:
            while not self.call(
                fleetmend="examine", run=begun["run"], account=account, region=region
            )["done"]:
                pass
        return self.call(fleetmend="finish", run=begun["run"])

    def latest(self):
        return self.read(f"{history.LATEST}.json")


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Fleetmend/dev")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # 0.6 s an account and region
    with mock_aws():
        yield Hub()


def test_every_account_and_region_is_examined_with_its_own_role(hub):
    hub.spread()
    finished = hub.whole()
    assert finished["complete"]
    assert (finished["judged"], finished["violating"]) == (12, 6)
    assert {asked["RoleArn"] for asked in hub.said} == {
        f"arn:aws:iam::{account}:role/scan" for account in ACCOUNTS
    }
    assert {asked["ExternalId"] for asked in hub.said} == {"fm-dev"}
    assert ["6 findings are new" in text for text in hub.told] == [True]


def test_one_that_refuses_is_reported_and_the_others_stand(hub):
    hub.spread()
    hub.refusing = {"222222222222"}
    finished = hub.whole()
    assert not finished["complete"]
    assert (finished["judged"], finished["violating"]) == (8, 4)
    failed = [one for one in hub.latest()["branches"] if one["failure"]]
    assert [(one["account"], one["region"]) for one in failed] == [
        ("222222222222", HERE),
        ("222222222222", THERE),
    ]
    assert "AccessDenied" in failed[0]["failure"]
    assert any("could not be examined" in text for text in hub.told)


def test_the_machine_is_started_once_with_the_plan(hub):
    begun = hub.call(fleetmend="sweep")
    machine = boto3.client("stepfunctions", HERE)
    (execution,) = machine.list_executions(stateMachineArn=hub.machine)["executions"]
    assert execution["name"] == begun["run"]
    given = json.loads(machine.describe_execution(executionArn=execution["executionArn"])["input"])
    assert given["branches"] == [{"account": HUB, "region": HERE}]


def test_it_saves_its_place_when_its_time_runs_short(hub):
    hub.context.left = 1000
    begun = hub.call(fleetmend="sweep")
    told = hub.call(fleetmend="examine", run=begun["run"], account=HUB, region=HERE)
    assert not told["done"]  # one page was examined and saved; what is left is to compare
    hub.context.left = 300_000
    assert hub.call(fleetmend="examine", run=begun["run"], account=HUB, region=HERE)["done"]


def test_the_second_day_tells_nothing_that_was_told(hub):
    hub.whole()
    hub.told.clear()
    hub.now += timedelta(days=1)
    assert hub.whole()["broken"] == 0
    assert hub.told == []
    assert [point["violating"] for point in hub.latest()["trend"]] == [1, 1]


def test_a_digest_is_told_once_a_week_also_when_nothing_changed(hub):
    hub.parameter("compliance/policy", '{"digest": "mon"}')
    told: list[str] = []
    for days in (1, 1, 1, 6, 0):  # from Saturday, 14 March 2026
        hub.told.clear()
        hub.whole()
        told += [f"{hub.now:%a %d}" for text in hub.told if "week of" in text]
        hub.now += timedelta(days=days)
    assert told == ["Sat 14", "Mon 16", "Mon 23"]


def test_while_the_mode_is_off_nothing_begins(hub):
    hub.parameter("mode/compliance", "off")
    assert hub.call(fleetmend="sweep")["run"] == ""


def test_the_last_good_rules_stay_in_force(hub):
    hub.whole()
    hub.told.clear()
    hub.put(compliance.RULES_KEY, b"{")
    hub.now += timedelta(days=1)
    assert hub.whole()["violating"] == 1
    assert ["last good rules stay in force" in text for text in hub.told] == [True]


def test_without_any_rules_the_run_fails(hub):
    hub.put(compliance.RULES_KEY, b"{")
    with pytest.raises(PortError, match=r"rules/compliance\.json"):
        hub.call(fleetmend="sweep")


@pytest.mark.parametrize(
    "event", [{}, {"fleetmend": "look"}, {"fleetmend": "examine", "run": "x"}, {"fleetmend": 7}]
)
def test_what_it_is_not_called_with_is_an_error(hub, event):
    with pytest.raises(EventUnreadable):
        hub.call(**event)


def test_the_environment_is_checked_by_name(monkeypatch):
    for name in ("FLEETMEND_MACHINE_ARN", "FLEETMEND_SCAN_ROLE", "FLEETMEND_EXTERNAL_ID"):
        monkeypatch.delenv(name, raising=False)
    good = {
        "POWERTOOLS_SERVICE_NAME": "compliance",
        "FLEETMEND_PROJECT": "fm",
        "FLEETMEND_SUFFIX": "dev",
        "FLEETMEND_LEDGER_BUCKET": BUCKET,
        "FLEETMEND_TOPIC_ARN": f"arn:aws:sns:{HERE}:{HUB}:alerts",
    }
    for name, value in good.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(settings.SettingsInvalid, match="FLEETMEND_SCAN_ROLE"):
        compliance._container()

"""A run over three accounts and two regions, by the real machine, function and artifact.

MiniStack holds everything here, EC2 too: it keeps accounts apart, which moto's server does not.
One account's role is not given, once, so that exactly one branch is refused.
"""

import json
from itertools import product
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from fleetmend.aws.archive import S3Archive
from fleetmend.cli.main import main
from fleetmend.components.compliance import Compliance, ComplianceArgs
from fleetmend.console import history as desk
from fleetmend.core import rules
from fleetmend.core.rules import Rule, Rules
from fleetmend.lab.emulator.control import Control
from fleetmend.lab.emulator.faults import Disturbance
from fleetmend.lab.emulator.processes import MinistackProcess
from tests.components.graphs import ME, graph, one

pytestmark = pytest.mark.emulator

REGION, OTHER, HUB = ME["region"], "eu-west-1", "123456789012"
ACCOUNTS = [HUB, "111111111111", "222222222222"]
BUCKET = "compliance-ledger"
RULES = Rules((Rule("owner", "Owner"),), "v1")
ARGS: ComplianceArgs = {
    "installation": ME,
    "account_id": HUB,
    "artifact": "no/such/file.zip",
    "ledger_name": BUCKET,
    "ledger_arn": f"arn:aws:s3:::{BUCKET}",
    "key_arn": f"arn:aws:kms:{REGION}:{HUB}:key/main",
    "topic_arn": f"arn:aws:sns:{REGION}:{HUB}:alerts",
    "topic_key_arn": f"arn:aws:kms:{REGION}:{HUB}:key/alerts",
    "rules": rules.encode(RULES).decode(),
    "accounts": ACCOUNTS,
    "regions": [REGION, OTHER],
}


class Lab:
    """What is installed, and what the test asks of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.found = graph(lambda opts: Compliance("compliance", ARGS, opts) and None)

    def client(self, service: str, account: str = HUB, region: str = REGION):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="lab",
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )

    def install(self, artifact) -> None:
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        kept = one(self.found, "aws:s3/bucketObjectv2:BucketObjectv2").inputs
        body = kept["content"].encode()
        self.client("s3").put_object(Bucket=BUCKET, Key=kept["key"], Body=body)
        for node in self.found.of_type("aws:ssm/parameter:Parameter"):
            self.parameter(node.inputs["name"], node.inputs["insecureValue"])
        self.parameter("/fleetmend/dev/mode/all", "act")
        self.parameter("/fleetmend/dev/installation", json.dumps(self.facts()))
        topic = self.client("sns").create_topic(Name="alerts")["TopicArn"]
        assert topic == ARGS["topic_arn"]
        self.queue = self.client("sqs").create_queue(QueueName="told")["QueueUrl"]
        told = f"arn:aws:sqs:{REGION}:{HUB}:told"
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=told)
        for account in ACCOUNTS:
            for node in self.found.of_type("aws:iam/role:Role"):
                if node.name.endswith("spoke-role"):
                    self.client("iam", account).create_role(
                        RoleName=node.inputs["name"],
                        AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}',
                    )
        alias = self.function(artifact)
        machine = one(self.found, "aws:sfn/stateMachine:StateMachine").inputs
        definition = json.loads(machine["definition"])
        self.client("stepfunctions").create_state_machine(
            name=machine["name"],
            definition=json.dumps(_with(definition, alias)),
            roleArn=f"arn:aws:iam::{HUB}:role/machine",
        )

    def facts(self) -> dict[str, object]:
        """What the command line finds the installation by."""
        called = one(self.found, "aws:lambda/function:Function").inputs["name"]
        return {
            **{key: ME[key] for key in ("project", "suffix", "region")},
            "account": HUB,
            "ledger_bucket": BUCKET,
            "topic_arn": ARGS["topic_arn"],
            "queues": {},
            "functions": {"compliance": f"arn:aws:lambda:{REGION}:{HUB}:function:{called}"},
        }

    def parameter(self, name: str, value: str) -> None:
        self.client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def function(self, artifact) -> str:
        node = one(self.found, "aws:lambda/function:Function").inputs
        client = self.client("lambda")
        client.create_function(
            FunctionName=node["name"],
            Runtime="python3.12",
            Role=f"arn:aws:iam::{HUB}:role/function",
            Handler=node["handler"],
            Code={"ZipFile": artifact.read_bytes()},
            Timeout=node["timeout"],
            Environment={
                "Variables": {
                    key: value
                    for key, value in node["environment"]["variables"].items()
                    if "<<" not in value
                }
            },
            Publish=True,
        )
        return client.create_alias(FunctionName=node["name"], Name="live", FunctionVersion="1")[
            "AliasArn"
        ]

    def fleet(self) -> None:
        for account, region in product(ACCOUNTS, (REGION, OTHER)):
            for tag in ({"Key": "Owner", "Value": "web"}, {"Key": "Name", "Value": "whose?"}):
                self.client("ec2", account, region).run_instances(
                    ImageId="ami-12345678",
                    MinCount=1,
                    MaxCount=1,
                    TagSpecifications=[{"ResourceType": "instance", "Tags": [tag]}],
                )

    def told(self) -> list[str]:
        got = self.client("sqs").receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=2
        )
        return [one["Body"] for one in got.get("Messages", [])]


def _with(value, alias):
    """The definition with the alias in the token's place."""
    if isinstance(value, dict):
        return {key: _with(inner, alias) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with(inner, alias) for inner in value]
    return alias if isinstance(value, str) and value.startswith("<<") else value


@pytest.fixture(scope="module")
def hub(build):
    with MinistackProcess(region=REGION) as server:
        made = Lab(server.url)
        made.install(build.artifact)
        made.fleet()
        yield made


@pytest.fixture
def fleetmend(hub, monkeypatch, capsys):
    """The command, in a shell whose AWS is the lab's; gives its exit code and what it printed."""
    for name, value in {
        "AWS_ENDPOINT_URL": hub.url,
        "AWS_ACCESS_KEY_ID": HUB,
        "AWS_SECRET_ACCESS_KEY": "lab",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, dict, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*words, "-e", ME["suffix"], "--region", REGION, "--no-lab", "--json"])
        said = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(said.out), said.err

    return run


def branches(archive: S3Archive, folder: Path) -> int:
    """Accounts' regions that readers see findings of."""
    rows = desk.ask(desk.fetch(archive, folder), "SELECT DISTINCT account, region FROM latest").rows
    return len(rows)


def test_five_branches_stand_and_the_sixth_is_named(hub, fleetmend, tmp_path):
    archive = S3Archive(hub.client("s3"), BUCKET)
    Control(hub.url).disturb(
        Disturbance("error", "sts", "AssumeRole", times=1, code="AccessDenied", status=403)
    )
    code, ended, progress = fleetmend("run", "compliance", "--by", "ana", "--wait", "180")
    assert (code, ended["complete"]) == (3, False)
    assert "of 6 accounts and regions are done" in progress
    assert (ended["judged"], ended["violating"]) == (10, 5)
    (failed,) = [one for one in ended["branches"] if one["failure"]]
    assert "AccessDenied" in failed["failure"]
    assert any(f"{failed['account']}/{failed['region']}" in text for text in hub.told())
    assert branches(archive, tmp_path) == 5
    assert fleetmend("comply")[:2] == (3, ended)

    Control(hub.url).calm()
    code, ended, _ = fleetmend("run", "compliance", "--by", "ana", "--wait", "180")
    assert (code, ended["complete"]) == (1, True)  # the rule is one of severity error
    assert (ended["judged"], ended["violating"], ended["broken"]) == (12, 6, 1)
    assert branches(archive, tmp_path) == 6
    assert rules.decode(archive.get("rules/compliance-good.json") or b"") == RULES


SEEN = """\
SELECT account, region, kind, id, rule, problem, owner, since FROM latest
ORDER BY account, region, id, rule"""
HALF = """\
SELECT r.run, r.part, r.findings, count(f.id) AS there FROM runs r
LEFT JOIN findings f ON f.run = r.run AND f.part = r.part AND f.dt = r.dt
GROUP BY r.run, r.part, r.findings HAVING count(f.id) <> r.findings"""
KILLS = (
    Disturbance("crash-before", "ec2", "DescribeInstances", times=1, skip=1),
    Disturbance("crash-after", "s3", "PutObject", times=1, skip=5),
    Disturbance("crash-after", "s3", "PutObject", times=1, skip=11),
    Disturbance("crash-before", "s3", "PutObject", times=1, skip=19),
)
"""The worker under the packaged function is killed at these calls of one run."""


def test_killed_on_the_way_and_continued_it_reports_the_same(hub, fleetmend, tmp_path):
    archive = S3Archive(hub.client("s3"), BUCKET)
    _, truth, _ = fleetmend("run", "compliance", "--by", "ana", "--wait", "180")
    before = desk.ask(desk.fetch(archive, tmp_path), SEEN).rows
    assert len(before) == 6
    control = Control(hub.url)
    for kill in KILLS:
        control.disturb(kill)
    since = len(control.calls())
    _, ended, _ = fleetmend("run", "compliance", "--by", "ana", "--wait", "300")
    killed = [call for call in control.calls(since) if call.lost]
    assert len(killed) == len(KILLS)
    same = ("complete", "judged", "violating", "by_rule", "by_owner", "by_severity", "rate")
    assert {name: ended[name] for name in same} == {name: truth[name] for name in same}
    assert (ended["broken"], ended["fixed"]) == (0, 0)
    folder = desk.fetch(archive, tmp_path)
    assert desk.ask(folder, SEEN).rows == before
    assert desk.ask(folder, HALF).rows == ()

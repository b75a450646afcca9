"""An account with an installation in it, in memory, and a way to run commands against it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from moto import mock_aws

from fleetmend.aws.installation import Installation
from fleetmend.cli import asking, output
from fleetmend.cli.main import main
from fleetmend.core.model import Record
from fleetmend.core.record_json import encode

REGION = "eu-west-1"
BUCKET = "fleetmend-ledger-eu-west-1-test-123456789012"


@pytest.fixture(scope="session", autouse=True)
def one_loader() -> Iterator[None]:
    """All sessions share what botocore has read: a service's description takes it half a second."""
    shared = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: shared)
        yield


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def fleetmend(
    capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run a command in an empty folder, as a shell would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output.out, "width", 200)  # not of whoever runs the tests
    for name in ("ENVIRONMENT_SUFFIX", "FLEETMEND_PROJECT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return run


class Account:
    """What the tests do to the account, and read from it."""

    def __init__(self) -> None:
        self.queue = self.sqs.create_queue(QueueName="fleetmend-recovery-test")["QueueUrl"]
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.parameter("mode/all", "act")
        self.parameter("mode/recovery", "act")
        self.parameter("recovery/policy", "{}")
        self.parameter("recovery/overrides", "{}")
        self.parameter("installation", json.dumps(self.facts()))

    @cached_property
    def s3(self) -> Any:
        return boto3.client("s3", REGION)

    @cached_property
    def ssm(self) -> Any:
        return boto3.client("ssm", REGION)

    @cached_property
    def sqs(self) -> Any:
        return boto3.client("sqs", REGION)

    @cached_property
    def ec2(self) -> Any:
        return boto3.client("ec2", REGION)

    def facts(self) -> dict[str, Any]:
        return {
            "project": "fleetmend",
            "suffix": "test",
            "region": REGION,
            "account": "123456789012",
            "ledger_bucket": BUCKET,
            "topic_arn": f"arn:aws:sns:{REGION}:123456789012:fleetmend-alerts-test",
            "queues": {"recovery": self.queue},
            "functions": {
                "recovery": f"arn:aws:lambda:{REGION}:123456789012:function:fleetmend-recovery-test"
            },
        }

    def parameter(self, name: str, value: str) -> None:
        self.ssm.put_parameter(
            Name=f"/fleetmend/test/{name}", Value=value, Type="String", Overwrite=True
        )

    def value(self, name: str) -> str:
        return self.ssm.get_parameter(Name=f"/fleetmend/test/{name}")["Parameter"]["Value"]

    def mode(self, concern: str) -> str:
        return self.value(f"mode/{concern}")

    def record(self, record: Record, prefix: str = "") -> None:
        self.put(f"{prefix}records/recovery/{record.subject}.json", encode(record))
        if record.is_open and not prefix:
            self.put(f"open/recovery/{record.subject}", b"x")

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def asked(self) -> list[dict[str, Any]]:
        """The messages on the controller's queue."""
        got = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in got.get("Messages", [])]

    def instance(self, *, stopped: bool, tags: dict[str, str]) -> str:
        shown = [{"Key": key, "Value": value} for key, value in tags.items()]
        made = self.ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": shown}],
        )["Instances"][0]["InstanceId"]
        if stopped:
            self.ec2.stop_instances(InstanceIds=[made])
        return made


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "123456789012")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(asking, "_POLL", 0.01)
    with mock_aws():
        yield Account()


@pytest.fixture
def answering(account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A controller that reports at once; the test may change what it will report."""
    report: dict[str, Any] = {
        "schema": 1,
        "concern": "recovery",
        "mode": "act",
        "plan": False,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "problems": [],
        "subjects": [],
    }
    send = Installation.send

    def answered(self: Installation, concern: str, message: dict[str, Any]) -> None:
        send(self, concern, message)
        body = {**report, "run": message["run"], "by": message["by"]}
        account.put(f"runs/{concern}/{message['run']}.json", json.dumps(body).encode())

    monkeypatch.setattr(Installation, "send", answered)
    return report

"""AWS on loopback for Terraform: MiniStack and moto, each for what it does well."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

from fleetmend.lab.emulator.processes import ACCOUNT, HOST, MinistackProcess, listen

REGION = "us-east-1"

ON_MINISTACK = {"athena", "backup", "kms", "lambda", "s3", "sfn", "sns", "sqs"}
"""moto lacks: state machine validation, Athena's tags, a rotation period of keys, a function's
logging configuration, bucket logging beside a policy for everybody, a topic's signature version;
it drifts on scaling policies. MiniStack lacks much of EC2."""

SERVICES = {
    "acm", "athena", "autoscaling", "backup", "budgets", "cloudtrail", "cloudwatch", "dlm", "ec2",
    "elbv2", "events", "glue", "iam", "kms", "lambda", "logs", "resourcegroups", "s3",
    "scheduler", "secretsmanager", "sfn", "sns", "sqs", "ssm", "sts",
}  # fmt: skip
"""The provider's names of the services the installation may use."""


@contextlib.contextmanager
def emulators() -> Iterator[dict[str, str]]:
    """Start both; gives the provider's endpoints: service → URL."""
    with MinistackProcess(region=REGION) as ministack, _moto() as moto:
        yield {name: ministack.url if name in ON_MINISTACK else moto for name in sorted(SERVICES)}


def certificate_arn(endpoints: dict[str, str]) -> str:
    """A certificate, as one stands in ACM before a balancer can be made."""
    acm = client("acm", endpoints)
    return acm.request_certificate(DomainName="app.example.com")["CertificateArn"]


def volume_key_arn(endpoints: dict[str, str]) -> str:
    """A key of the account's own, as one stands in KMS before volumes are encrypted with it."""
    return client("kms", endpoints).create_key()["KeyMetadata"]["Arn"]


def tagged_snapshot(endpoints: dict[str, str]) -> str:
    """A snapshot that the installation called `all` made at run time; it outlives it."""
    ec2 = client("ec2", endpoints)
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    tags = {"Project": "fleetmend", "Environment": "all", "ManagedBy": "fleetmend"}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    kind = {"ResourceType": "snapshot", "Tags": listed}
    return ec2.create_snapshot(VolumeId=volume, TagSpecifications=[kind])["SnapshotId"]


def client(service: str, endpoints: dict[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoints[service],
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="lab",
        config=Config(proxies={}),
    )


def environment() -> dict[str, str]:
    """Credentials for both: they take the account from the access key."""
    return {
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "lab",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": HOST,
    }


@contextlib.contextmanager
def _moto() -> Iterator[str]:
    with listen() as free:
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)],
        env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://{HOST}:{port}"
    try:
        _await(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            opener.open(f"{url}/moto-api/", timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError("moto did not start")

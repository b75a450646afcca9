"""The questions by name have the same answers on this machine and on Athena."""

import itertools
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config

from fleetmend.aws import athena
from fleetmend.aws.archive import S3Archive
from fleetmend.console import history as desk
from fleetmend.core import history
from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.compliance_report import finish
from fleetmend.core.compliance_run import advance
from fleetmend.core.rules import Rule, Rules
from fleetmend.core.standings import Branch, Plan, begin, named
from fleetmend.lab.emulator.processes import ACCOUNT, MinistackProcess

pytestmark = pytest.mark.emulator

REGION, BUCKET, DATABASE = "us-east-1", "history-ledger", "fleetmend_lab"
RULES = Rules(
    (
        Rule("owner", "Owner", kinds=("instance", "volume")),
        Rule("env", "Env", allowed=("prod", "dev")),
    ),
    "v1",
)
BRANCHES = (
    Branch("111111111111", "eu-west-1"),
    Branch("111111111111", "us-east-1"),
    Branch("222222222222", "eu-west-1"),
)


@pytest.fixture(scope="module")
def aws():
    with MinistackProcess(region=REGION) as server:

        def client(service):
            return boto3.client(
                service,
                endpoint_url=server.url,
                region_name=REGION,
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="lab",
                config=Config(proxies={}, s3={"addressing_style": "path"}),
            )

        client("s3").create_bucket(Bucket=BUCKET)
        client("glue").create_database(DatabaseInput={"Name": DATABASE})
        results = {"OutputLocation": f"s3://{BUCKET}/reports/athena/"}
        client("athena").create_work_group(
            Name="history", Configuration={"ResultConfiguration": results}
        )
        yield client


def fleet(kind: str, day: int, branch: int) -> list[Resource]:
    return [
        Resource(
            kind,
            f"{kind[0]}-{branch}-{n}",
            {"Env": ("prod", "qa ", "2026-03-14", "'\u00fc,\"x\\")[n % 4]}
            | ({"Owner": f"team-{n % 3}"} if n % 5 else {}),
        )
        for n in range(day, day + 13)
    ]


@pytest.fixture(scope="module")
def reports(aws):
    archive, count = S3Archive(aws("s3"), BUCKET), itertools.count()
    for day in range(3):
        now = datetime(2026, 3, 14, 9, tzinfo=UTC) + timedelta(days=day)
        plan = begin(archive, Plan(named(now, "cafecafe"), now.date(), RULES, BRANCHES))
        for number, branch in enumerate(BRANCHES):
            advance(
                archive,
                plan,
                branch,
                lambda kind, token, day=day, n=number: iter([Batch(fleet(kind, day, n), "")]),
                nonce=lambda: f"{next(count):08x}",
                enough=lambda: False,
            )
        if day < 2:  # the third run is never committed
            finish(archive, plan, now)
    return archive


def table(glue, name, location, columns, partitions):
    glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": name,
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in partitions],
            "Parameters": {"classification": "json"},
            "StorageDescriptor": {
                "Location": f"s3://{BUCKET}/{location}",
                "Columns": [{"Name": key, "Type": kind} for key, kind in columns.items()],
                "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
            },
        },
    )


def test_named_questions_have_the_same_rows_on_both(aws, reports, tmp_path):
    glue = aws("glue")
    table(
        glue,
        history.FINDINGS_TABLE,
        history.FINDINGS,
        history.FINDING_COLUMNS,
        history.FINDING_PARTITIONS,
    )
    table(glue, history.RUNS_TABLE, history.RUNS, history.RUN_COLUMNS, history.RUN_PARTITIONS)
    client = aws("athena")
    folder = desk.fetch(reports, tmp_path)
    for name, question in history.NAMED.items():
        here = desk.ask(folder, question.sql)
        there = athena.ask(
            client,
            history.whole(question.sql),
            database=DATABASE,
            workgroup="history",
            wait=lambda: True,
        )
        assert here == there, name
        assert here.rows, name


def test_what_athena_refuses_is_told_with_its_reason(aws):
    with pytest.raises(athena.QuestionRefused, match=r"Athena: .*(nothing|nowhere)"):
        athena.ask(
            aws("athena"),
            "SELECT nothing FROM nowhere",
            database=DATABASE,
            workgroup="history",
            wait=lambda: True,
        )

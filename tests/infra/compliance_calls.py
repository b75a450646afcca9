"""What compliance's function calls in its own account: a first day, a second, and broken rules.

What it calls with a spoke's role needs that role's rights and not its own; the spoke is judged by
tests/components/test_compliance.py.
"""

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from fleetmend.core import rules
from fleetmend.core.rules import Rule, Rules
from fleetmend.deploy.privilege import Call, Recording
from fleetmend.lambdas import compliance, envelope, settings
from fleetmend.lambdas.compliance import Reach
from fleetmend.lambdas.wiring import World

ACCOUNT, REGION = "123456789012", "us-east-1"
_EMPTY = (
    b'<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    b"<requestId>r</requestId><reservationSet>%s</reservationSet></DescribeInstancesResponse>"
)
_ONE = (
    b"<item><reservationId>r</reservationId><instancesSet><item><instanceId>i-1</instanceId>"
    b"</item></instancesSet></item>"
)


class _Context:
    aws_request_id = function_name = "1"
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fleetmend-compliance-sim"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


class _Answers:
    """An account in memory that notes what it is asked."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.calls: list[Call] = []
        self.objects = {compliance.RULES_KEY: rules.encode(Rules((Rule("owner", "Owner"),)))}
        self.environment = environment

    def client(self, service: str) -> Any:
        session = boto3.session.Session("AKIDEXAMPLE", "none", region_name=REGION)
        made = session.client(service)
        name = {"stepfunctions": "states"}.get(service, service)

        def asked(self_: Any, operation: str, params: dict[str, Any]) -> Any:
            del self_
            return self.answer(name, operation, params)

        made._make_api_call = asked.__get__(made)
        return made

    def answer(self, service: str, operation: str, params: dict[str, Any]) -> Any:
        error = ""
        if operation == "GetObject" and params["Key"] not in self.objects:
            error = "NoSuchKey"
        self.calls.append(Call(service, operation, dict(params), {}, {}, error))
        if error:
            raise ClientError({"Error": {"Code": error}}, operation)
        match operation:
            case "GetParameters":
                texts = {
                    name: "{}" if name.endswith("policy") else "act" for name in params["Names"]
                }
                return {"Parameters": [{"Name": k, "Value": v} for k, v in texts.items()]}
            case "GetObject":
                return {"Body": io.BytesIO(self.objects[params["Key"]])}
            case "PutObject":
                self.objects[params["Key"]] = params["Body"]
                return {}
            case "AssumeRole":
                keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
                return {"Credentials": dict.fromkeys(keys, "AKIDEXAMPLE")}
            case "StartExecution":
                return {"executionArn": f"{params['stateMachineArn']}:{params['name']}"}
            case "Publish":
                return {"MessageId": "1"}
            case _:
                return {}


def _scanner(broken: bool) -> Any:
    """A real scanner whose EC2 has one instance, or none."""

    def made(region: str, credentials: Any) -> Any:
        client = compliance._scanner(region, credentials)
        body = _EMPTY % (_ONE if broken else b"")

        def answer(request: Any, **_: Any) -> Any:
            raw = type("Raw", (), {"stream": lambda _: iter([body])})()
            return AWSResponse(request.url, 200, {}, raw)

        client.meta.events.register("before-send.ec2", answer)
        return client

    return made


def recording(environment: dict[str, str]) -> Recording:
    """Everything the function does, in the installation of these variables."""
    here = _Answers(environment)
    nonces, now = (f"{n:032x}" for n in count()), datetime(2030, 1, 1, tzinfo=UTC)
    read = settings.Settings(
        "compliance",
        environment["FLEETMEND_PROJECT"],
        environment["FLEETMEND_SUFFIX"],
        environment["FLEETMEND_LEDGER_BUCKET"],
        "",
        environment["FLEETMEND_TOPIC_ARN"],
    )
    reach = Reach(
        environment["FLEETMEND_MACHINE_ARN"],
        environment["FLEETMEND_SCAN_ROLE"],
        environment["FLEETMEND_EXTERNAL_ID"],
    )
    with (
        patch.object(envelope._metrics.provider, "namespace", "Fleetmend/sim"),
        patch.object(envelope._metrics.provider, "service", "compliance"),
        patch.dict("os.environ", {"POWERTOOLS_METRICS_NAMESPACE": "Fleetmend/sim"}),
        redirect_stdout(io.StringIO()),
    ):
        for day in range(3):
            at = now + timedelta(days=day)
            world = World(here.client, lambda at=at: at, lambda: next(nonces), list)
            scanner = _scanner(day != 1)
            if day == 2:
                here.objects[compliance.RULES_KEY] = b"{"

            def call(world: World = world, scanner: Any = scanner, **event: str) -> Any:
                return compliance.run(event, _Context(), read, reach, world, scanner)

            run = call(fleetmend="sweep")["run"]
            call(fleetmend="examine", run=run, account=ACCOUNT, region=REGION)
            call(fleetmend="finish", run=run)
    return Recording("compliance", ACCOUNT, REGION, environment, tuple(here.calls))

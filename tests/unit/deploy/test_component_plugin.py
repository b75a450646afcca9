"""A component made from another language, as Pulumi's engine asks the plugin for it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

PLUGIN = Path(__file__).parents[3] / "infra" / "components"
ME = {"project": "elsewhere", "suffix": "dev", "region": "us-east-1"}
RECOVERY = {
    "installation": ME,
    "accountId": "123456789012",
    "artifact": "dist/fleetmend-lambda.zip",
    "ledgerName": "ledger",
    "ledgerArn": "arn:aws:s3:::ledger",
    "keyArn": "arn:aws:kms:us-east-1:123456789012:key/main",
    "topicArn": "arn:aws:sns:us-east-1:123456789012:alerts",
    "topicKeyArn": "arn:aws:kms:us-east-1:123456789012:key/alerts",
    "sweepMinutes": 3,
    "retryIntervalMinutes": 4,
    "function": {"timeoutSeconds": 30, "alarms": {"durationPercent": 50}},
}


class Engine(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """As much of Pulumi's engine as a component needs: what is registered is there."""

    def __init__(self) -> None:
        self.inputs: dict[str, dict[str, Any]] = {}

    def SupportsFeature(self, request: Any, context: object) -> Any:  # noqa: N802
        has = request.id in {"secrets", "resourceReferences", "outputValues"}
        return resource_pb2.SupportsFeatureResponse(hasSupport=has)

    def RegisterResource(self, request: Any, context: object) -> Any:  # noqa: N802
        self.inputs[request.name] = json_format.MessageToDict(request.object)
        answer = struct_pb2.Struct()
        answer.CopyFrom(request.object)
        for name in ("arn", "name", "url") if request.custom else ():
            if name not in answer:
                answer[name] = f"{request.name}-{name}"
        return resource_pb2.RegisterResourceResponse(
            urn=f"urn:pulumi:dev::elsewhere::{request.type}::{request.name}",
            id=f"{request.name}-id" if request.custom else "",
            object=answer,
        )

    def RegisterResourceOutputs(self, request: Any, context: object) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Log(self, request: Any, context: object) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: object) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse()


@pytest.fixture(scope="module")
def recovery() -> Iterator[Engine]:
    """What the engine was told of while the plugin made a `Recovery`."""
    engine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(engine, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    process = subprocess.Popen(
        [sys.executable, str(PLUGIN), address],
        stdout=subprocess.PIPE,
        env={**os.environ, "PULUMI_MONITOR_ADDRESS": ""},
        text=True,
    )
    try:
        inputs = struct_pb2.Struct()
        inputs.update(RECOVERY)
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            request = provider_pb2.ConstructRequest(
                project="elsewhere",
                stack="dev",
                parallel=4,
                monitorEndpoint=address,
                type="fleetmend:index:Recovery",
                name="recovery",
                inputs=inputs,
            )
            answer = provider_pb2_grpc.ResourceProviderStub(channel).Construct(request, timeout=60)
        engine.inputs["(answer)"] = json_format.MessageToDict(answer.state)
        yield engine
    finally:
        process.kill()
        process.wait()
        server.stop(0)


def test_the_caller_gets_the_outputs(recovery: Engine) -> None:
    assert recovery.inputs["(answer)"]["functionArn"] == "recovery-controller-function-arn"


def test_numbers_in_texts_are_whole(recovery: Engine) -> None:
    """They cross the wire as floats; `rate(3.0 minutes)` is no schedule."""
    schedule = recovery.inputs["recovery-controller-schedule"]
    assert schedule["scheduleExpression"] == "rate(3 minutes)"
    policy = json.dumps(recovery.inputs["recovery-policy"])
    assert '\\"retry_interval\\": 240,' in policy
    told = recovery.inputs["recovery-controller-alarm-duration"]["alarmDescription"]
    assert "took 15000 ms or more of its 30 s" in told

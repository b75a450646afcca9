"""The components for other languages: the schema, and the plugin that serves it."""

import ast
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from ruamel.yaml import YAML

from fleetmend.deploy.component_schema import components, schema

PLUGIN = Path(__file__).parents[3] / "infra" / "components"


@pytest.fixture(scope="module")
def told() -> dict:
    return schema()


def test_the_components_of_the_installation_are_there(told):
    names = {token.removeprefix("fleetmend:index:") for token in told["resources"]}
    assert names >= {"Network", "Compute", "Storage", "Keys", "Alerts", "Recovery", "Controller"}
    assert "Accept" not in names
    assert {component.__name__ for component in components()} == names


def test_every_component_input_and_output_is_described(told):
    bare = [
        f"{token}.{name}" if name else token
        for token, component in told["resources"].items()
        for name, described in [
            ("", component),
            *component.get("inputProperties", {}).items(),
            *component.get("properties", {}).items(),
        ]
        if not described.get("description")
    ]
    bare += [
        f"{token}.{name}"
        for token, kind in told["types"].items()
        for name, described in kind.get("properties", {}).items()
        if not described.get("description")
    ]
    assert bare == []


class Parses:
    """Garbage that parses when it is collected, and leaves the like of it behind."""

    alive = True

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        ast.parse("[((1))]")
        if Parses.alive:
            Parses()


def test_no_description_is_lost_to_garbage(told):
    thresholds = gc.get_threshold()
    Parses.alive = True
    Parses()
    gc.set_threshold(1, 1, 1)
    try:
        assert schema() == told
    finally:
        Parses.alive = False
        gc.set_threshold(*thresholds)


def test_every_component_knows_whose_it_is(told):
    for token, component in told["resources"].items():
        assert "installation" in component["requiredInputs"], token


def test_tokens_are_those_that_the_program_registers(told):
    for component in components():
        source = Path(sys.modules[component.__module__].__file__ or "").read_text()
        assert f'"fleetmend:index:{component.__name__}"' in source


def test_the_plugin_is_declared():
    declared = YAML(typ="safe").load((PLUGIN / "PulumiPlugin.yaml").read_text())
    assert declared["runtime"]["name"] == "python"
    assert (PLUGIN / "__main__.py").is_file()


def test_the_plugin_serves_the_schema(told):
    """As Pulumi's engine does it: start the folder, read the port, ask."""
    process = subprocess.Popen(
        [sys.executable, str(PLUGIN), "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PULUMI_MONITOR_ADDRESS": ""},
        text=True,
    )
    try:
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            answer = stub.GetSchema(provider_pb2.GetSchemaRequest(), timeout=30)
        assert json.loads(answer.schema) == told
    finally:
        process.kill()
        process.wait()

"""What Fleetmend's functions really call: played, recorded, and written down.

`python -m tests.infra.recordings` renews the recording that is shipped and the tables in
docs/security.md; test_privilege.py says when that is due.
"""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from fleetmend.components.installation import main as installation
from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture
from fleetmend.deploy.privilege import Call, Recording, judge, reduced, table
from fleetmend.deploy.privilege.calls import DENIED
from fleetmend.deploy.privilege.world import function_of
from fleetmend.deploy.view import View
from fleetmend.lab.scenario import Scenario, load
from fleetmend.lab.sim import World, record
from fleetmend.lambdas import bridge, envelope, portions

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src/fleetmend/deploy/privilege/recorded.jsonl"
SECURITY = ROOT / "docs/security.md"
BEGIN, END = "<!-- grants: begin -->", "<!-- grants: end -->"

SIGNED = {"stepfunctions": "states"}
"""Services that IAM and signatures call by another name than botocore."""

PLACES = {"123456789012": "ACCOUNT", "us-east-1": "REGION", "-sim": "-SUFFIX", "/sim/": "/SUFFIX/"}
CONFIG = {
    "environmentSuffix": "sim",
    "region": "us-east-1",
    "alertEmails": "ops@example.com",
    "impaired": "move",
    "alertWebhooks": "https://hooks.example.com/services/1",
    "deployRebuild": "true",
    "deployTypeChange": "true",
    "askWhoStopped": "true",
    "rebuildRoleArns": "arn:aws:iam::123456789012:role/web",
    "deployCompliance": "true",
    "complianceRules": "examples/rules/remedied-tags.yaml",
    "deployRemediation": "true",
}


class Context:
    """What Lambda tells the bridge of its run."""

    function_name = "fleetmend-bridge-sim"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:fleetmend-bridge-sim"
    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@cache
def graph() -> Graph:
    """The whole installation, with everything that functions are for switched on."""
    return capture(installation, config=CONFIG)


@cache
def played() -> tuple[Recording, ...]:
    """Every scenario in the sim, one run without time for all, and the two kinds of the bridge."""
    folders = ("recovery", "health", "compliance")
    plays = (one for folder in folders for one in _scenarios(folder))
    return (*plays, _hurried(), *_bridge())


def _scenarios(folder: str) -> Iterator[Recording]:
    for path in sorted((ROOT / "scenarios" / folder).glob("*.yaml")):
        scenario = load(path)
        if scenario.overrides.get("alarm_prefix"):
            continue  # the installation judged here has no application alarms
        if scenario.overrides.get("accounts"):
            continue  # it looks into no other account
        yield _played(scenario)


def _hurried() -> Recording:
    """What a run does that has no time for all of its subjects: no scenario has thousands."""
    with (
        patch.object(portions, "PORTION", 2),
        patch.object(portions, "LEAST", timedelta(hours=1)),
    ):
        return _played(load(ROOT / "scenarios/compliance/remediation-bounded.yaml"))


def _played(scenario: Scenario) -> Recording:
    _, world = record(scenario)
    here, calls = world.installed, tuple(_calls(world))
    return Recording(here.concern, here.account, here.region, here.environment(), calls)


def with_types() -> tuple[Call, ...]:
    """What is called with the role that may change types, where it does."""
    _, world = record(load(ROOT / "scenarios/recovery/types-second-alternative.yaml"))
    return tuple(
        Call(
            call.service,
            call.operation,
            {name: value for name, value in call.params.items() if name != "Role"},
            {one.id: dict(one.tags) for one in world.tape.truths if one.at <= call.at},
        )
        for call in world.tape.calls
        if "Role" in call.params
    )


def _calls(world: World) -> Iterator[Call]:
    """The calls that reached AWS, each with the tags that what it names had at that moment."""
    hardware = world.ec2.hardware
    for call in world.tape.calls:
        if call.done is None or {"Branch", "Role"} & call.params.keys():
            continue  # what is called with another role needs that role's rights
        if call.injected and call.error in DENIED:
            continue  # a scenario's fault says nothing of the policies
        tags: dict[str, Mapping[str, str]] = {}
        if call.service == "autoscaling":
            tags = {name: world.herd.groups[name].tags for name in _groups(world, call)}
        for truth in world.tape.truths:
            if call.service == "ec2" and truth.id in call.subjects and truth.at <= call.done:
                tags[truth.id] = dict(truth.tags)
        for name in ("VolumeId", "NetworkInterfaceId", "AllocationId"):
            part = str(call.params.get(name, ""))
            found = hardware.tags_of(part) if hardware else None
            if found is not None:
                tags[part] = dict(found)
        yield Call(
            SIGNED.get(call.service, call.service),
            call.operation,
            call.params,
            tags,
            {},
            call.error,
        )


def _groups(world: World, call: Any) -> set[str]:
    """The groups that a call of Auto Scaling is about; an instance's is its own."""
    members = {one.id: one.group for one in world.fleet.named.values()}
    named = {members.get(subject, subject) for subject in call.subjects}
    return named & set(world.herd.groups)


def _bridge() -> Iterator[Recording]:
    topic = "arn:aws:sns:us-east-1:123456789012:fleetmend-alerts-sim"
    alert = {"Sns": {"Message": "{}", "Subject": "s", "MessageId": "1", "TopicArn": topic}}
    function = function_of(View(graph()), "bridge")
    variables = function.inputs["environment"]["variables"]
    hooked = {
        name: topic if "<<TF:" in value else value
        for name, value in variables.items()
        if name.startswith("FLEETMEND_")
    }
    plain = {name: value for name, value in hooked.items() if "WEBHOOKS" not in name}
    yield _run(plain, {"fleetmend": "subscriptions"})
    yield _run(hooked, {"Records": [alert]})


def _run(environment: dict[str, str], event: dict[str, Any]) -> Recording:
    """One run of the bridge against clients that note what they are asked, and answer."""
    calls: list[Call] = []
    answers = {
        "GetTopicAttributes": {"Attributes": {"SubscriptionsConfirmed": "1"}},
        "GetParameter": {"Parameter": {"Value": json.dumps(["https://hooks.example.com/1"])}},
    }

    def client(service: str) -> Any:
        session = boto3.session.Session("AKIDEXAMPLE", "none", region_name="us-east-1")
        made = session.client(service)

        def answer(params: dict[str, Any], model: Any, context: Any, **_: Any) -> Any:
            return type("Ok", (), {"status_code": 200})(), answers[model.name]

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            calls.append(Call(service, model.name, dict(params)))

        made.meta.events.register("before-parameter-build", note)
        made.meta.events.register("before-call", answer)
        return made

    world = bridge.World(client, lambda _: bridge.Answer(200), lambda _: None, environment)
    with (
        patch.object(envelope._metrics.provider, "namespace", "Fleetmend/sim"),
        patch.object(envelope._metrics.provider, "service", "bridge"),
        redirect_stdout(io.StringIO()),
    ):
        bridge._serve(event, Context(), world)
    return Recording("bridge", "123456789012", "us-east-1", environment, tuple(calls))


def security(text: str) -> str:
    """docs/security.md with its tables made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    tables = table(judge(graph(), reduced(graph(), played())), PLACES)
    return f"{head}{BEGIN}\n\n{tables}\n{END}{tail}"


def renew() -> None:
    """Write the recording and the tables."""
    lines = [line for one in reduced(graph(), played()) for line in one.lines()]
    SHIPPED.write_text("\n".join(lines) + "\n", encoding="utf-8")
    SECURITY.write_text(security(SECURITY.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    renew()

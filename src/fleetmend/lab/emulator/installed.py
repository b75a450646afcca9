"""Where the pieces of an installation are, as the emulated account itself tells it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fleetmend.lab.emulator.emulators import Emulators
from fleetmend.lab.emulator.installer import Installation
from fleetmend.lab.emulator.processes import EmulatorFailed
from fleetmend.lab.emulator.untyped import Fields, Untyped, fields, items

_FUNCTION = "aws:lambda/function:Function"
_SCHEDULE = "aws:scheduler/schedule:Schedule"
SWEEP_EVERY = 120.0
"""Seconds between two sweeps where no schedule is installed."""

_BASE = "POWERTOOLS_SERVICE_NAME"
_TAGGED = {"ec2:StartInstances", "ec2:RunInstances", "autoscaling:SetInstanceHealth"}
_RATE = re.compile(r"rate\((\d+) minutes?\)")


@dataclass(frozen=True, slots=True)
class Installed:
    """One concern's installation.

    `sweep_target`, `sweep_input` and `sweep_every` (seconds) are the schedule's own; `may_start`
    is the tag that the role's policy demands of instances it starts or groups it touches, if it
    demands one. `claim` is the parameter that
    says whose the selector is, empty where none is claimed. `may_tag` are the keys of tags that
    the role's policy lets it set, empty where it asks for none.
    """

    concern: str
    project: str
    suffix: str
    function: str
    queue: str
    bucket: str
    topic: str
    sweep_target: str
    sweep_input: str
    sweep_every: float
    may_start: tuple[str, str] | None = None
    claim: str = ""
    may_tag: frozenset[str] = frozenset()

    def parameter(self, name: str) -> str:
        """The full name of one of its parameters."""
        return f"/{self.project}/{self.suffix}/{name}"

    def as_json(self) -> Fields:
        """Plain JSON values."""
        return {
            "concern": self.concern,
            "project": self.project,
            "suffix": self.suffix,
            "function": self.function,
            "queue": self.queue,
            "bucket": self.bucket,
            "topic": self.topic,
        }


def look_up(emulators: Emulators, installation: Installation, concern: str) -> Installed:
    """Where a concern's pieces are.

    Raises:
        EmulatorFailed: the installation has no function for the concern.
    """
    name, variables = _function(emulators, installation, concern)
    target, payload, every = _schedule(emulators, installation, name)
    try:
        return Installed(
            concern=concern,
            project=variables["FLEETMEND_PROJECT"],
            suffix=variables["FLEETMEND_SUFFIX"],
            function=name,
            queue=variables["FLEETMEND_QUEUE_URL"],
            bucket=variables["FLEETMEND_LEDGER_BUCKET"],
            topic=variables["FLEETMEND_TOPIC_ARN"],
            sweep_target=target,
            sweep_input=payload,
            sweep_every=every,
            may_start=_may_start(emulators, name),
            claim=variables.get("FLEETMEND_CLAIM", ""),
            may_tag=_may_tag(emulators, name),
        )
    except KeyError as missing:
        raise EmulatorFailed(
            f"the function {name} has no {missing.args[0]} in its environment",
            remedy="the component that declares it must set it",
        ) from missing


def roles(emulators: Emulators, installation: Installation) -> dict[str, str]:
    """The role of each function, by the name with which its SDK calls."""
    lambda_ = emulators.client("lambda")
    names = [str(made["name"]) for made in installation.of_type(_FUNCTION)]
    found = {name: lambda_.get_function_configuration(FunctionName=name) for name in names}
    return {name[:50]: str(one["Role"]).rpartition("/")[2] for name, one in found.items()}


def _function(
    emulators: Emulators, installation: Installation, concern: str
) -> tuple[str, dict[str, str]]:
    lambda_ = emulators.client("lambda")
    for made in installation.of_type(_FUNCTION):
        found = lambda_.get_function_configuration(FunctionName=made["name"])
        variables: dict[str, str] = fields(fields(found.get("Environment")).get("Variables"))
        if variables.get(_BASE) == concern:
            return str(made["name"]), variables
    raise EmulatorFailed(
        f"the installation has no function whose {_BASE} is {concern!r}",
        remedy="capture the program that declares the controller",
    )


def _may_start(emulators: Emulators, function: str) -> tuple[str, str] | None:
    """The tag condition on starts or launches in the role's policies, as they were declared."""
    for key, value in _conditions(emulators, function, _TAGGED):
        if "ResourceTag/" in key or "RequestTag/" in key:
            return key.partition("/")[2], value if isinstance(value, str) else value[0]
    return None


def _may_tag(emulators: Emulators, function: str) -> frozenset[str]:
    """The keys that the role's policies name for tags, as they were declared."""
    for key, value in _conditions(emulators, function, {"ec2:CreateTags"}):
        if key == "aws:TagKeys" and not isinstance(value, str):
            return frozenset(value)
    return frozenset()


def _conditions(
    emulators: Emulators, function: str, actions: set[str]
) -> Iterator[tuple[str, Untyped]]:
    """Every condition's key and value in the statements about these actions."""
    found = emulators.client("lambda").get_function_configuration(FunctionName=function)
    role, iam = str(found["Role"]).rpartition("/")[2], emulators.client("iam")
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        given = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = fields(json.loads(given) if isinstance(given, str) else given)
        for statement in items(document.get("Statement")):
            if actions & set(statement["Action"]):
                for keys in fields(statement.get("Condition")).values():
                    yield from fields(keys).items()


def _schedule(
    emulators: Emulators, installation: Installation, function: str
) -> tuple[str, str, float]:
    """Target, payload and interval of the schedule that sweeps; the function's own without one."""
    scheduler = emulators.client("scheduler")
    for made in installation.of_type(_SCHEDULE):
        group, _, name = str(made["id"]).rpartition("/")
        found = scheduler.get_schedule(Name=name, GroupName=group or "default")
        target, rate = found["Target"], _RATE.fullmatch(found["ScheduleExpression"])
        if rate and f":function:{function}:" in f"{target['Arn']}:":
            return str(target["Arn"]), str(target.get("Input", "{}")), 60.0 * int(rate[1])
    return function, json.dumps({"fleetmend": "sweep"}), SWEEP_EVERY

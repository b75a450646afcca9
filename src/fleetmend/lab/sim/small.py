"""The services that need little: SNS is told, Parameter Store is read, STS gives keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fleetmend.lab.sim.installed import EPOCH
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.tape import default_text

LONGEST_SUBJECT = 100
"""SNS Publish: the subject is ASCII without line breaks, at most 100 characters."""


@dataclass
class Topic:
    """SNS with one topic. `told` hears every message that was accepted."""

    arn: str
    told: Callable[[str, str], None]
    count: int = 0

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as SNS would refuse it.
        """
        if operation != "Publish":
            raise NotImplementedError(f"sns:{operation} is not simulated")
        if params.get("TopicArn") != self.arn:
            raise AwsError("NotFound", "Topic does not exist")
        subject, message = str(params.get("Subject", "-")), str(params["Message"])
        if not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isascii() or "\n" in subject:
            raise AwsError("InvalidParameter", "Invalid parameter: Subject")
        if len(message.encode()) > 256 * 1024:
            raise AwsError("InvalidParameter", "Invalid parameter: Message too long")
        self.told(subject, _checked(params))
        self.count += 1
        return {"MessageId": f"sns-{self.count}"}


def _checked(params: Mapping[str, Any]) -> str:
    """What subscribers get whose protocol has no text of its own.

    Raises:
        AwsError: the message has not the structure that it says it has.
    """
    text, structure = default_text(params), params.get("MessageStructure", "")
    if structure not in {"", "json"} or not text:
        raise AwsError("InvalidParameter", "Invalid parameter: Message Structure")
    return text


@dataclass
class Parameters:
    """Systems Manager: Parameter Store, and the agents that report to it."""

    agents: Callable[[Mapping[str, Any]], dict[str, Any]]
    values: dict[str, str] = field(default_factory=dict[str, str])
    written: dict[str, datetime] = field(default_factory=dict[str, datetime])
    clock: Callable[[], datetime] = lambda: EPOCH

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as Systems Manager would refuse it.
        """
        if operation == "PutParameter":
            return self._put(params)
        if operation == "DescribeInstanceInformation":
            return self.agents(params)
        if operation != "GetParameters":
            raise NotImplementedError(f"ssm:{operation} is not simulated")
        names = [str(name) for name in params["Names"]]
        if len(names) > 10:
            raise AwsError("ValidationException", "at most 10 names")
        found = [
            {
                "Name": name,
                "Type": "String",
                "Value": self.values[name],
                "Version": 1,
                "LastModifiedDate": self.written.get(name, EPOCH),
            }
            for name in names
            if name in self.values
        ]
        missing = [name for name in names if name not in self.values]
        return {"Parameters": found, "InvalidParameters": missing}

    def _put(self, params: Mapping[str, Any]) -> dict[str, Any]:
        name = str(params["Name"])
        if name in self.values and not params.get("Overwrite"):
            raise AwsError("ParameterAlreadyExists", "The parameter already exists.")
        self.values[name], self.written[name] = str(params["Value"]), self.clock()
        return {"Version": 1, "Tier": "Standard"}


def assume(operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """STS: the keys of a role, which say whose they are.

    Raises:
        NotImplementedError: it is asked for anything else.
    """
    if operation != "AssumeRole":
        raise NotImplementedError(f"sts:{operation} is not simulated")
    role = str(params["RoleArn"])
    keys = {"AccessKeyId": f"ASIA{role.split(':')[4]}", "SecretAccessKey": "s"}
    return {"Credentials": {**keys, "SessionToken": role, "Expiration": "2030-01-01T00:00:00Z"}}

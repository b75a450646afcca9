"""The fleet's adapter over canned answers."""

from datetime import UTC, datetime, timedelta

import boto3

from fleetmend.aws.ec2 import Ec2Fleet
from fleetmend.core.model import StartRequest
from fleetmend.lab.sim import render
from tests.unit.aws.wire import client, in_turn, response

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)


def fleet(made, *, now=NOW, remaining=timedelta(minutes=1)):
    return Ec2Fleet(made, clock=lambda: now, remaining=lambda: remaining)


def answered(*answers):
    """A fleet whose requests get these answers in turn, and the list of what was asked."""
    answer, asked = in_turn(*answers)
    return fleet(client("ec2", answer)), asked


def started(*ids):
    items = "".join(f"<item><instanceId>{name}</instanceId></item>" for name in ids)
    return response(
        f"<StartInstancesResponse><instancesSet>{items}</instancesSet></StartInstancesResponse>"
    )


def ask(*ids, zone="us-east-1a", probe=False):
    return [StartRequest(name, "m5.large", zone, probe) for name in ids]


def instance(name, state="stopped", **more):
    return {"InstanceId": name, "State": {"Name": state}, **more}


def reservations(*instances):
    return {"Reservations": [{"Instances": [item]} for item in instances]}


def listed(*instances, token=""):
    """A page of DescribeInstances, as it comes over the wire."""
    model = boto3.client("ec2", "us-east-1").meta.service_model
    shape = model.operation_model("DescribeInstances").output_shape
    told = reservations(*instances) | ({"NextToken": token} if token else {})
    return response(render.answer("DescribeInstances", "ec2", shape, told))


def filters(asked):
    """The filters of a request: name → values."""
    names = {key.split(".")[1]: name for key, name in asked.items() if key.endswith(".Name")}
    return {
        name: [value for key, value in asked.items() if key.startswith(f"Filter.{n}.Value.")]
        for n, name in names.items()
    }

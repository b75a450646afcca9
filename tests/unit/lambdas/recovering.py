"""Recovery's function as it is called, and what it did."""

import json

from fleetmend.lambdas import controller
from fleetmend.lambdas.recovery import RECOVERY
from tests.unit.lambdas.account import SETTINGS, Account, Context

A, B = "i-0000000a", "i-0000000b"
SWEEP = {"fleetmend": "sweep"}


def stopped(*names):
    return Account(**{name.replace("-", "_"): "stopped" for name in names})


def event(subject):
    return {"source": "aws.ec2", "detail": {"instance-id": subject, "state": "stopped"}}


def batch(*bodies):
    return {
        "Records": [
            {"messageId": f"m{n}", "body": body if isinstance(body, str) else json.dumps(body)}
            for n, body in enumerate(bodies)
        ]
    }


def failed(answer):
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def run(account, asked, *, world=None, seconds=60.0):
    with account.connected():
        return controller.run(asked, Context(seconds), RECOVERY, SETTINGS, world or account.world())


def told(account):
    return [json.loads(json.loads(sent["Message"])["default"]) for sent in account.published]


def report(account, name):
    return json.loads(account.report(name))

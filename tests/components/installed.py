"""Capture the whole program, and read tokens as the ARNs that AWS would give."""

import json
import re
from functools import cache
from typing import Any

from fleetmend.components.installation import main
from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.capture import capture

ACCOUNT = "123456789012"
REGION = "us-west-2"
SLACK = "https://hooks.slack.example/services/T0/B0/slackslackslack"
PAGERDUTY = "pagerduty:0123456789abcdef0123456789abcdef"
BASE = {"environmentSuffix": "dev", "region": REGION, "accountId": ACCOUNT, "tags": "Team=web"}
EVERYTHING = {
    **BASE,
    "alertEmails": "ops@example.com,dev@example.com",
    "alertWebhooks": f"{SLACK},{PAGERDUTY}",
    "deployBalancer": "true",
    "certificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/abc",
    "backupCopyRegion": "us-east-1",
    "restoreTesting": "true",
}
SECRET_KEYS = ("alertEmails", "alertWebhooks")

_TOKEN = re.compile(r"<<TF:([^|<>]+)\|(\w+)>>")
_ARNS = {
    "aws:s3/bucket:Bucket": "arn:aws:s3:::{name}",
    "aws:sqs/queue:Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{name}}",
    "aws:sns/topic:Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}",
    "aws:kms/key:Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{name}}",
    "aws:cloudwatch/logGroup:LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{name}}",
    "aws:lambda/alias:Alias": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:live",
    "aws:cloudwatch/eventRule:EventRule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{name}}",
}


@cache
def _installed(config: str) -> Graph:
    return capture(main, config=json.loads(config), secret_keys=SECRET_KEYS)


def installed(base: dict[str, str] = EVERYTHING, **more: str) -> Graph:
    """The graph of the program under these settings."""
    return _installed(json.dumps(base | more, sort_keys=True))


def filled(found: Graph, text: str) -> str:
    """The text with an ARN, name or URL in place of every token."""
    nodes = {node.urn: node for node in found.nodes}

    def value(match: re.Match[str]) -> str:
        node, wanted = nodes[match[1]], match[2]
        called = str(node.inputs.get("name") or node.inputs.get("bucket") or node.name)
        if wanted == "arn":
            shape = _ARNS.get(node.type, f"arn:aws:other:{REGION}:{ACCOUNT}:{{name}}")
            return shape.format(name=called)
        if wanted == "url":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{called}"
        return called

    return _TOKEN.sub(value, text)


def role_statements(found: Graph, owner: str) -> list[dict[str, Any]]:
    """Every statement of the inline policies of roles whose name holds `owner`."""
    return [
        statement
        for node in found.of_type("aws:iam/rolePolicy:RolePolicy")
        if node.name.startswith(owner)
        for statement in json.loads(filled(found, node.inputs["policy"]))["Statement"]
    ]


def policy(found: Graph, node: Node, key: str = "policy") -> list[dict[str, Any]]:
    """The statements of a resource's policy, tokens filled."""
    return json.loads(filled(found, str(node.inputs[key])))["Statement"]

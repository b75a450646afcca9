"""A dashboard's widget over the whole account."""

import pulumi
import pulumi_aws as aws

from tests.infra.broken import parts

RULE = "alarm-widget-dimensions"
RESOURCE = "board"


def program(*, broken: bool) -> None:
    parts.start()
    metric = ["AWS/Lambda", "Errors", "FunctionName", "worker"]
    widget = {
        "type": "metric",
        "properties": {
            "title": "errors",
            "region": parts.REGION,
            "metrics": [metric[:2] if broken else metric],
        },
    }
    aws.cloudwatch.Dashboard(
        "board",
        dashboard_name="board",
        dashboard_body=pulumi.Output.json_dumps({"widgets": [widget]}),
        opts=parts.own(),
    )

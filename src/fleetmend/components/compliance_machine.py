"""The state machine of compliance: every branch until it is done, then the end of the run."""

import pulumi

BRANCHES_AT_ONCE = 10
"""Accounts' regions examined at once. Each is another account's or region's API rate, so this
bounds our own concurrency only."""

RETRY = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 5,
    "BackoffRate": 3,
    "MaxAttempts": 5,
    "MaxDelaySeconds": 300,
    "JitterStrategy": "FULL",
}
"""Five more tries within some ten minutes: long enough for throttling and for a bad deployment."""

State = dict[str, object]


def definition(alias_arn: pulumi.Input[str], timeout: int) -> pulumi.Output[str]:
    """The machine that calls `alias_arn`, whose calls take `timeout` seconds at most."""
    branches: State = {
        "Type": "Map",
        "ItemsPath": "$.branches",
        "ItemSelector": {
            "run.$": "$.run",
            "account.$": "$$.Map.Item.Value.account",
            "region.$": "$$.Map.Item.Value.region",
        },
        "MaxConcurrency": BRANCHES_AT_ONCE,
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": _each(alias_arn, timeout),
        "ResultPath": None,
        "Next": "Finish",
    }
    finish = _call(alias_arn, timeout, {"fleetmend": "finish", "run.$": "$.run"}) | {"End": True}
    return pulumi.Output.json_dumps(
        {
            "Comment": "A run of compliance: every account and region, then the report",
            "StartAt": "Branches",
            "States": {"Branches": branches, "Finish": finish},
        }
    )


def _each(alias_arn: pulumi.Input[str], timeout: int) -> State:
    """One branch, examined again and again until it is done."""
    branch = {"run.$": "$.run", "account.$": "$.account", "region.$": "$.region"}
    examine = _call(alias_arn, timeout, {"fleetmend": "examine", **branch})
    return {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Examine",
        "States": {
            "Examine": examine
            | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Given up"}], "Next": "Done?"},
            "Done?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "Examined"}],
                "Default": "Examine",
            },
            "Examined": {"Type": "Succeed"},
            # The end of the run reports it: its standing says that it was not finished.
            "Given up": {"Type": "Succeed"},
        },
    }


def _call(alias_arn: pulumi.Input[str], timeout: int, payload: State) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": alias_arn, "Payload": payload},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": timeout + 30,
        "Retry": [RETRY],
    }

"""A run of compliance as an operator's desk sees it: begun by its function, and followed.

There is no queue to ask: the function begins a run and a state machine goes on with it. A run is
what the ledger bucket says of it; the machine is asked only whether somebody still works on it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.ports import PortError

ALIAS = "live"
"""The function's alias that the schedule calls as well."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that was begun: its name and the ARN of what goes on with it.

    `run` is empty where none was begun, and `why` then says the reason.
    """

    run: str
    execution: str
    why: str = ""


def begin(client: Client, function: str, by: str) -> Begun:
    """Have the function begin a run.

    Args:
        client: a boto3 Lambda client.
        function: the function's ARN.
        by: who wants it; it stands in the function's log.

    Raises:
        PortError: Lambda did not take the call, or the function failed.
    """
    asked = json.dumps({"fleetmend": "run", "by": by}).encode()
    try:
        answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=asked)
        said = json.loads(answer["Payload"].read())
    except SdkError as error:
        raise failed(PortError, f"lambda:Invoke of {function}", error) from error
    if answer.get("FunctionError"):
        raise PortError(
            f"the function did not begin a run: {said.get('errorMessage', said)}",
            remedy="its log group has the whole story",
        )
    told = cast("Mapping[str, Any]", said)
    return Begun(str(told["run"]), str(told.get("execution", "")), str(told.get("why", "")))


def standing(client: Client, execution: str) -> str:
    """How the machine stands: `RUNNING`, `SUCCEEDED`, or how it failed.

    Args:
        client: a boto3 Step Functions client.
        execution: its ARN.

    Raises:
        PortError: Step Functions did not answer.
    """
    try:
        told = client.describe_execution(executionArn=execution)
    except SdkError as error:
        raise failed(PortError, f"states:DescribeExecution of {execution}", error) from error
    return str(told["status"])

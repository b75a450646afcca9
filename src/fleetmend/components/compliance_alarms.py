"""Compliance's own alarms: a machine that failed, accounts that were not seen, no run at all."""

import pulumi

from fleetmend.components.alarms import Alarm, function_dimensions
from fleetmend.core.compliance import CONCERN

HOUR = 3600


def alarms(namespace: str, machine_arn: pulumi.Input[str], sweep_minutes: int) -> list[Alarm]:
    """What is watched beside the function; a run is to end every `sweep_minutes`."""
    period = max(HOUR, 60 * sweep_minutes)
    states = {"StateMachineArn": machine_arn}
    return [
        Alarm(
            f"{CONCERN}-machine",
            "A run of compliance failed as a whole: nothing of it is reported. Step Functions "
            "shows at which call; the next run begins anew.",
            "AWS/States",
            "ExecutionsFailed",
            states,
            "Sum",
            1,
        ),
        Alarm(
            f"{CONCERN}-incomplete",
            "An account or region could not be examined, and is missing in the report. "
            "`fleetmend comply` names it, with what AWS said.",
            namespace,
            "BranchesFailed",
            function_dimensions(CONCERN),
            "Maximum",
            1,
            period=period,
            periods=1,
            datapoints=1,
        ),
        Alarm(
            f"{CONCERN}-heartbeat",
            "No run of compliance has ended for two of its intervals. Is the schedule on, and does "
            "the machine run to its end?",
            namespace,
            "ComplianceRate",
            function_dimensions(CONCERN),
            "SampleCount",
            1,
            below=True,
            period=period,
            periods=2,
            datapoints=2,
            missing="breaching",
        ),
    ]

"""EC2's calls that mend a running instance.

Rules are those of the Amazon EC2 API Reference: RebootInstances, StopInstances.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fleetmend.lab.sim.fleet import Instance, SimFleet
from fleetmend.lab.sim.replies import AwsError

STOP_TAKES = 20.0
"""Seconds from `stopping` to `stopped`."""

Known = Callable[[str], Instance]
Authorize = Callable[[str, Sequence[Instance]], None]


def reboot(
    fleet: SimFleet, known: Known, authorize: Authorize, params: Mapping[str, Any]
) -> dict[str, Any]:
    """RebootInstances: one that does not run fails the whole call."""
    wanted = [known(identity) for identity in params["InstanceIds"]]
    authorize("RebootInstances", wanted)
    _all_in(wanted, {"running"}, "rebooted")
    for one in wanted:
        fleet.reboot(one)
    return {}


def stop(
    fleet: SimFleet, known: Known, authorize: Authorize, params: Mapping[str, Any]
) -> dict[str, Any]:
    """StopInstances: one that is protected, or in no state to be stopped, fails the whole call."""
    wanted = [known(identity) for identity in params["InstanceIds"]]
    authorize("StopInstances", wanted)
    for one in wanted:
        if one.protected:
            raise AwsError(
                "OperationNotPermitted",
                f"The instance '{one.id}' may not be stopped. Modify its 'disableApiStop' "
                "instance attribute and try again.",
                culprits=(one.id,),
            )
    _all_in(wanted, {"running", "stopping", "stopped"}, "stopped")
    for one in wanted:
        fleet.stop(one, STOP_TAKES)
    return {"StoppingInstances": [{"InstanceId": one.id} for one in wanted]}


def _all_in(wanted: Sequence[Instance], states: set[str], done: str) -> None:
    for one in wanted:
        if one.state not in states:
            raise AwsError(
                "IncorrectInstanceState",
                f"The instance '{one.id}' is not in a state from which it can be {done}.",
                culprits=(one.id,),
            )

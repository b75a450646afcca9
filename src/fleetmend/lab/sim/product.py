"""The product as the simulation runs it: the Lambda entry's own code with a world of its own.

What is left out of `fleetmend.lambdas.controller.handler` is what a container makes once (clients,
threads, clocks: the machine brings its own) and the log and metric lines.
"""

from collections.abc import Mapping
from typing import Any

from fleetmend.aws import clients
from fleetmend.lab.sim.function import Machine
from fleetmend.lab.sim.scanning import scan
from fleetmend.lambdas import compliance, controller, settings, wiring
from fleetmend.lambdas.health import HEALTH
from fleetmend.lambdas.rebuild import REBUILD
from fleetmend.lambdas.recovery import RECOVERY
from fleetmend.lambdas.remediation import REMEDIATION

_CONCERNS: Mapping[str, controller.Concern[Any, Any]] = {
    concern.name: concern for concern in (RECOVERY, REBUILD, HEALTH, REMEDIATION)
}


def entry(event: Mapping[str, Any], context: Any, machine: Machine) -> dict[str, Any]:  # noqa: ANN401 -- Lambda's
    """One call of a concern's function; its environment says whose it is.

    Raises:
        Exception: whatever the function raises; Lambda takes it for a failed run.
    """
    if machine.environment["POWERTOOLS_SERVICE_NAME"] == compliance.CONCERN:
        environment = settings.from_environ(machine.environment, queue=False)
        reach = compliance.reach(machine.environment)
        return compliance.run(event, context, environment, reach, _world(machine), scan=scan)
    environment = settings.from_environ(machine.environment)
    concern = _CONCERNS[environment.concern]
    return controller.run(event, context, concern, environment, _world(machine))


def _world(machine: Machine) -> wiring.World:
    return wiring.World(
        client=lambda service: clients.client(service, machine.container),
        keyed=lambda service, keys: clients.client(service, machine.container, keys),
        clock=machine.clock,
        nonce=machine.nonce,
        parallel=machine.parallel,
    )

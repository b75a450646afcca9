"""What EC2 does with a launch and moto does not: client tokens, tags that IAM demands, capacity.

moto makes two instances for one client token (EC2 Developer Guide, "Ensuring idempotency").
"""

from collections.abc import Callable, Mapping
from typing import Any

from fleetmend.lab.emulator.calls import WireCall
from fleetmend.lab.emulator.paging import Refused
from fleetmend.lab.emulator.physics import Physics

Answer = tuple[int, list[tuple[str, str]], bytes]

_MARK = "fleetmend:rebuilt-from"


class Launches:
    """The launches and volumes that were asked for under a client token."""

    def __init__(self, physics: Physics) -> None:
        self._physics = physics
        self._answered: dict[tuple[str, str], tuple[Mapping[str, Any], Answer]] = {}

    def serve(
        self, call: WireCall, tag: tuple[str, str] | None, forward: Callable[[], Answer]
    ) -> Answer:
        """Answer RunInstances or CreateVolume.

        Args:
            call: the request.
            tag: what IAM demands of everything this caller makes, if anything.
            forward: asks moto.

        Raises:
            Refused: as EC2 would.
        """
        asked = {key: one for key, one in call.parameters.items() if key != "ClientToken"}
        word = (call.operation, str(call.parameters.get("ClientToken", "")))
        if word[1] and word in self._answered:
            before, answer = self._answered[word]
            if before != asked:
                raise Refused(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used "
                    "in previous request(s).",
                )
            return answer
        tags = _tags(call.parameters)
        if tag and tags.get(tag[0]) != tag[1]:
            raise Refused("UnauthorizedOperation", "You are not authorized to make this.")
        if call.operation == "RunInstances":
            zone = str(call.parameters.get("Placement.AvailabilityZone", ""))
            self._physics.check_room(str(call.parameters.get("InstanceType", "")), zone)
            subnet, address = (
                str(call.parameters.get(key, "")) for key in ("SubnetId", "PrivateIpAddress")
            )
            self._physics.check_address(subnet, address)
        answer = forward()
        if answer[0] == 200 and word[1]:
            self._answered[word] = (asked, answer)
        new = self._physics.discover()
        for name in new:
            self._physics.spoil(name, tags.get(_MARK, ""))
        return answer


def _tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The tags of the first specification of a request."""
    head = "TagSpecification.1.Tag."
    return {
        str(value): str(parameters.get(f"{key.removesuffix('.Key')}.Value", ""))
        for key, value in parameters.items()
        if key.startswith(head) and key.endswith(".Key")
    }

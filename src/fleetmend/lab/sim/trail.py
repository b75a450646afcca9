"""What the simulated account's event history hears of."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from fleetmend.lab.sim.replies import Answer, AwsError
from fleetmend.lab.tape import subjects
from fleetmend.lab.trail import BORN, CALLS, Caller, EventHistory

if TYPE_CHECKING:
    from fleetmend.lab.sim.installed import Installed
    from fleetmend.lab.sim.world import World

Handle = Callable[[str, Mapping[str, Any]], Answer]


def heard(history: EventHistory, installed: "Installed", handle: Handle) -> Handle:
    """The same EC2, of whose calls by the installed function the history hears."""
    role = f"{installed.project}-{installed.concern}-{installed.region}-{installed.suffix}"
    by = Caller("AssumedRole", role, f"{installed.project}-{installed.concern}-{installed.suffix}")

    def answered(operation: str, params: Mapping[str, Any]) -> Answer:
        if operation not in CALLS:
            return handle(operation, params)
        tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in params.get("Tags", ())}
        ids = () if operation == "RunInstances" else subjects("ec2", params)
        try:
            answer = handle(operation, params)
        except AwsError as refused:
            history.note(operation, by, ids, tags=tags, error=refused.code)
            raise
        made = _made(answer)
        ids = tuple(one["instanceId"] for one in made) if operation == "RunInstances" else ids
        history.note(operation, by, ids, tags=tags, made=made)
        return answer

    return answered


def launched(world: "World") -> None:
    """Note who launched the fleet, where the scenario says it; groups launch their own."""
    by = world.scenario.fleet.creator
    for one in world.fleet.instances.values() if by else ():
        if not one.group:
            made = [{"instanceId": one.id}]
            world.trail.note("RunInstances", Caller.of(by), [one.id], made=made, ago=BORN)


def _made(answer: Answer) -> list[dict[str, Any]]:
    """What an answer says of instances' states, in the words of a record."""
    if not isinstance(answer, dict):
        return []
    named = ("StartingInstances", "StoppingInstances", "TerminatingInstances", "Instances")
    them = next((answer[name] for name in named if name in answer), ())
    words = {"InstanceId", "CurrentState", "PreviousState"}
    return [
        {_small(name): _lowered(value) for name, value in one.items() if name in words}
        for one in cast("Sequence[Mapping[str, Any]]", them)
    ]


def _lowered(value: Any) -> Any:  # noqa: ANN401 -- a text, or a state's code and name
    if not isinstance(value, Mapping):
        return value
    return {_small(name): inner for name, inner in cast("Mapping[str, Any]", value).items()}


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]

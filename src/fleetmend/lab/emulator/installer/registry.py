"""How one resource type is put into the emulators, and the table of all of them.

A creator gets the resolved inputs (Pulumi's camelCase names) and the session, makes the AWS calls
and returns the outputs others may refer to. Inputs nobody reads are listed in the report: nothing
is dropped in silence.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetmend.core.graph import Node
from fleetmend.lab.emulator.untyped import Untyped, fields, items

Outputs = dict[str, Untyped]


class Inputs(Mapping[str, Untyped]):
    """A resource's resolved inputs; remembers which were read."""

    def __init__(self, node: Node, values: Mapping[str, Untyped]) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}
        self._read: set[str] = {"tags", "tagsAll", "region", "forceDestroy"}
        self.urn = node.urn
        self.type = node.type
        self.logical = node.name

    def __getitem__(self, key: str) -> Untyped:
        self._read.add(key)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def unread(self) -> list[str]:
        """The inputs that had no effect."""
        return sorted(set(self._values) - self._read)

    def pick(self, **names: str) -> Outputs:
        """Keyword arguments for boto3 from those inputs that are there: boto3's name = ours."""
        return {name: self[key] for name, key in names.items() if key in self}

    def name(self, key: str = "name", *, limit: int = 64) -> str:
        """The given name, or one made from the logical name as Pulumi would, but stable."""
        if key in self:
            return str(self[key])
        digest = hashlib.sha256(self.urn.encode()).hexdigest()[:7]
        prefix = str(self.get(f"{key}Prefix", f"{self.logical}-"))
        return f"{prefix[: limit - 7]}{digest}"

    def tags(self) -> dict[str, str]:
        """Its tags, those of the provider included where the graph has them."""
        return fields(self.get("tagsAll") or self.get("tags"))

    def tag_list(self) -> list[dict[str, str]]:
        """Its tags as a list of Key and Value."""
        return [{"Key": key, "Value": value} for key, value in self.tags().items()]


@dataclass(frozen=True, slots=True)
class Session:
    """What creators work with.

    Args:
        client: a boto3 client by service name.
        account: the account's id.
        region: where everything is.
        artifact: the zip that every function gets.
        environment: variables added to every function's: where the emulators are.
        speed: installed intervals are divided by it.
        scheduled: whether schedules fire by themselves.
    """

    client: Callable[[str], Untyped]
    account: str
    region: str
    artifact: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    speed: float = 1.0
    scheduled: bool = True

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def faster(self, seconds: float, least: float = 0.0) -> int:
        """An interval at the lab's speed, in whole seconds, no shorter than `least`."""
        return round(max(least, float(seconds) / self.speed))


Creator = Callable[[Session, Inputs], Outputs]

CREATORS: dict[str, Creator] = {}
"""By Pulumi type token."""


def creates(*tokens: str) -> Callable[[Creator], Creator]:
    """Enter a creator into the table."""

    def enter(creator: Creator) -> Creator:
        for token in tokens:
            if token in CREATORS:
                raise ValueError(f"two creators for {token}")
            CREATORS[token] = creator
        return creator

    return enter


def pascal(value: Untyped, special: Mapping[str, str] | None = None) -> Untyped:
    """Nested inputs with boto3's spelling: camelCase keys become PascalCase, nulls are left out.

    `special` names keys whose boto3 spelling is another.
    """
    known = special or {}
    if isinstance(value, dict):
        return {
            known.get(key, key[:1].upper() + key[1:]): pascal(item, known)
            for key, item in fields(value).items()
            if item is not None
        }
    if isinstance(value, list):
        return [pascal(item, known) for item in items(value)]
    return value

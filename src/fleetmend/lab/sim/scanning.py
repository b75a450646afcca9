"""How the simulation scans: the product's own way, one page after the other."""

from collections.abc import Iterator, Mapping

from fleetmend.aws import inventory
from fleetmend.core.compliance import Batch
from fleetmend.lab.sim.wire import scanner


def scan(
    region: str, credentials: Mapping[str, str], kind: str, token: str, lanes: int
) -> Iterator[Batch]:
    """What there is in an account's region, one page after the other: the sim takes turns."""
    account = credentials["aws_access_key_id"].removeprefix("ASIA")
    return inventory.scan(scanner(account, region), kind, token=token, lanes=lanes, ahead=False)

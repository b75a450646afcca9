"""Parameter Store: what people and installations say at run time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.ports import PortError


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter's value, and when it was last written; None where AWS does not say."""

    value: str
    written_at: datetime | None = None


class ParameterStore:
    """The parameters of one account and region."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, names: Sequence[str]) -> dict[str, Parameter]:
        """Parameters by name, at most 10 of them; one that does not exist is left out.

        Raises:
            PortError: Parameter Store did not answer, or refused.
        """
        try:
            answer = self._client.get_parameters(Names=list(names))
        except SdkError as error:
            raise failed(PortError, f"ssm:GetParameters of {', '.join(names)}", error) from error
        found = cast("list[Mapping[str, Any]]", answer.get("Parameters") or [])
        return {
            str(item.get("Name")): Parameter(
                str(item.get("Value")), _time(item.get("LastModifiedDate"))
            )
            for item in found
        }

    def put(self, name: str, value: str, *, overwrite: bool) -> None:
        """Write a parameter; without `overwrite` only where there is none yet.

        Raises:
            PortError: it was not written, or nobody knows.
        """
        try:
            self._client.put_parameter(Name=name, Value=value, Type="String", Overwrite=overwrite)
        except SdkError as error:
            raise failed(PortError, f"ssm:PutParameter of {name}", error) from error


def _time(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)

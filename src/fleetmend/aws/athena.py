"""Questions to Athena: started, waited for, and read to the last row, in plain Python's types."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.ports import PortError

Row = Sequence[object]

_WHOLE = {"tinyint", "smallint", "integer", "int", "bigint"}
_BROKEN = {"float", "real", "double", "decimal"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns' names and the rows; numbers as numbers, everything else as text."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class QuestionRefused(PortError):
    """The engine did not take the question: it is wrong, or too much."""


def ask(
    client: Client,
    sql: str,
    *,
    database: str,
    workgroup: str,
    wait: Callable[[], bool],
) -> Answer:
    """Ask a question and wait for its answer.

    Args:
        client: a boto3 Athena client.
        sql: the question.
        database: the Glue database its tables are in.
        workgroup: whose settings hold: where results go, how much may be read.
        wait: called between two looks; False says that there was waiting enough.

    Raises:
        QuestionRefused: Athena says that it failed, with its reason.
        PortError: it did not answer, or not in time.
    """
    try:
        started = cast(
            "Mapping[str, Any]",
            client.start_query_execution(
                QueryString=sql,
                QueryExecutionContext={"Database": database},
                WorkGroup=workgroup,
            ),
        )
        query = str(started["QueryExecutionId"])
        _wait(client, query, wait)
        return _answer(client, query)
    except SdkError as error:
        raise failed(PortError, f"asking Athena in the workgroup {workgroup}", error) from error


def _wait(client: Client, query: str, wait: Callable[[], bool]) -> None:
    while True:
        told = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if told["State"] == "SUCCEEDED":
            return
        if told["State"] in {"FAILED", "CANCELLED"}:
            raise QuestionRefused(
                f"Athena: {told.get('StateChangeReason') or told['State'].lower()}",
                remedy="docs/compliance.md names the tables and columns",
            )
        if not wait():
            client.stop_query_execution(QueryExecutionId=query)
            raise PortError(
                "Athena has not answered in time; the question was stopped",
                remedy="ask for less, or wait longer: --wait",
            )


def _answer(client: Client, query: str) -> Answer:
    columns: tuple[str, ...] = ()
    types: list[str] = []
    rows: list[Row] = []
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=query)
    for n, page in enumerate(cast("Sequence[Mapping[str, Any]]", pages)):
        result = cast("Mapping[str, Any]", page["ResultSet"])
        told = cast("list[Mapping[str, str]]", result["ResultSetMetadata"]["ColumnInfo"])
        columns, types = tuple(one["Name"] for one in told), [one["Type"] for one in told]
        lines = cast("list[Mapping[str, Any]]", result["Rows"])
        for line in lines[1:] if n == 0 else lines:  # the first one repeats the columns' names
            cells = cast("list[Mapping[str, str]]", line.get("Data") or [])
            rows.append(
                tuple(_value(c.get("VarCharValue"), t) for c, t in zip(cells, types, strict=True))
            )
    return Answer(columns, tuple(rows))


def _value(text: str | None, kind: str) -> object:
    if text is None:
        return None
    if kind in _WHOLE:
        return int(text)
    return float(text) if kind in _BROKEN else text

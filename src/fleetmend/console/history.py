"""The history of compliance on a desk: the same tables and SQL as Athena's, in DuckDB."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from fleetmend.aws.athena import Answer, QuestionRefused
from fleetmend.console.folder import FolderArchive
from fleetmend.core import history
from fleetmend.core.ports import Archive

_TYPES = {"string": "VARCHAR", "bigint": "BIGINT", "date": "DATE"}


def fetch(archive: Archive, folder: Path) -> Path:
    """Copy the reports of an archive into a folder; what is there already never changes.

    Manifests are listed first and copied last: whatever they name is there before they are, also
    when a run is committed meanwhile, or the copying is interrupted.

    Raises:
        PortError: the archive did not answer.
    """
    copy = FolderArchive(folder)
    runs = archive.list(history.RUNS)
    for key in (*archive.list(history.FINDINGS), *runs):
        if not (folder / key).exists():
            body = archive.get(key)
            if body is not None:
                copy.put(key, body)
    return folder


def ask(folder: Path, sql: str) -> Answer:
    """Ask a question of the reports in a folder.

    Manifests are read before findings, so that a run which is committed meanwhile is not there
    yet, and never half.

    Raises:
        QuestionRefused: DuckDB says what is wrong with it.
    """
    with duckdb.connect(":memory:") as engine:
        _table(
            engine,
            folder / history.RUNS,
            history.RUNS_TABLE,
            history.RUN_COLUMNS,
            history.RUN_PARTITIONS,
        )
        _table(
            engine,
            folder / history.FINDINGS,
            history.FINDINGS_TABLE,
            history.FINDING_COLUMNS,
            history.FINDING_PARTITIONS,
        )
        # A question reads these tables, and nothing else of the machine.
        engine.execute("SET enable_external_access = false")
        try:
            engine.execute(history.whole(sql))
            described = engine.description or []
            rows = engine.fetchall()
        except duckdb.Error as error:
            raise QuestionRefused(
                f"DuckDB: {error}", remedy="docs/compliance.md names the tables and columns"
            ) from error
    return Answer(
        tuple(str(column[0]) for column in described),
        tuple(tuple(_plain(cell) for cell in row) for row in rows),
    )


def _table(
    engine: duckdb.DuckDBPyConnection,
    folder: Path,
    name: str,
    columns: Mapping[str, str],
    partitions: Sequence[str],
) -> None:
    """A table over the files of a folder; one without rows where there are none."""
    typed = {key: _TYPES[kind] for key, kind in columns.items()}
    files = sorted(str(path) for path in folder.rglob("*.json.gz"))
    if not files:
        listed = ", ".join(f"{key} {kind}" for key, kind in typed.items())
        more = ", ".join(f"{key} VARCHAR" for key in partitions)
        engine.execute(f"CREATE TABLE {name} ({listed}, {more})")
        return
    kinds = ", ".join(f"'{key}': '{kind}'" for key, kind in typed.items())
    more = ", ".join(f"'{key}': VARCHAR" for key in partitions)
    engine.execute(
        f"CREATE TABLE {name} AS SELECT * FROM read_json($files, columns = {{{kinds}}}, "  # noqa: S608 -- names of ours
        f"format = 'newline_delimited', compression = 'gzip', hive_partitioning = true, "
        f"hive_types = {{{more}}})",
        {"files": files},
    )


def _plain(cell: object) -> object:
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    return cell.isoformat() if isinstance(cell, (date, datetime)) else cell

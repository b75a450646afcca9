"""The history of compliance: what lies where, in which columns, and the questions people ask.

Findings are compressed lines of JSON in partitions; a run's manifest is written last and names the
parts that count, so that nobody who reads through `COMMITTED` ever sees half a run. The same SQL
is understood by DuckDB and by Athena (Trino).
"""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from fleetmend.core.compliance import Finding
from fleetmend.core.rules import Problem, Severity

FINDINGS = "reports/compliance/"
"""Where findings lie: `dt=2026-03-14/account=…/region=…/<run>-<part>.json.gz`."""

RUNS = "reports/compliance-runs/"
"""Where manifests lie: `dt=2026-03-14/<run>.json.gz`."""

DIGESTS = "reports/digests/compliance/"
"""Weekly digests that were told: `<day>.json`."""

LATEST = "reports/latest/compliance"
"""The last report for people: `.json` and `.html`."""

FINDINGS_TABLE, RUNS_TABLE = "compliance_findings", "compliance_runs"

FINDING_COLUMNS: Mapping[str, str] = {
    "run": "string",
    "part": "string",
    "kind": "string",
    "id": "string",
    "rule": "string",
    "key": "string",
    "severity": "string",
    "problem": "string",
    "found": "string",
    "expected": "string",
    "owner": "string",
    "since": "date",
}
"""Column → Glue type; DuckDB calls `string` VARCHAR and the others by the same names."""

RUN_COLUMNS: Mapping[str, str] = {
    "run": "string",
    "part": "string",
    "account": "string",
    "region": "string",
    "state": "string",
    "failure": "string",
    "rules": "string",
    "judged": "bigint",
    "violating": "bigint",
    "findings": "bigint",
}

FINDING_PARTITIONS = ("dt", "account", "region")
RUN_PARTITIONS = ("dt",)

_FINDING = ", ".join(f"f.{name}" for name in (*FINDING_COLUMNS, *FINDING_PARTITIONS))

VIEWS: Mapping[str, str] = {
    "runs": f"""\
SELECT {", ".join((*RUN_COLUMNS, *RUN_PARTITIONS))} FROM compliance_runs""",  # noqa: S608 -- names of ours
    "findings": f"""\
SELECT {_FINDING} FROM compliance_findings f
JOIN compliance_runs r ON r.run = f.run AND r.part = f.part AND r.dt = f.dt""",  # noqa: S608 -- names of ours
    "latest": f"""\
SELECT {_FINDING} FROM findings f JOIN (
  SELECT account, region, max(run) AS run FROM compliance_runs
  WHERE state = 'ok' GROUP BY account, region
) n ON n.run = f.run AND n.account = f.account AND n.region = f.region""",  # noqa: S608 -- names of ours
}
"""What questions are asked of: `runs` and `findings` that were committed; `latest`, the findings
of each account's and region's newest run that succeeded."""

COMMITTED = ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in VIEWS.items())
"""The same as common table expressions, which a question carries with it."""


def columns_of(view: str) -> dict[str, str]:
    """The columns of a view, each with its Glue type, in their order."""
    columns, partitions = (
        (RUN_COLUMNS, RUN_PARTITIONS) if view == "runs" else (FINDING_COLUMNS, FINDING_PARTITIONS)
    )
    return {**columns, **dict.fromkeys(partitions, "string")}


@dataclass(frozen=True, slots=True)
class Question:
    """A question by name: what it answers, and its SQL over `COMMITTED`."""

    meaning: str
    sql: str


NAMED: Mapping[str, Question] = {
    "worst-owners": Question(
        "Who has most to mend",
        """\
SELECT owner, count(*) AS findings, count(DISTINCT id) AS resources
FROM latest GROUP BY owner ORDER BY findings DESC, owner LIMIT 20""",
    ),
    "trend": Question(
        "How many resources comply, day by day, by the last run of each",
        """\
SELECT r.dt AS dt, sum(r.judged) AS judged, sum(r.violating) AS violating,
  sum(r.judged) - sum(r.violating) AS complying
FROM runs r JOIN (
  SELECT dt, account, region, max(run) AS run FROM runs
  WHERE state = 'ok' GROUP BY dt, account, region
) d ON d.run = r.run AND d.dt = r.dt AND d.account = r.account AND d.region = r.region
GROUP BY r.dt ORDER BY r.dt""",
    ),
    "newly-broken": Question(
        "What is broken since the day of the newest run",
        """\
SELECT account, region, kind, id, rule, problem, owner
FROM latest WHERE since = CAST(dt AS date)
ORDER BY account, region, kind, id, rule LIMIT 1000""",
    ),
    "oldest-unresolved": Question(
        "What has been broken for longest",
        """\
SELECT since, account, region, kind, id, rule, owner
FROM latest ORDER BY since, account, region, kind, id, rule LIMIT 50""",
    ),
}

_WITH = re.compile(r"\s*WITH\s+(?!RECURSIVE\b)", re.IGNORECASE)


def database(project: str, suffix: str) -> str:
    """The Glue database of an installation: Athena takes no dashes in names."""
    return re.sub(r"[^a-z0-9_]", "_", f"{project}_{suffix}".lower())


def workgroup(project: str, suffix: str) -> str:
    """The Athena workgroup of an installation."""
    return f"{project}-compliance-{suffix}"


def whole(sql: str) -> str:
    """A question with what it is asked of, as an engine takes it."""
    begun = _WITH.match(sql)
    if begun:
        return f"WITH {COMMITTED},\n{sql[begun.end() :].strip().rstrip(';')}"
    return f"WITH {COMMITTED}\n{sql.strip().rstrip(';')}"


def part_key(day: date, account: str, region: str, run: str, part: str) -> str:
    """Where a part of a run's findings lies."""
    return f"{FINDINGS}dt={day}/account={account}/region={region}/{run}-{part}.json.gz"


def manifest_key(day: date, run: str) -> str:
    """Where a run is committed."""
    return f"{RUNS}dt={day}/{run}.json.gz"


def packed(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Lines of JSON, compressed; the same rows have the same bytes."""
    text = "".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress(text.encode("utf-8", "replace"), mtime=0)


def unpacked(body: bytes) -> Iterator[Mapping[str, object]]:
    """The rows that `packed` packed.

    Raises:
        ValueError: the bytes are something else.
    """
    try:
        text = gzip.decompress(body).decode()
    except (OSError, EOFError) as error:
        raise ValueError(f"not a gzip file: {error}") from error
    for line in text.split("\n")[:-1]:  # no other sign ends a line: JSON escapes none of them
        row: object = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"not a row: {line[:80]}")  # noqa: TRY004 -- one kind for callers
        yield cast("Mapping[str, object]", row)


def row_of(finding: Finding, run: str, part: str) -> dict[str, object]:
    """A finding as a row of its part."""
    return {
        "run": run,
        "part": part,
        "kind": finding.kind,
        "id": finding.id,
        "rule": finding.rule,
        "key": finding.key,
        "severity": finding.severity.value,
        "problem": finding.problem.value,
        "found": finding.found,
        "expected": finding.expected,
        "owner": finding.owner,
        "since": finding.since.isoformat(),
    }


def finding_of(row: Mapping[str, object]) -> Finding:
    """The finding of a row.

    Raises:
        ValueError: it is no such row.
    """
    try:
        return Finding(
            kind=str(row["kind"]),
            id=str(row["id"]),
            rule=str(row["rule"]),
            key=str(row["key"]),
            severity=Severity(row["severity"]),
            problem=Problem(row["problem"]),
            found=str(row["found"]),
            expected=str(row["expected"]),
            owner=str(row["owner"]),
            since=date.fromisoformat(str(row["since"])),
        )
    except KeyError as error:
        raise ValueError(f"a finding without {error}") from error

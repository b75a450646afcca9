"""What a run did, as plain JSON values: for the log, and for whoever asked for the run.

The keys are stable; `schema` goes up when one changes its meaning:

- `schema`: 1. `run`: its id. `concern`. `asked`: `run`, `hold`, `release` or `retry`. `by`: who.
- `mode`: the one in force. `plan`: whether nothing was to be done. `at`: when it ended.
- `problems`: what is wrong with the settings or the run as a whole, one sentence each.
- `subjects`: for each one `subject`, `decision` (reason code), `status`, `reason`, `note`,
  `spent` (attempts issued), `outcome` (`result`, `code`, `message`; null when nothing was
  called), `next_look_at` (ISO 8601 or null), `failure` ("" or why it was not served).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from fleetmend.core.loop import Case
from fleetmend.core.model import Mode, Record

SCHEMA = 1


def report(
    run: str,
    *,
    concern: str,
    asked: str,
    by: str,
    mode: Mode,
    plan: bool,
    at: datetime,
    subjects: Iterable[Mapping[str, Any]],
    problems: Iterable[str] = (),
) -> dict[str, Any]:
    """The report of one run; see the module for its keys."""
    return {
        "schema": SCHEMA,
        "run": run,
        "concern": concern,
        "asked": asked,
        "by": by,
        "mode": mode.value,
        "plan": plan,
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "problems": list(problems),
        "subjects": list(subjects),
    }


def of_case(case: Case[Any]) -> dict[str, Any]:
    """What became of one subject in a run."""
    outcome = case.outcome
    return {
        **of_record(case.subject, case.record),
        "decision": case.decision.reason if case.decision else "",
        "outcome": outcome
        and {"result": outcome.result.value, "code": outcome.code, "message": outcome.message},
        "failure": str(case.failure or ""),
    }


def of_record(subject: str, record: Record | None, failure: str = "") -> dict[str, Any]:
    """A subject that was not looked at: where its record stands."""
    look = record.next_look_at if record else None
    return {
        "subject": subject,
        "decision": "",
        "status": record.status.value if record else "",
        "reason": record.reason if record else "",
        "note": record.note if record else "",
        "spent": record.spent if record else 0,
        "outcome": None,
        "next_look_at": look and look.astimezone(UTC).isoformat(timespec="seconds"),
        "failure": failure,
    }

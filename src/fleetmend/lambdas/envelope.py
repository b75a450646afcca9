"""What every function does around its work: structured logs, metrics, partial failures.

Quiet about success, structured about everything: one line for what was done to a subject, one
for what failed, nothing for a subject that was looked at and left alone. Metrics are written to
the log in the embedded metric format, which CloudWatch reads without an API call.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit, single_metric
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,  # pyright: ignore[reportUnknownVariableType] -- untyped callable
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from fleetmend.core.compliance import CONCERN
from fleetmend.core.loop import Case

_logger = Logger()
_metrics = Metrics()
copy_config_to_registered_loggers(source_logger=_logger, include={"fleetmend"})


@contextmanager
def opened(
    concern: str, context: LambdaContext
) -> Generator[Callable[[Sequence[Case[Any]]], None]]:
    """Surround one call: the function given is told what was done, and logs and counts it.

    Metrics are written when the call ends, also when it fails.
    """
    _logger.append_keys(concern=concern, run=context.aws_request_id)
    set_dimensions = cast("Callable[..., None]", _metrics.set_default_dimensions)
    set_dimensions(concern=concern)
    try:
        yield _tell
    except Exception:
        _metrics.add_metric(name="RunsFailed", unit=MetricUnit.Count, value=1)
        raise
    finally:
        _metrics.flush_metrics()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number about a subject, told under the dimensions that tell it from others'."""

    name: str
    value: float
    dimensions: Mapping[str, str]
    unit: MetricUnit = MetricUnit.Count


def measured(concern: str, figures: Iterable[Figure]) -> None:
    """Write figures; those of the same dimensions stand in one line of the log."""
    lines: dict[tuple[tuple[str, str], ...], list[Figure]] = {}
    for figure in figures:
        lines.setdefault(tuple(sorted(figure.dimensions.items())), []).append(figure)
    for dimensions, those in lines.items():
        own = EphemeralMetrics()
        for name, value in (("concern", concern), *dimensions):
            own.add_dimension(name=name, value=value)
        for figure in those:
            own.add_metric(name=figure.name, unit=figure.unit, value=figure.value)
        own.flush_metrics()


def swept(cases: Sequence[Case[Any]], now: datetime) -> None:
    """Count a sweep that came to its end, and how late the most overdue subject's look is.

    This is the heartbeat: an alarm takes a large number for trouble, and silence too. So where
    a subject failed and nothing is known of when it was looked at, no number is written.
    """
    _metrics.add_metric(name="SweepCompleted", unit=MetricUnit.Count, value=1)
    oldest = oldest_look(cases, now)
    if oldest is not None:
        _metrics.add_metric(name="OldestLookSeconds", unit=MetricUnit.Seconds, value=oldest)


def complied(summary: Mapping[str, Any]) -> None:
    """Count what a finished run of compliance came to: the rate, and violations by rule."""
    known = ("run", "complete", "judged", "violating", "rate", "broken", "fixed")
    _logger.info("a run ended", extra={name: summary[name] for name in known})
    _metrics.add_metric(
        name="ComplianceRate", unit=MetricUnit.Percent, value=100 * float(summary["rate"])
    )
    numbers = {
        "ResourcesJudged": summary["judged"],
        "ResourcesViolating": summary["violating"],
        "FindingsNew": summary["broken"],
        "FindingsGone": summary["fixed"],
        "BranchesFailed": sum(bool(one["failure"]) for one in summary["branches"]),
    }
    for name, value in numbers.items():
        _metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    for rule, count in cast("Mapping[str, int]", summary["by_rule"]).items():
        with single_metric(name="Violations", unit=MetricUnit.Count, value=count) as metric:
            metric.add_dimension(name="concern", value=CONCERN)
            metric.add_dimension(name="rule", value=rule)


def oldest_look(cases: Sequence[Case[Any]], now: datetime) -> float | None:
    """Seconds since the look that is most overdue was due; 0 when every subject was served.

    None when it cannot be told: a subject failed before its record could be read.
    """
    oldest = 0.0
    for case in cases:
        if case.failure is None:
            continue
        record = case.stored.record if case.stored else None
        due = record and (record.next_look_at or record.written_at)
        if not due:
            return None
        oldest = max(oldest, (now - due).total_seconds())
    return oldest


def time_left(context: LambdaContext) -> Callable[[], timedelta]:
    """How long the function may still run, as Lambda's context tells it."""
    return lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())


def partial_failures(
    event: Mapping[str, Any], failures: Mapping[str, Exception], context: LambdaContext
) -> dict[str, Any]:
    """Lambda's answer to a batch: the messages that are to be delivered again.

    Raises:
        BatchProcessingError: every message failed, so that the function's own error count shows
            it; Lambda then delivers the whole batch again, which is the same.
    """

    def outcome(record: Mapping[str, Any]) -> None:
        failure = failures.get(str(record["messageId"]))
        if failure:
            raise failure

    answer = process_partial_response(
        event=cast("dict[str, Any]", event),
        record_handler=outcome,
        processor=BatchProcessor(event_type=EventType.SQS),
        context=context,
    )
    return cast("dict[str, Any]", answer)


def _tell(cases: Sequence[Case[Any]]) -> None:
    counts: dict[str, int] = {"SubjectsServed": len(cases), "SubjectsFailed": 0}
    for case in cases:
        if case.failure:
            counts["SubjectsFailed"] += 1
            _logger.error("not served", extra={"subject": case.subject, "why": str(case.failure)})
        elif case.outcome and case.decision:
            act, result = case.decision.act, case.outcome.result.value
            name = f"{act.title()}s{result.title().replace('-', '')}"
            counts[name] = counts.get(name, 0) + 1
            _logger.info(
                "acted",
                extra={
                    "act": act,
                    "subject": case.subject,
                    "result": result,
                    "code": case.outcome.code,
                    "why": case.decision.reason,
                },
            )
    for name, value in counts.items():
        _metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)

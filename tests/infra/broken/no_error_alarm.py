"""A function that can fail unseen."""

from tests.infra.broken import parts

RULE = "alarm-function"
RESOURCE = "worker"


def program(*, broken: bool) -> None:
    parts.start()
    alerts = parts.topic()
    function = parts.function("worker", alerts, alarms=("Throttles", "Duration"))
    if not broken:
        parts.alarm("errors", alerts.arn, "AWS/Lambda", "Errors", FunctionName=function.name)

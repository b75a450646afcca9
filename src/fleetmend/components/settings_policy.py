"""Settings that hold further fields of a concern's policy, judged as its function judges them.

What is often set has a setting of its own. The rest can be set here, by the names that the
concern's page lists, so that nothing of a policy is out of the configuration's reach.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from fleetmend.components.settings_types import json_object, setting
from fleetmend.core.declared import BY_CONCERN

OWN: Mapping[str, Mapping[str, str]] = {
    "recovery": {
        "selector": "recoverTagKey",
        "retry_interval": "retryIntervalMinutes",
        "max_attempts": "maxAttempts",
        "impaired": "impaired",
        "who": "askWhoStopped",
        "types_tag": "alternativeTypesTagKey",
    },
    "rebuild": {
        "selector": "rebuildTagKey",
        "terminated": "rebuildTerminated",
        "drift": "rebuildDrift",
        "who": "askWhoStopped",
    },
    "health": {
        "selector": "healTagKey",
        "sample_every": "healthSweepMinutes",
        "consecutive": "consecutiveSamples",
        "max_replacements": "maxReplacements",
        "healthy_floor": "healthyFloorPercent",
        "outage_threshold": "outageThresholdPercent",
        "suspension": "suspensionMinutes",
        "replace_silent_agents": "replaceSilentAgents",
        "alarm_prefix": "applicationAlarmPrefix",
    },
    "remediation": {"most_changes": "remediationMostChanges"},
}
"""Fields that have a setting of their own, by concern; a test compares them with the program."""


def _judged(concern: str) -> AfterValidator:
    def judge(value: dict[str, Any]) -> dict[str, Any]:
        own = OWN[concern]
        for field in value:
            if field in own:
                raise ValueError(f"{field} has a setting of its own: {own[field]}")
        problems: list[str] = []
        BY_CONCERN[concern].parse(json.dumps(value), concern, problems)
        if problems:
            raise ValueError("; ".join(problems))
        return value

    return AfterValidator(judge)


RecoveryFields = Annotated[dict[str, Any], BeforeValidator(json_object), _judged("recovery")]
RebuildFields = Annotated[dict[str, Any], BeforeValidator(json_object), _judged("rebuild")]
HealthFields = Annotated[dict[str, Any], BeforeValidator(json_object), _judged("health")]
RemediationFields = Annotated[dict[str, Any], BeforeValidator(json_object), _judged("remediation")]


def further(concern: str, page: str, like: str) -> Any:  # noqa: ANN401
    """A setting for further fields of a concern's policy, none of which has one of its own."""
    return setting(
        {},
        f"Further fields of {concern}'s policy ({page} lists them), durations in seconds. What has "
        "a setting of its own is set by that.",
        valid=f"a JSON object such as {like}",
    )

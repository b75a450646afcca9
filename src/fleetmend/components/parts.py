"""The parts of an installation, and what they are told by the settings."""

from dataclasses import dataclass, field

from fleetmend.components.alarms import AlarmArgs
from fleetmend.components.alerts import Alerts
from fleetmend.components.backup import Backup
from fleetmend.components.backup_copy import BackupCopy
from fleetmend.components.bridge import Bridge
from fleetmend.components.compliance import Compliance
from fleetmend.components.dashboard import Dashboard
from fleetmend.components.function import FunctionArgs
from fleetmend.components.ground import Ground
from fleetmend.components.health import Health
from fleetmend.components.keys import Keys
from fleetmend.components.parameters import Parameters
from fleetmend.components.queued import Queued
from fleetmend.components.rebuild import Rebuild
from fleetmend.components.recovery import Recovery
from fleetmend.components.remediation import Remediation
from fleetmend.components.secrets import Secrets
from fleetmend.components.settings import Settings
from fleetmend.components.storage import Storage


@dataclass(slots=True)
class Parts:
    """What was declared; None is what the settings left out."""

    keys: Keys
    alerts: Alerts
    storage: Storage
    parameters: Parameters
    secrets: Secrets
    ground: Ground = field(default_factory=lambda: Ground(None, None, None))
    copy: BackupCopy | None = None
    backup: Backup | None = None
    recovery: Recovery | None = None
    rebuild: Rebuild | None = None
    compliance: Compliance | None = None
    remediation: Remediation | None = None
    health: Health | None = None
    bridge: Bridge | None = None
    dashboard: Dashboard | None = None

    @property
    def functions(self) -> dict[str, Queued | Compliance | Bridge]:
        """The functions that there are, by concern."""
        others = {"compliance": self.compliance, "bridge": self.bridge}
        made = {concern: part for concern, part in others.items() if part is not None}
        return {**self.controllers, **made}

    @property
    def controllers(self) -> dict[str, Queued]:
        """Those that a queue wakes, by concern."""
        made = {
            "recovery": self.recovery,
            "rebuild": self.rebuild,
            "health": self.health,
            "remediation": self.remediation,
        }
        return {concern: part for concern, part in made.items() if part is not None}


def controllers_wanted(settings: Settings) -> list[str]:
    """The concerns whose controllers the settings ask for, of those that a queue wakes."""
    wanted = {
        "recovery": settings.recovery.deploy_recovery,
        "rebuild": settings.rebuild.deploy_rebuild,
        "health": settings.health.deploy_health,
        "remediation": settings.remediation.deploy_remediation,
    }
    return [concern for concern, on in wanted.items() if on]


def function_args(settings: Settings) -> FunctionArgs:
    """What every function is given to run with."""
    chosen = settings.controller
    return {
        "runtime": chosen.lambda_runtime,
        "architecture": chosen.lambda_architecture,
        "memory_mb": chosen.lambda_memory_mb,
        "timeout_seconds": chosen.lambda_timeout_seconds,
        "log_retention_days": settings.log_retention_days,
        "log_level": chosen.log_level,
        "time_zone": chosen.schedule_time_zone,
        "alarms": alarm_args(settings),
    }


def alarm_args(settings: Settings) -> AlarmArgs:
    """When an alarm is one."""
    chosen = settings.alerts
    return {
        "period_seconds": chosen.alarm_period_seconds,
        "evaluation_periods": chosen.alarm_evaluation_periods,
        "datapoints": chosen.alarm_datapoints,
        "missing_data": chosen.alarm_missing_data,
        "errors": chosen.function_errors_threshold,
        "throttles": chosen.function_throttles_threshold,
        "duration_percent": chosen.function_duration_percent,
        "dead_letters": chosen.dead_letters_threshold,
        "oldest_message_seconds": chosen.oldest_message_seconds,
        "oldest_look_seconds": chosen.oldest_look_seconds,
    }

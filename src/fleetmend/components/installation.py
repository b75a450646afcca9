"""The installation: every part that the settings switch on, put together as one program."""

import pulumi
import pulumi_aws as aws

from fleetmend.components.alarms import AlarmArgs
from fleetmend.components.alerts import Alerts
from fleetmend.components.controller import FunctionArgs
from fleetmend.components.controller_names import log_group_name, rule_name
from fleetmend.components.keys import Keys
from fleetmend.components.parameters import INSTALLATION, Parameters, text_parameter
from fleetmend.components.recovery import Recovery
from fleetmend.components.settings import Settings
from fleetmend.components.storage import Storage
from fleetmend.core.decisions.recovery import CONCERN as RECOVERY


def main() -> None:
    """The Pulumi program: read the settings, tell every mistake in them, install.

    Raises:
        SettingsError: Something in them is wrong; nothing was declared then.
    """
    install(Settings.from_pulumi())


def install(settings: Settings) -> None:
    """Declare the installation that the settings describe."""
    Program(settings).declare()


class Program:
    """The parts of one installation, in the order in which they need each other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._me = settings.identity
        self._names = settings.naming
        account = settings.installation.account_id
        self._provider = aws.Provider(
            "aws",
            region=settings.region,
            allowed_account_ids=[account] if account else None,
        )
        self._opts = pulumi.ResourceOptions(provider=self._provider)
        self._account: pulumi.Input[str] = (
            account
            or aws.get_caller_identity_output(
                opts=pulumi.InvokeOutputOptions(provider=self._provider)
            ).account_id
        )

    def declare(self) -> None:
        """Everything, then what others may know of it."""
        keys = self._keys()
        alerts = self._alerts(keys)
        storage = self._storage(keys)
        self._parameters()
        queues: dict[str, pulumi.Input[str]] = {}
        functions: dict[str, pulumi.Input[str]] = {}
        if self._settings.recovery.deploy_recovery:
            recovery = self._recovery(keys, alerts, storage)
            queues[RECOVERY] = recovery.queue_url
            functions[RECOVERY] = recovery.function_arn
        self._facts(storage, alerts, queues, functions)

    def _keys(self) -> Keys:
        concerns = [RECOVERY] if self._settings.recovery.deploy_recovery else []
        return Keys(
            "keys",
            {
                "installation": self._me,
                "account_id": self._account,
                "log_groups": [log_group_name(self._names, concern) for concern in concerns],
                "rules": [rule_name(self._names, concern) for concern in concerns],
                "deletion_days": self._settings.kms_deletion_days,
            },
            self._opts,
        )

    def _alerts(self, keys: Keys) -> Alerts:
        emails = self._settings.alerts.alert_emails
        return Alerts(
            "alerts",
            {
                "installation": self._me,
                "account_id": self._account,
                "key_arn": keys.alerts_arn,
                "emails": [email.get_secret_value() for email in emails],
            },
            self._opts,
        )

    def _storage(self, keys: Keys) -> Storage:
        chosen = self._settings.storage
        return Storage(
            "storage",
            {
                "installation": self._me,
                "account_id": self._account,
                "key_arn": keys.main_arn,
                "records_history_days": chosen.records_history_days,
                "reports_days": chosen.reports_days,
                "infrequent_days": chosen.backup_infrequent_days,
                "glacier_days": chosen.backup_glacier_days,
                "expire_days": chosen.backup_expire_days,
                "force_destroy": chosen.force_destroy,
            },
            self._opts,
        )

    def _parameters(self) -> Parameters:
        return Parameters(
            "parameters",
            {
                "installation": self._me,
                "environment": self._settings.installation.environment,
                "mode": self._settings.recovery.mode,
                "log_level": self._settings.controller.log_level,
            },
            self._opts,
        )

    def _recovery(self, keys: Keys, alerts: Alerts, storage: Storage) -> Recovery:
        chosen = self._settings.recovery
        return Recovery(
            "recovery",
            {
                "installation": self._me,
                "account_id": self._account,
                "artifact": self._settings.controller.lambda_artifact,
                "ledger_name": storage.ledger_name,
                "ledger_arn": storage.ledger_arn,
                "key_arn": keys.main_arn,
                "topic_arn": alerts.topic_arn,
                "topic_key_arn": keys.alerts_arn,
                "tag_key": chosen.recover_tag_key,
                "tag_value": chosen.recover_tag_value,
                "retry_interval_minutes": chosen.retry_interval_minutes,
                "max_attempts": chosen.max_attempts,
                "sweep_minutes": chosen.sweep_minutes,
                "batch_window_seconds": chosen.batch_window_seconds,
                "function": self._function(),
            },
            self._opts,
        )

    def _function(self) -> FunctionArgs:
        chosen = self._settings.controller
        return {
            "runtime": chosen.lambda_runtime,
            "architecture": chosen.lambda_architecture,
            "memory_mb": chosen.lambda_memory_mb,
            "timeout_seconds": chosen.lambda_timeout_seconds,
            "log_retention_days": self._settings.log_retention_days,
            "log_level": chosen.log_level,
            "time_zone": chosen.schedule_time_zone,
            "alarms": self._alarms(),
        }

    def _alarms(self) -> AlarmArgs:
        chosen = self._settings.alerts
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

    def _facts(
        self,
        storage: Storage,
        alerts: Alerts,
        queues: dict[str, pulumi.Input[str]],
        functions: dict[str, pulumi.Input[str]],
    ) -> None:
        """What the command line and the console find an installation by."""
        facts = pulumi.Output.json_dumps(
            {
                "project": self._names.project,
                "suffix": self._names.suffix,
                "region": self._names.region,
                "account": self._account,
                "ledger_bucket": storage.ledger_name,
                "topic_arn": alerts.topic_arn,
                "queues": queues,
                "functions": functions,
            }
        )
        text_parameter(
            "installation",
            INSTALLATION,
            facts,
            "Where the parts of this installation are",
            self._me,
            self._opts,
        )

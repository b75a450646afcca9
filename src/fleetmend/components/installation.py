"""The installation: every part that the settings switch on, put together as one program."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from fleetmend.components import outputs
from fleetmend.components.alerts import Alerts
from fleetmend.components.artifact import find_artifact
from fleetmend.components.backup import Backup
from fleetmend.components.backup_copy import BackupCopy
from fleetmend.components.bridge import CONCERN as BRIDGE
from fleetmend.components.bridge import Bridge
from fleetmend.components.compliance import Compliance
from fleetmend.components.controller_names import log_group_name, rule_name
from fleetmend.components.dashboard import Dashboard, DashboardArgs
from fleetmend.components.directory import Directory
from fleetmend.components.function import ConcernArgs
from fleetmend.components.ground import Beside, lay_ground, log_groups
from fleetmend.components.health import Health
from fleetmend.components.keys import Keys
from fleetmend.components.output_values import alarm_arns, values
from fleetmend.components.parameters import Parameters
from fleetmend.components.parts import (
    Parts,
    alarm_args,
    controllers_wanted,
    function_args,
)
from fleetmend.components.rebuild import Rebuild
from fleetmend.components.recovery import Recovery
from fleetmend.components.remediation import Remediation
from fleetmend.components.rules_file import compiled
from fleetmend.components.secrets import Secrets
from fleetmend.components.settings import Settings
from fleetmend.components.storage import BALANCER_PREFIX, Storage, StorageArgs
from fleetmend.core.compliance import CONCERN as COMPLIANCE
from fleetmend.core.remediation import CONCERN as REMEDIATION


def main() -> None:
    """The Pulumi program: read the settings, tell every mistake in them, install.

    Raises:
        SettingsError: Something in them is wrong; nothing was declared then.
    """
    install(Settings.from_pulumi())


def install(settings: Settings) -> None:
    """Declare the installation that the settings describe, and export its outputs."""
    parts = _Program(settings).declare()
    outputs.export(values(settings, parts))


class _Program:
    """Declares the parts in the order in which they need each other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._me = settings.identity
        self._names = settings.naming
        self._artifact = find_artifact(settings.controller.lambda_artifact)
        self._provider = self._provider_of("aws", settings.region)
        self._opts = pulumi.ResourceOptions(provider=self._provider)
        self._account: pulumi.Input[str] = (
            settings.installation.account_id
            or aws.get_caller_identity_output(
                opts=pulumi.InvokeOutputOptions(provider=self._provider)
            ).account_id
        )

    def declare(self) -> Parts:
        """Everything, then what the command line and the console find it by."""
        chosen = self._settings
        keys = self._keys()
        alerts = self._alerts(keys)
        copy = self._copy() if chosen.storage.backup_copy_region else None
        storage = self._storage(keys, copy)
        parts = Parts(keys, alerts, storage, self._parameters(), self._secrets(keys), copy=copy)
        parts.ground = lay_ground(chosen, self._beside(parts), self._provider)
        if chosen.storage.deploy_backup:
            parts.backup = self._backup(parts)
        if chosen.recovery.deploy_recovery:
            parts.recovery = self._recovery(parts)
        if chosen.rebuild.deploy_rebuild:
            parts.rebuild = self._rebuild(parts)
        if chosen.compliance.deploy_compliance:
            parts.compliance = self._compliance(parts)
        if chosen.remediation.deploy_remediation:
            parts.remediation = self._remediation(parts)
        if chosen.health.deploy_health:
            parts.health = self._health(parts)
        if chosen.alerts.deploy_bridge:
            parts.bridge = self._bridge(parts)
        if chosen.alerts.deploy_dashboard:
            parts.dashboard = self._dashboard(parts)
        self._directory(parts)
        return parts

    def _provider_of(self, name: str, region: str) -> aws.Provider:
        account = self._settings.installation.account_id
        return aws.Provider(name, region=region, allowed_account_ids=[account] if account else None)

    def _keys(self) -> Keys:
        controllers = controllers_wanted(self._settings)
        functions = controllers + ([BRIDGE] if self._settings.alerts.deploy_bridge else [])
        functions += [COMPLIANCE] if self._settings.compliance.deploy_compliance else []
        return Keys(
            "keys",
            {
                "installation": self._me,
                "account_id": self._account,
                "log_groups": [
                    *(log_group_name(self._names, concern) for concern in functions),
                    *log_groups(self._settings),
                ],
                "rules": [rule_name(self._names, concern) for concern in controllers],
                "deletion_days": self._settings.kms_deletion_days,
            },
            self._opts,
        )

    def _alerts(self, keys: Keys) -> Alerts:
        chosen = self._settings.alerts
        return Alerts(
            "alerts",
            {
                "installation": self._me,
                "account_id": self._account,
                "key_arn": keys.alerts_arn,
                "emails": [email.get_secret_value() for email in chosen.alert_emails],
                "queue_arns": list(chosen.alert_queue_arns),
            },
            self._opts,
        )

    def _copy(self) -> BackupCopy:
        chosen, region = self._settings.storage, self._settings.storage.backup_copy_region or ""
        return BackupCopy(
            "backup-copy",
            {
                "installation": {**self._me, "region": region},
                "account_id": self._account,
                "infrequent_days": chosen.backup_infrequent_days,
                "glacier_days": chosen.backup_glacier_days,
                "expire_days": chosen.backup_expire_days,
                "deletion_days": self._settings.kms_deletion_days,
                "force_destroy": chosen.force_destroy,
            },
            pulumi.ResourceOptions(provider=self._provider_of("aws-copy", region)),
        )

    def _storage(self, keys: Keys, copy: BackupCopy | None) -> Storage:
        chosen = self._settings.storage
        args: StorageArgs = {
            "installation": self._me,
            "account_id": self._account,
            "key_arn": keys.main_arn,
            "records_history_days": chosen.records_history_days,
            "reports_days": chosen.reports_days,
            "infrequent_days": chosen.backup_infrequent_days,
            "glacier_days": chosen.backup_glacier_days,
            "expire_days": chosen.backup_expire_days,
            "force_destroy": chosen.force_destroy,
        }
        if copy is None:
            return Storage("storage", args, self._opts)
        args["copy_bucket_arn"], args["copy_key_arn"] = copy.bucket_arn, copy.key_arn
        args["copy_region"] = chosen.backup_copy_region or ""
        after = pulumi.ResourceOptions(provider=self._provider, depends_on=[copy])
        return Storage("storage", args, after)

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

    def _secrets(self, keys: Keys) -> Secrets:
        alerts = self._settings.alerts
        return Secrets(
            "secrets",
            {
                "installation": self._me,
                "key_arn": keys.main_arn,
                "application_secret": self._settings.secrets.deploy_secret,
                "recovery_days": self._settings.secret_recovery_days,
                "addresses": [email.get_secret_value() for email in alerts.alert_emails],
                "webhooks": [hook.get_secret_value() for hook in alerts.alert_webhooks],
            },
            self._opts,
        )

    def _beside(self, parts: Parts) -> Beside:
        return Beside(
            account_id=self._account,
            key_arn=parts.keys.main_arn,
            topic_arn=parts.alerts.topic_arn,
            log_bucket=parts.storage.logs_name,
            log_prefix=BALANCER_PREFIX,
            backup_bucket_arn=parts.storage.backup_arn,
            ready=parts.storage,
        )

    def _backup(self, parts: Parts) -> Backup:
        chosen = self._settings.storage
        return Backup(
            "backup",
            {
                "installation": self._me,
                "key_arn": parts.keys.main_arn,
                "topic_arn": parts.alerts.topic_arn,
                "schedule": chosen.backup_schedule,
                "retention_days": chosen.backup_retention_days,
                "tag_key": chosen.backup_tag_key,
                "tag_value": chosen.backup_tag_value,
                "restore_testing": chosen.restore_testing,
                "force_destroy": chosen.force_destroy,
                "alarms": alarm_args(self._settings),
            },
            self._opts,
        )

    def _shared(self, parts: Parts) -> ConcernArgs:
        return {
            "installation": self._me,
            "account_id": self._account,
            "artifact": self._artifact,
            "ledger_name": parts.storage.ledger_name,
            "ledger_arn": parts.storage.ledger_arn,
            "key_arn": parts.keys.main_arn,
            "topic_arn": parts.alerts.topic_arn,
            "topic_key_arn": parts.keys.alerts_arn,
            "function": function_args(self._settings),
        }

    def _recovery(self, parts: Parts) -> Recovery:
        chosen = self._settings.recovery
        return Recovery(
            "recovery",
            {
                **self._shared(parts),
                "tag_key": chosen.recover_tag_key,
                "tag_value": chosen.recover_tag_value,
                "retry_interval_minutes": chosen.retry_interval_minutes,
                "max_attempts": chosen.max_attempts,
                "impaired": chosen.impaired,
                "types_tag": chosen.types_tag,
                "ask_who_stopped": chosen.ask_who_stopped,
                "policy": dict(chosen.recovery_policy),
                "sweep_minutes": chosen.sweep_minutes,
                "batch_window_seconds": chosen.batch_window_seconds,
            },
            self._opts,
        )

    def _rebuild(self, parts: Parts) -> Rebuild:
        chosen, sweeps = self._settings.rebuild, self._settings.recovery
        network, existing = parts.ground.network, self._settings.network.existing_vpc_id
        own = [network.vpc_id] if network else [existing] if existing else []
        return Rebuild(
            "rebuild",
            {
                **self._shared(parts),
                "vpc_ids": [*own, *chosen.rebuild_vpc_ids],
                "image_owners": list(chosen.rebuild_image_owners),
                "tag_key": chosen.rebuild_tag_key,
                "tag_value": chosen.rebuild_tag_value,
                "role_arns": list(chosen.rebuild_role_arns),
                "terminated": chosen.rebuild_terminated,
                "drift": chosen.rebuild_drift,
                "ask_who_stopped": sweeps.ask_who_stopped,
                "policy": dict(chosen.rebuild_policy),
                "sweep_minutes": sweeps.sweep_minutes,
                "batch_window_seconds": sweeps.batch_window_seconds,
            },
            self._opts,
        )

    def _compliance(self, parts: Parts) -> Compliance:
        chosen = self._settings.compliance
        return Compliance(
            "compliance",
            {
                **self._shared(parts),
                "rules": self._rules(),
                "accounts": list(chosen.compliance_accounts),
                "regions": list(chosen.compliance_regions or []),
                "external_id": chosen.compliance_external_id or "",
                "digest": chosen.compliance_digest,
                "lanes": chosen.compliance_lanes,
                "sweep_minutes": 60 * chosen.compliance_sweep_hours,
            },
            self._opts,
        )

    def _rules(self) -> str:
        file = self._settings.compliance.compliance_rules or ""
        return compiled(Path(find_artifact(file)))

    def _remediation(self, parts: Parts) -> Remediation:
        chosen = self._settings.remediation
        return Remediation(
            "remediation",
            {
                **self._shared(parts),
                "rules": self._rules(),
                "mode": chosen.remediation_mode,
                "most_changes": chosen.remediation_most_changes,
                "policy": dict(chosen.remediation_policy),
                "sweep_minutes": chosen.remediation_sweep_minutes,
                "batch_window_seconds": self._settings.recovery.batch_window_seconds,
            },
            self._opts,
        )

    def _health(self, parts: Parts) -> Health:
        chosen = self._settings.health
        return Health(
            "health",
            {
                **self._shared(parts),
                "tag_key": chosen.heal_tag_key,
                "tag_value": chosen.heal_tag_value,
                "consecutive": chosen.consecutive_samples,
                "max_replacements": chosen.max_replacements,
                "healthy_floor_percent": chosen.healthy_floor_percent,
                "outage_threshold_percent": chosen.outage_threshold_percent,
                "suspension_minutes": chosen.suspension_minutes,
                "replace_silent_agents": chosen.replace_silent_agents,
                "alarm_prefix": chosen.application_alarm_prefix,
                "policy": dict(chosen.health_policy),
                "sweep_minutes": chosen.health_sweep_minutes,
                "batch_window_seconds": self._settings.recovery.batch_window_seconds,
            },
            self._opts,
        )

    def _bridge(self, parts: Parts) -> Bridge:
        return Bridge(
            "bridge",
            {
                "installation": self._me,
                "account_id": self._account,
                "artifact": self._artifact,
                "key_arn": parts.keys.main_arn,
                "topic_arn": parts.alerts.topic_arn,
                "webhooks": bool(self._settings.alerts.alert_webhooks),
                "function": function_args(self._settings),
            },
            self._opts,
        )

    def _dashboard(self, parts: Parts) -> Dashboard:
        args: DashboardArgs = {
            "installation": self._me,
            "concerns": list(parts.controllers),
            "alarm_arns": alarm_arns(parts),
            "bridge": parts.bridge is not None,
            "compliance": parts.compliance is not None,
        }
        if parts.ground.compute is not None:
            args["group_name"] = parts.ground.compute.group_name
        return Dashboard("dashboard", args, self._opts)

    def _directory(self, parts: Parts) -> None:
        controllers, promised = parts.controllers, 60 * self._settings.recovery.promise_minutes
        Directory(
            "directory",
            {
                "installation": self._me,
                "account_id": self._account,
                "ledger_name": parts.storage.ledger_name,
                "topic_arn": parts.alerts.topic_arn,
                "queues": {name: part.queue_url for name, part in controllers.items()},
                "functions": {
                    name: part.function_arn
                    for name, part in parts.functions.items()
                    if name != BRIDGE
                },
                # Nobody is promised that a missing tag is filled in within minutes.
                "promises": {one: promised for one in controllers if one != REMEDIATION},
            },
            self._opts,
        )

"""The settings of what runs: storage, secrets, alerts, the controllers and recovery."""

from fleetmend.components.settings_groups import Group
from fleetmend.components.settings_policy import HealthFields, RecoveryFields, further
from fleetmend.components.settings_types import (
    Emails,
    MissingData,
    QueueArns,
    Retention,
    TagKey,
    TimeZone,
    Webhooks,
    setting,
    switch,
)
from fleetmend.core.instance_types import TAG

DAYS = "a whole number of days, 1 or more"


class StorageSettings(Group):
    """Buckets and backup."""

    records_history_days: int = setting(
        730, "How long the old versions of records are kept.", valid=DAYS, ge=1
    )
    reports_days: int = setting(90, "How long reports are kept.", valid=DAYS, ge=1)
    backup_infrequent_days: int = setting(
        30,
        "Old versions in the backup bucket move to STANDARD_IA after this.",
        valid="30 or more (S3 takes nothing younger)",
        ge=30,
    )
    backup_glacier_days: int = setting(
        90,
        "Old versions move to GLACIER after this.",
        valid="at least 30 more than backupInfrequentDays",
        ge=60,
    )
    backup_expire_days: int = setting(
        365,
        "Old versions are removed after this.",
        valid="more than backupGlacierDays",
        ge=61,
    )
    backup_copy_region: str | None = setting(
        None,
        "Another region that the backup bucket is copied to.",
        valid="a region on the allow-list other than region",
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d$",
    )
    deploy_backup: bool = switch("Make a backup vault and plan.", on=True)
    backup_schedule: str = setting(
        "cron(0 5 ? * * *)",
        "When AWS Backup makes recovery points (UTC).",
        valid="a cron expression of AWS Backup such as cron(0 5 ? * * *)",
        pattern=r"^cron\(\S+( \S+){5}\)$",
    )
    backup_retention_days: int = setting(35, "How long recovery points are kept.", valid=DAYS, ge=1)
    backup_tag_key: TagKey = setting(
        "Backup",
        "Resources with this tag are backed up.",
        valid="1 to 128 letters, digits, spaces and . : / = + - @ _, not beginning with aws:",
    )
    backup_tag_value: str = setting(
        "true", "The value that tag must have.", valid="up to 256 characters", max_length=256
    )
    restore_testing: bool = switch(
        "Restore a recovery point every week to see that it can be.", on=False
    )
    force_destroy: bool = switch(
        "Let `down` delete buckets and vaults that are not empty. Refused in prod.", on=False
    )


class SecretsSettings(Group):
    """Keys and secrets."""

    deploy_secret: bool = switch(
        "Make a secret for the application, with a value that AWS makes up once.", on=True
    )
    kms_deletion_days: int | None = setting(
        None,
        "How long a deleted key can be brought back; 30 in prod, else 7.",
        valid="7 to 30",
        ge=7,
        le=30,
    )
    secret_recovery_days: int | None = setting(
        None,
        "How long a deleted secret can be brought back; 30 in prod, else 0 (at once).",
        valid="0, or 7 to 30",
        ge=0,
        le=30,
    )


class AlertSettings(Group):
    """Who is told, and when an alarm is one."""

    alert_emails: Emails = setting(
        [],
        "Who gets alerts by e-mail. Each address has to be confirmed by its owner.",
        valid="e-mail addresses with commas between them",
    )
    alert_webhooks: Webhooks = setting(
        [],
        "Slack or other webhooks, and PagerDuty services, that get alerts.",
        valid="https addresses with commas between them, or pagerduty: and a routing key of 32 "
        "characters",
    )
    alert_queue_arns: QueueArns = setting(
        [],
        "SQS queues that get every alert; their own policies must let the topic in.",
        valid="ARNs of SQS queues with commas between them, each once",
    )
    deploy_bridge: bool = switch(
        "Install the function that tells webhooks and counts who is really subscribed.", on=True
    )
    deploy_dashboard: bool = switch("Make a dashboard and log queries.", on=True)
    alarm_period_seconds: int = setting(
        60,
        "The period of our alarms. One minute, because the functions run every few.",
        valid="10, 30, or a multiple of 60 up to 86400",
        ge=10,
        le=86400,
    )
    alarm_evaluation_periods: int = setting(
        5,
        "Periods an alarm looks at. Five, so that a sweep every two minutes is surely in it.",
        valid="1 or more",
        ge=1,
        le=1440,
    )
    alarm_datapoints: int = setting(
        1,
        "Periods of these that must breach. One, because one failed run is worth knowing.",
        valid="1 to alarmEvaluationPeriods",
        ge=1,
        le=1440,
    )
    alarm_missing_data: MissingData = setting(
        MissingData.NOT_BREACHING,
        "What no data means to an alarm on errors: nothing failed. (The heartbeat alarm takes "
        "silence for trouble, whatever stands here.)",
        valid="breaching, notBreaching, ignore or missing",
    )
    function_errors_threshold: int = setting(
        1, "Failed runs of a function that raise its alarm.", valid="1 or more", ge=1
    )
    function_throttles_threshold: int = setting(
        1, "Throttled runs of a function that raise its alarm.", valid="1 or more", ge=1
    )
    function_duration_percent: int = setting(
        80,
        "A run longer than this share of the time-out raises the alarm: the next one may not end.",
        valid="10 to 99",
        ge=10,
        le=99,
    )
    dead_letters_threshold: int = setting(
        1,
        "Dead letters that raise the alarm. One is a message nobody handled.",
        valid="1 or more",
        ge=1,
    )
    oldest_message_seconds: int = setting(
        300,
        "Age of the oldest waiting message that raises the alarm: as old as the promise.",
        valid="60 to 86400",
        ge=60,
        le=86400,
    )
    oldest_look_seconds: int = setting(
        600,
        "How long a subject may go without a look before the heartbeat alarm: five sweeps.",
        valid="at least twice sweepMinutes, up to 86400",
        ge=60,
        le=86400,
    )


class ControllerSettings(Group):
    """What every controller's function has in common."""

    lambda_artifact: str = setting(
        "dist/fleetmend-lambda.zip",
        "The zip that `fleetmend package` made; a path that is not absolute is looked for where "
        "the program runs and in the folders above. `check` works without it, deploying does not.",
        valid="the path of a zip, such as dist/fleetmend-lambda.zip",
        pattern=r"^.+\.zip$",
    )
    lambda_runtime: str = setting(
        "python3.13",
        "The functions' runtime.",
        valid="python3.11, python3.12, python3.13 or python3.14",
        pattern=r"^python3\.1[1-4]$",
    )
    lambda_architecture: str = setting(
        "arm64",
        "The functions' processor; the artifact runs on both.",
        valid="arm64 or x86_64",
        pattern=r"^(arm64|x86_64)$",
    )
    lambda_memory_mb: int = setting(
        512,
        "Memory of a function in MB; processor time grows with it.",
        valid="128 to 10240",
        ge=128,
        le=10240,
    )
    lambda_timeout_seconds: int = setting(
        60,
        "Longest run of a function. An intent lives 90 seconds, which must outlast a run.",
        valid="10 to 60",
        ge=10,
        le=60,
    )
    log_retention_days: Retention | None = setting(
        None,
        "How long logs are kept; 30 days in prod, else 14.",
        valid="a number of days that CloudWatch Logs accepts: 1, 3, 5, 7, 14, 30, 60, 90, …",
    )
    log_level: str = setting(
        "INFO",
        "How much the functions log.",
        valid="DEBUG, INFO, WARNING or ERROR",
        pattern=r"^(DEBUG|INFO|WARNING|ERROR)$",
    )
    schedule_time_zone: TimeZone = setting(
        "UTC",
        "The schedules' time zone.",
        valid="a name of the IANA time zone database such as UTC or Europe/Berlin",
    )


class HealthSettings(Group):
    """Health: which groups it looks after, and how carefully."""

    deploy_health: bool = switch("Install the health controller.", on=True)
    heal_tag_key: TagKey = setting(
        "Auto-Heal",
        "Auto Scaling groups with this tag are looked after; the one made here gets it.",
        valid="1 to 128 letters, digits, spaces and . : / = + - @ _, not beginning with aws:",
    )
    heal_tag_value: str = setting(
        "true",
        "The value that tag must have.",
        valid="1 to 256 letters, digits, spaces and . : / = + - @ _",
        pattern=r"^[\w\s.:/=+\-@]+$",
        max_length=256,
    )
    health_sweep_minutes: int = setting(
        1,
        "How often every group is looked at: each look is a sample. It also bounds how much Auto "
        "Scaling may replace by itself before an outage is noticed.",
        valid="a whole number of minutes from 1 to 60",
        ge=1,
        le=60,
    )
    consecutive_samples: int = setting(
        3, "Bad samples in a row until an instance is ill.", valid="1 to 100", ge=1, le=100
    )
    max_replacements: int = setting(
        1, "Most replacements in flight in one group.", valid="1 to 100", ge=1, le=100
    )
    healthy_floor_percent: int = setting(
        50,
        "Share of a group's desired capacity that must stay healthy for one more to be replaced.",
        valid="0 to 100",
        ge=0,
        le=100,
    )
    outage_threshold_percent: int = setting(
        30,
        "More than this share of a group ill at once, and at least two, is an outage.",
        valid="0 to 100",
        ge=0,
        le=100,
    )
    suspension_minutes: int = setting(
        30,
        "Longest time for which an outage keeps Auto Scaling from replacing by itself.",
        valid="1 to 1440",
        ge=1,
        le=1440,
    )
    replace_silent_agents: bool = switch(
        "Replace an instance whose SSM agent is silent. Else it is only told.", on=False
    )
    health_policy: HealthFields = further("health", "docs/health.md", '{"boot_grace": 600}')
    application_alarm_prefix: str = setting(
        "",
        "CloudWatch alarms whose names begin so, and that have an InstanceId among their "
        "dimensions, are that instance's application alarm. Without it there are none.",
        valid="up to 255 letters, digits and . _ / # -",
        pattern=r"^[A-Za-z0-9._/#-]*$",
        max_length=255,
    )


class RecoverySettings(Group):
    """Recovery: what it looks after, and how fast."""

    deploy_recovery: bool = switch("Install the recovery controller.", on=True)
    mode: str = setting(
        "act",
        "What the controllers may do at first; afterwards `fleetmend mode` changes it.",
        valid="off, observe or act",
        pattern=r"^(off|observe|act)$",
    )
    recover_tag_key: TagKey = setting(
        "Auto-Recover",
        "Instances with this tag are looked after.",
        valid="1 to 128 letters, digits, spaces and . : / = + - @ _, not beginning with aws:",
    )
    recover_tag_value: str = setting(
        "true",
        "The value that tag must have.",
        valid="1 to 256 letters, digits, spaces and . : / = + - @ _",
        pattern=r"^[\w\s.:/=+\-@]+$",
        max_length=256,
    )
    sweep_minutes: int = setting(
        2,
        "How often the whole fleet is looked at. Two minutes, because a sweep every five cannot "
        "keep a promise of five.",
        valid="a whole number of minutes from 1 to 60",
        ge=1,
        le=60,
    )
    retry_interval_minutes: int = setting(
        5,
        "Least time between two attempts to start the same instance.",
        valid="a whole number of minutes from 1 to 1440",
        env="RETRY_INTERVAL_MINUTES",
        ge=1,
        le=1440,
    )
    max_attempts: int = setting(
        3, "Most starts issued in one incident.", valid="a whole number from 1 to 20", ge=1, le=20
    )
    impaired: str = setting(
        "off",
        "What becomes of instances that run with a failing status check. Off by default, since a "
        "machine that fails a check may still be serving; with reboot or move the function may "
        "reboot, or reboot and stop, what carries the tag.",
        valid="off, reboot, or move (a reboot, then a stop and start on another host)",
        pattern=r"^(off|reboot|move)$",
    )
    deploy_type_change: bool = switch(
        "Give stopped instances another type where their own has no capacity, of those that they "
        "list in a tag. It brings a role that may change types, which recovery's function may "
        "take; without it nothing in the installation may.",
        on=False,
    )
    alternative_types_tag_key: TagKey = setting(
        TAG,
        "The tag that lists alternative types, in order, with spaces between.",
        valid="1 to 128 letters, digits, spaces and . : / = + - @ _, not beginning with aws:",
    )
    ask_who_stopped: bool = switch(
        "Have recovery and rebuild ask CloudTrail who stopped or terminated what they tell of. "
        "Their functions may then read the event history of the region, which names every caller.",
        on=False,
    )
    recovery_policy: RecoveryFields = further(
        "recovery", "docs/recovery.md", '{"mass_count": 80, "capacity_window": 7200}'
    )
    promise_minutes: int = setting(
        5,
        "Promised time from `stopped` to the first attempt, with every event lost.",
        valid="a whole number of minutes from 1 to 1440 that the schedule can keep",
        ge=1,
        le=1440,
    )
    batch_window_seconds: int = setting(
        5,
        "How long events are gathered before the function is called.",
        valid="0 to 300",
        ge=0,
        le=300,
    )

    @property
    def types_tag(self) -> str:
        """The key of the tag that lists alternative types; empty where types stay as they are."""
        return self.alternative_types_tag_key if self.deploy_type_change else ""

"""What each concern's parameters may set: one table for each, and nothing else.

The functions read their parameters by it, the program judges its settings by it, and the command
line refuses by it what the functions would not take.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleetmend.core.compliance import MOST_LANES, CompliancePolicy
from fleetmend.core.fields import (
    DAY,
    LEASE,
    SIGHT,
    Declared,
    Duration,
    Number,
    Switch,
    Tag,
    Text,
    Texts,
    Whole,
    Windows,
    Word,
    Words,
)
from fleetmend.core.groups import HealthPolicy
from fleetmend.core.model import RecoveryPolicy
from fleetmend.core.rebuilding import RebuildPolicy
from fleetmend.core.remediation import RemediationPolicy
from fleetmend.core.times import DAYS


def _settle(policy: RecoveryPolicy) -> tuple[RecoveryPolicy, str]:
    if policy.capacity_first <= policy.capacity_longest:
        return policy, ""
    default = RecoveryPolicy()
    first, longest = default.capacity_first, default.capacity_longest
    settled = replace(policy, capacity_first=first, capacity_longest=longest)
    return settled, "capacity_first is longer than capacity_longest"


RECOVERY = Declared(
    RecoveryPolicy(),
    {
        "leave_to": Words(RecoveryPolicy().leave_to),
        "scheduler_tags": Words(),
        "quarantine_tags": Words(),
        "hold_windows": Windows(),
        "mass_stop": Word(("hold", "pace")),
        "who": Word(("unasked", "cloudtrail")),
        "mass_count": Whole(2, 1_000_000),
        "mass_share": Number(0.0, 1.0),
        "mass_window": Duration(0.01, DAY),
        "mass_wait": Duration(0.0, DAY),
        "mass_quiet": Duration(0.0, DAY),
        "pace": Whole(1, 100_000),
        "pace_every": Duration(0.01, DAY),
        "retry_interval": Duration(0.01, DAY),
        "capacity_first": Duration(0.01, DAY),
        "capacity_longest": Duration(0.01, DAY),
        "capacity_window": Duration(0.01, 30 * DAY),
        "transition_look": Duration(0.01, 900.0),
        "verify_look": Duration(0.01, 900.0),
        "verify_window": Duration(0.01, DAY),
        "settle": Duration(0.0, 3600.0),
        "impaired": Word(("off", "reboot", "move")),
        "impaired_wait": Duration(0.0, DAY),
        "impaired_mass": Whole(1, 1_000_000),
        "types_tag": Text(128),
        "types_wait": Duration(0.0, DAY),
        "intent_lifetime": LEASE,
        "observation_lifetime": SIGHT,
        "jitter": Number(0.0, 1.0),
        "max_attempts": Whole(1, 100),
        "selector": Tag(RecoveryPolicy().selector),
    },
    _settle,
)
"""What recovery's parameter may set; docs/recovery.md says what each means."""

REBUILD = Declared(
    RebuildPolicy(),
    {
        **RECOVERY.fields,
        "selector": Tag(RebuildPolicy().selector),
        "terminated": Word(("rebuild", "alert")),
        "source": Word(("newest", "image")),
        "drift": Word(("alert", "reattach", "restore")),
        "drift_window": Duration(0.01, 365 * DAY),
        "offer_window": Duration(0.01, 365 * DAY),
        "most_at_once": Whole(1, 1000),
    },
)
"""What rebuild's parameter may set; docs/recovery.md says what each means."""

HEALTH = Declared(
    HealthPolicy(),
    {
        "consecutive": Whole(1, 100),
        "sample_every": Duration(0.01, 3600.0),
        "boot_grace": Duration(0.0, DAY),
        "target_grace": Duration(0.0, DAY),
        "alarm_grace": Duration(0.0, DAY),
        "agent_grace": Duration(0.0, DAY),
        "retire_ahead": Duration(0.0, 30 * DAY),
        "replace_silent_agents": Switch(),
        "alarm_prefix": Text(255),
        "max_replacements": Whole(1, 100),
        "healthy_floor": Number(0.0, 1.0),
        "outage_threshold": Number(0.0, 1.0),
        "suspension": Duration(0.01, DAY),
        "verify_window": Duration(0.01, DAY),
        "intent_lifetime": LEASE,
        "observation_lifetime": SIGHT,
        "selector": Tag(HealthPolicy().selector),
    },
)
"""What health's parameter may set; docs/health.md says what each means."""

_SHARED = (
    *("leave_to", "scheduler_tags", "quarantine_tags", "hold_windows"),
    *("retry_interval", "jitter", "max_attempts", "transition_look"),
    *("capacity_first", "capacity_longest", "capacity_window"),
    *("intent_lifetime", "observation_lifetime"),
)
"""What means the same for remediation as for recovery."""

REMEDIATION = Declared(
    RemediationPolicy(),
    {
        **{name: RECOVERY.fields[name] for name in _SHARED},
        "most_changes": Whole(0, 10_000),
        "settle": Duration(0.01, 3600.0),
    },
)
"""What remediation's parameter may set; docs/compliance.md says what each means."""

COMPLIANCE = Declared(
    CompliancePolicy(),
    {
        "accounts": Texts(r"\d{12}", "an account's 12 digits"),
        "regions": Texts(r"[a-z]{2}(-[a-z]+)+-\d", "a region such as eu-west-1"),
        "digest": Word((*DAYS, "never")),
        "lanes": Whole(1, MOST_LANES),
    },
)
"""What compliance's parameter may set; docs/compliance.md says what each means."""

BY_CONCERN: Mapping[str, Declared[Any]] = {
    "recovery": RECOVERY,
    "rebuild": REBUILD,
    "health": HEALTH,
    "remediation": REMEDIATION,
    "compliance": COMPLIANCE,
}
"""The tables by the concern's name."""

"""Recovery's entry: stopped instances in the fleet that EC2 tells of."""

from dataclasses import replace

from fleetmend.aws.ec2 import DryRunFleet, Ec2Fleet
from fleetmend.core.decisions.recovery import CONCERN
from fleetmend.core.events import INSTANCES
from fleetmend.core.model import RecoveryPolicy
from fleetmend.core.practices import recovering
from fleetmend.core.survey import Seen, Survey
from fleetmend.lambdas import controller
from fleetmend.lambdas.controller import Bound, Concern
from fleetmend.lambdas.fields import (
    DAY,
    LEASE,
    SIGHT,
    Declared,
    Duration,
    Number,
    Tag,
    Whole,
    Windows,
    Word,
    Words,
)
from fleetmend.lambdas.wiring import Wired


def _settle(policy: RecoveryPolicy) -> tuple[RecoveryPolicy, str]:
    if policy.capacity_first <= policy.capacity_longest:
        return policy, ""
    default = RecoveryPolicy()
    first, longest = default.capacity_first, default.capacity_longest
    settled = replace(policy, capacity_first=first, capacity_longest=longest)
    return settled, "capacity_first is longer than capacity_longest"


POLICY = Declared(
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
        "intent_lifetime": LEASE,
        "observation_lifetime": SIGHT,
        "jitter": Number(0.0, 1.0),
        "max_attempts": Whole(1, 100),
        "selector": Tag(RecoveryPolicy().selector),
    },
    _settle,
)
"""What recovery's parameter may set; docs/recovery.md says what each means."""


def _bind(policy: RecoveryPolicy, wired: Wired) -> Bound[Seen]:
    """A sweep looks at all that is down; the loop adds every open incident."""
    fleet = Ec2Fleet(wired.client("ec2"), clock=wired.ports.ledger.now, remaining=wired.remaining)
    port = DryRunFleet(fleet) if wired.watching else fleet
    survey = Survey(port, wired.ports.ledger, policy)
    return Bound(recovering(port, survey, policy), survey.subjects, beside=survey.beside)


RECOVERY = Concern(
    CONCERN, POLICY, INSTANCES, _bind, asks_who=lambda policy: policy.who == "cloudtrail"
)
"""All that the shared entry needs to know of recovery."""

handler = controller.handler(RECOVERY)
"""What Lambda calls."""

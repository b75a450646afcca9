"""Recovery's entry: stopped instances in the fleet that EC2 tells of."""

from fleetmend.aws.ec2 import DryRunFleet, Ec2Fleet
from fleetmend.core import declared
from fleetmend.core.decisions.recovery import CONCERN, debts
from fleetmend.core.events import INSTANCES
from fleetmend.core.model import RecoveryPolicy
from fleetmend.core.practices import owning_up, recovering
from fleetmend.core.survey import Seen, Survey
from fleetmend.lambdas import controller
from fleetmend.lambdas.controller import Bound, Concern
from fleetmend.lambdas.wiring import Wired, recorded


def _bind(policy: RecoveryPolicy, wired: Wired) -> Bound[Seen]:
    """A sweep looks at all that is down; the loop adds every open incident."""
    fleet = Ec2Fleet(
        wired.client("ec2"),
        clock=wired.ports.ledger.now,
        remaining=wired.remaining,
        types=wired.retyper,
    )
    port = DryRunFleet(fleet) if wired.watching else fleet
    survey = Survey(port, wired.ports.ledger, policy)
    return Bound(recovering(port, survey, policy), survey.subjects, beside=survey.beside)


def _debts(policy: RecoveryPolicy, wired: Wired) -> Bound[Seen]:
    """What was stopped to be moved when the permission to act was taken away."""
    fleet = Ec2Fleet(wired.client("ec2"), clock=wired.ports.ledger.now, remaining=wired.remaining)
    why = f"the mode is {policy.mode}, so that nothing is started"

    def subjects() -> list[str]:
        found = wired.records.open()
        return recorded(wired, found, lambda stored: debts.may_be_owed(stored.record))

    return Bound(owning_up(DryRunFleet(fleet), policy, why), subjects)


RECOVERY = Concern(
    CONCERN,
    declared.RECOVERY,
    INSTANCES,
    _bind,
    asks_who=lambda policy: policy.who == "cloudtrail",
    debts=_debts,
)
"""All that the shared entry needs to know of recovery."""

handler = controller.handler(RECOVERY)
"""What Lambda calls."""

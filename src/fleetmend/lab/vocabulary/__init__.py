"""The words of scenario files: one file for each concern, others for what all share."""

from collections.abc import Mapping

from fleetmend.core.compliance import CompliancePolicy
from fleetmend.core.groups import HealthPolicy
from fleetmend.core.model import RecoveryPolicy
from fleetmend.core.rebuilding import RebuildPolicy
from fleetmend.core.remediation import RemediationPolicy
from fleetmend.lab.vocabulary import (
    aws,
    compliance,
    fleet,
    health,
    rebuild,
    recovery,
    remediation,
    runs,
)
from fleetmend.lab.vocabulary.compliance import ComplianceOverrides
from fleetmend.lab.vocabulary.general import End
from fleetmend.lab.vocabulary.health import HealthOverrides
from fleetmend.lab.vocabulary.rebuild import RebuildOverrides
from fleetmend.lab.vocabulary.recovery import PolicyOverrides
from fleetmend.lab.vocabulary.remediation import RemediationOverrides, RulesInForce

__all__ = [
    "POLICIES",
    "ComplianceOverrides",
    "End",
    "HealthOverrides",
    "Policy",
    "PolicyOverrides",
    "RebuildOverrides",
    "RemediationOverrides",
    "RulesInForce",
    "aws",
    "compliance",
    "fleet",
    "health",
    "rebuild",
    "recovery",
    "remediation",
    "runs",
]

Policy = RecoveryPolicy | HealthPolicy | CompliancePolicy

POLICIES: Mapping[str, type[Policy]] = {
    "recovery": RecoveryPolicy,
    "rebuild": RebuildPolicy,
    "health": HealthPolicy,
    "remediation": RemediationPolicy,
    "compliance": CompliancePolicy,
}
"""The policy of each concern."""

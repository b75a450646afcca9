"""The words of scenario files: one file for each concern, others for what all share."""

from fleetmend.lab.vocabulary import aws, fleet, health, rebuild, recovery, runs
from fleetmend.lab.vocabulary.general import End
from fleetmend.lab.vocabulary.health import HealthOverrides
from fleetmend.lab.vocabulary.rebuild import RebuildOverrides
from fleetmend.lab.vocabulary.recovery import PolicyOverrides

__all__ = [
    "End",
    "HealthOverrides",
    "PolicyOverrides",
    "RebuildOverrides",
    "aws",
    "fleet",
    "health",
    "rebuild",
    "recovery",
    "runs",
]
